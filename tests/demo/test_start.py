"""What the page's start waits for."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from esrgan.demo import examples
from esrgan.demo.example_results import THUMBNAIL_SIDE
from esrgan.models import zoo
from tests.conftest import PATIENCE, free_port, wait_for

ROOT = Path(__file__).parents[2]
# The page as `python app.py` builds it, and what its first visitor is shown before the slider's
# frames; torch takes a second or more.
FIRST_SCREEN = """
import sys
from esrgan.demo import choice, comparison, examples
from esrgan.demo.compare import session
from esrgan.demo.page import build
from esrgan.demo.viewer import Link

build()
assert "torch" not in sys.modules, "the page imports torch"
file = examples.pictures()[examples.FIRST]
begun = comparison.begin(str(file), True, choice.builtin_trio())
shown = session.begin("run", begun, Link())
for state in comparison.run(begun):
    shown = session.add_result(shown, state)
assert len(state.results) == 3
comparison.network_interpolated(state, 0.8)
assert "torch" not in sys.modules, "stored pictures need torch"
choice.load_builtin()
assert "torch" in sys.modules
"""


@pytest.mark.slow
def test_the_first_screen_is_there_before_torch(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    result = subprocess.run(
        [sys.executable, "-c", FIRST_SCREEN],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
def test_ctrl_c_ends_the_server_in_the_middle_of_a_network(tmp_path):
    from gradio_client import Client, handle_file
    from gradio_client.utils import Status

    Image.new("RGB", (400, 300), "olive").save(tmp_path / "large.png")
    Image.new("RGB", (8, 8), "olive").save(tmp_path / "small.png")
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "GRADIO_TEMP_DIR": str(tmp_path / "served")},
        stderr=subprocess.PIPE,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}", server)
        client = Client(f"http://127.0.0.1:{port}", verbose=False)
        picture = handle_file(tmp_path / "large.png")
        small = handle_file(tmp_path / "small.png")  # so that the networks are ready
        client.predict(picture=small, alpha=0.3, api_name="/upscale")
        job = client.submit(picture=picture, alpha=0.3, api_name="/upscale")
        while job.status().code != Status.PROCESSING:
            time.sleep(0.02)
        server.send_signal(signal.SIGINT)
        _, complaints = server.communicate(timeout=PATIENCE)
        assert (server.returncode, complaints) == (0, b"")
    finally:
        server.kill()


def test_commands_are_listed_without_numpy_and_torch():
    script = """
import sys
from esrgan.commands import cli
try:
    cli.main(["--help"])
except SystemExit as ended:
    assert ended.code == 0
loaded = {"torch", "numpy", "PIL", "gradio"} & sys.modules.keys()
assert not loaded, loaded
"""
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE
    )
    assert result.returncode == 0, result.stderr
    assert "upscale" in result.stdout


@pytest.mark.parametrize("name", ["psnr", "gan", "gan-after"])
def test_what_is_known_of_a_builtin_model_unloaded_is_true(name, tmp_path):
    loaded = zoo.load(name)
    expected = {"architecture": type(loaded.network).__name__, **asdict(loaded.network.config)}
    assert zoo.builtin_config(loaded.file) == expected
    copy = tmp_path / loaded.file.name  # of which nothing is believed unread
    copy.write_bytes(loaded.file.read_bytes())
    assert zoo.builtin_config(copy) is None


def test_the_pages_own_files_weigh_little(tmp_path, monkeypatch):
    """All that a browser loads at first but for gradio's scripts (0.7 MB)."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    from esrgan.demo.page import build

    text = json.dumps(build().get_config_file(), default=str)
    files = {Path(found) for found in re.findall(r'"path": "(/[^"]+)"', text)}
    names = {file.stem for file in files}
    assert names >= set(examples.pictures())
    stored = {file.name for file in examples.RESULTS.iterdir()}
    comparison = {file for file in files if file.name in stored}
    assert len(comparison) == 7  # LR, bicubic, HR, three models' and the one between them
    assert sum(file.stat().st_size for file in comparison) < 900_000
    assert sum(file.stat().st_size for file in files - comparison) < 350_000
    assert len(text.replace(str(tmp_path), "").encode()) < 480_000


def test_thumbnails_are_of_the_examples():
    for name, file in examples.pictures().items():
        with Image.open(examples.thumbnail(name)) as small, Image.open(file) as picture:
            assert min(small.size) == THUMBNAIL_SIDE
            shrunk = np.asarray(picture.convert("RGB").resize(small.size, Image.Resampling.BOX))
            difference = np.abs(shrunk.astype(float) - np.asarray(small.convert("RGB")))
        assert difference.mean() < 10, name
