"""Fixtures for training from the page: an empty folder of runs, and trainings that only wait."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from esrgan.demo.finetune import process
from esrgan.demo.finetune.run import running
from esrgan.demo.finetune.settings import Settings
from esrgan.models.checkpoints import save_generator
from esrgan.networks import RRDBNet
from tests.demo.finetune.helpers import wait_until
from tests.processes import forked_trainings

OWNERS_CHOICES = (
    *("SPACE_ID", "SPACES_ZERO_GPU", "GRADIO_SERVER_NAME", "GRADIO_SHARE"),
    *("ESRGAN_TRAINING_FOLDERS", "ESRGAN_ALLOW_TRAINING", "ESRGAN_SHARED_RUNS"),
)


@pytest.fixture(autouse=True, scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder from which the page serves; its owner has chosen nothing."""
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        for name in OWNERS_CHOICES:
            patch.delenv(name, raising=False)
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        yield folder


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of runs; a run that a test leaves is stopped."""
    monkeypatch.setenv("ESRGAN_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(process, "NICENESS", 0)  # CI has other tests to do, which would go first
    yield tmp_path / "runs"
    left = running()
    if left:
        os.kill(json.loads((tmp_path / "runs" / left / "process.json").read_text())["pid"], 9)
        wait_until(lambda: running() is None)


@pytest.fixture
def settings(tmp_path: Path, tiny_network: RRDBNet) -> Settings:
    save_generator(tmp_path / "mine.safetensors", tiny_network, {})
    start = tmp_path / "mine.safetensors"
    return Settings(stage="psnr", start=start, iterations=12, batch_size=2, crop_size=32)


@pytest.fixture
def pictures(training_pictures: Path) -> list[str]:
    return sorted(map(str, training_pictures.iterdir()))


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines of trainings, each of which waits to be stopped and does nothing else."""
    begin = subprocess.Popen
    begun: list[list[str]] = []

    def waiting(command: list[str], **options: Any) -> Any:
        if "train" in command:
            begun.append(command)
            command = [*command[: command.index(sys.executable)], "sleep", "1000"]
        return begin(command, **options)

    monkeypatch.setattr("subprocess.Popen", waiting)
    return begun


@pytest.fixture
def forked() -> Iterator[None]:
    """Trainings begin without the seconds that importing torch takes."""
    with forked_trainings():
        yield
