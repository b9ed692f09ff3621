"""What one visitor may ask of the machine: the limits that all tabs share, each told in words."""

import errno
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from esrgan.demo import choice, comparison, examples
from esrgan.demo.finetune import job
from esrgan.demo.finetune.settings import Settings
from esrgan.demo.limits import MAX_MODEL_FILES
from esrgan.demo.server import messages, sharing
from esrgan.demo.server.messages import told
from esrgan.demo.server.uploads import uploaded_files
from esrgan.demo.viewer import alphas_of
from esrgan.models.checkpoints import save_generator
from esrgan.models.interpolation import alpha_weights
from esrgan.pictures.files import atomic_path


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    monkeypatch.setenv("ESRGAN_RUNS", str(tmp_path / "runs"))


def test_what_takes_too_long_is_ended_after_its_latest_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = []

    def steps() -> Iterator[int]:
        try:
            yield from range(3)
        finally:
            ended.append(True)

    assert list(told(steps)()) == [0, 1, 2]
    monkeypatch.setattr(messages, "MAX_SECONDS", -1)
    shown = told(steps)()
    assert next(shown) == 0
    with pytest.raises(gr.Error, match="longer than 60 minutes"):
        next(shown)
    assert len(ended) == 2


@pytest.mark.parametrize(
    ("limit", "words"), [("MAX_PARAMETERS", "million parameters"), ("MAX_CHANNELS", "channels")]
)
def test_a_model_may_be_too_large_for_the_page(
    tmp_path: Path, tiny_network, monkeypatch: pytest.MonkeyPatch, refused, limit: str, words: str
) -> None:
    file = tmp_path / "model.safetensors"
    save_generator(file, tiny_network, {})
    monkeypatch.setattr(sharing, limit, 23)  # of the 24 channels and some thousand parameters
    with refused(words, "python -m esrgan"):
        comparison.upscaler(file)
    picture = str(next(iter(examples.pictures().values())))
    with refused(words):
        job.start(Settings(start=file), [picture])
    monkeypatch.undo()
    assert comparison.upscaler(file).scale == 4


def test_there_may_be_too_many_models(tmp_path: Path, refused) -> None:
    files = [str(tmp_path / f"{number}.pth") for number in range(MAX_MODEL_FILES + 1)]
    choice.offered(files[1:])
    with refused("up to 12 models", "not 13"):
        choice.chosen_trio("file 0", "file 1", "", files)


def test_a_full_disk_is_called_so(tmp_path: Path, refused) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(gr.Error, match="The server's disk is full"):
        told(full)()
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("x.png", b"x" * 100)
    files = uploaded_files(tmp_path / "x.zip")
    with refused("The server's disk is full"):
        next(files).copy_to(Path("/dev/full"), 1000)


def test_no_folder_of_the_server_is_told(tmp_path: Path) -> None:
    def write() -> None:
        (tmp_path / "served" / "x.png").mkdir(parents=True)
        with atomic_path(tmp_path / "served" / "x.png") as temporary:
            temporary.write_bytes(b"x")

    with pytest.raises(gr.Error) as caught:
        told(write)()
    assert caught.value.message.startswith("x.png could not be written")


def test_an_event_without_alphas_is_refused(refused) -> None:
    with refused("between 0 and 1"):
        alphas_of(gr.EventData(None, {"run": "x"}))


@pytest.mark.parametrize("alpha", [None, float("nan"), "1"])
def test_alpha_may_be_no_number(alpha: Any, refused) -> None:
    with refused("alpha must be between 0 and 1"):
        alpha_weights(alpha)
