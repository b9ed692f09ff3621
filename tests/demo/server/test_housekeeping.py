"""What the server keeps does not stay."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from PIL import Image

from esrgan.demo.server import housekeeping
from esrgan.demo.server.housekeeping import new_folder, seconds_kept, sweep
from esrgan.demo.server.served import jobs_folder, shared_copy
from tests.conftest import PATIENCE, free_port, wait_for

ROOT = Path(__file__).parents[3]
HOLD = """
from esrgan.demo.server.housekeeping import new_folder
print(new_folder(), flush=True)
input()
"""


def holder(script: str, **environment: str) -> tuple[subprocess.Popen[str], Path]:
    """A process, and its folder, which it prints before it waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def test_a_killed_servers_files_are_deleted_by_the_next_and_a_living_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed, abandoned = holder(HOLD, TMPDIR=str(tmp_path))
    living, used = holder(HOLD, TMPDIR=str(tmp_path))
    assert {abandoned.parent, used.parent} == {tmp_path}
    (abandoned / "picture.webp").write_bytes(b"x")
    killed.send_signal(signal.SIGKILL)
    killed.wait(PATIENCE)
    monkeypatch.setattr(housekeeping.tempfile, "tempdir", str(tmp_path))
    ours = new_folder()
    assert not abandoned.exists()
    assert used.is_dir()
    assert ours.is_dir()
    living.kill()
    living.wait(PATIENCE)


JOBS = """
from esrgan.demo.server.served import job_folder
print(job_folder("batches"), flush=True)
input()
"""


def test_a_killed_servers_jobs_are_deleted_by_the_next_where_the_owner_names_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, batch = holder(JOBS, GRADIO_TEMP_DIR=str(tmp_path))
    assert tmp_path in batch.parents
    (batch / "picture.png").write_bytes(b"x")
    process.kill()
    process.wait(PATIENCE)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    ours = jobs_folder()
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == [ours]


def test_a_copy_is_made_once_for_each_state_of_its_file_and_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, file = tmp_path / "served", tmp_path / "weights"
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(served))
    file.write_bytes(b"before")
    copies = {shared_copy(file, "mine.safetensors") for _ in range(60)}
    assert [path.read_bytes() for path in copies] == [b"before"]
    assert len(list(served.rglob("*.safetensors"))) == 1
    file.write_bytes(b"after")
    os.utime(file, ns=(0, 1))
    assert shared_copy(file, "mine.safetensors").read_bytes() == b"after"
    assert {path.name for path in copies} == {"mine.safetensors"}
    sweep(served, -1)
    assert list(served.iterdir()) == []


@contextmanager
def page(tmp: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A `python app.py` that answers, its temporary files below `tmp`; killed in the end."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TMPDIR": str(tmp)}
    environment.pop("GRADIO_TEMP_DIR", None)
    with subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    ) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}", server)
            yield server
        finally:
            server.kill()


@pytest.mark.skipif(
    "ESRGAN_LAUNCHER_TESTS" not in os.environ,
    reason="starts the page twice; asked for by ESRGAN_LAUNCHER_TESTS=1",
)
def test_after_a_kill_in_mid_run_the_next_start_is_clean(tmp_path: Path, photo) -> None:
    tmp, file = tmp_path / "tmp", tmp_path / "photo.png"
    tmp.mkdir()
    Image.fromarray(photo).resize((960, 960)).save(file)
    port = free_port()
    with page(tmp, port) as server:
        client = Client(f"http://127.0.0.1:{port}", verbose=False)
        job = client.submit(handle_file(file), api_name="/upscale")
        while not list(tmp.rglob("photo.png")):
            assert not job.done()
        (abandoned,) = tmp.glob("esrgan-served-*")
        server.send_signal(signal.SIGKILL)
        server.wait(PATIENCE)
    assert list(abandoned.rglob("photo.png"))
    with page(tmp, port):
        (ours,) = tmp.glob("esrgan-served-*")
        assert ours != abandoned
        client = Client(f"http://127.0.0.1:{port}", verbose=False)
        assert client.predict(api_name="/models")
        assert not list(ours.rglob("photo.png"))


def test_only_old_results_and_uploads_are_swept(tmp_path: Path) -> None:
    old, job = tmp_path / ("a" * 32), tmp_path / "evaluations"
    for folder in (old, job):
        folder.mkdir()
        (folder / "x.png").write_bytes(b"x")
    broken_off, lock = tmp_path / "tmpabc_1234", tmp_path / housekeeping.LOCK
    for file in (broken_off, lock):
        file.write_bytes(b"x")
    example, upload, new = (tmp_path / (letter * 64) for letter in "bcd")
    for folder in (example, upload):
        folder.mkdir()
        (folder / "x.png").write_bytes(b"x")
    # Nobody can set when a file changed.
    while time.time() - (upload / "x.png").lstat().st_ctime <= 1:
        time.sleep(0.05)
    new.mkdir()
    sweep(tmp_path, 1, {example})
    assert not old.exists()
    assert not upload.exists()
    assert not broken_off.exists()
    assert lock.is_file()
    assert (example / "x.png").is_file()
    assert job.is_dir()
    assert new.is_dir()


@pytest.mark.parametrize(("given", "kept"), [(None, 3600), ("20", 20), ("0", 1), ("soon", 3600)])
def test_the_owner_says_how_long(
    monkeypatch: pytest.MonkeyPatch, given: str | None, kept: int
) -> None:
    monkeypatch.delenv(housekeeping.KEEP_VARIABLE, raising=False)
    if given is not None:
        monkeypatch.setenv(housekeeping.KEEP_VARIABLE, given)
    assert seconds_kept() == kept
