"""train/checkpoint.py: written while the training goes on, as it was when that was asked for."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch
from torch import Tensor

from esrgan.errors import UserError
from train import checkpoint
from train.checkpoint import CheckpointWriter, load_checkpoint, save_checkpoint
from train.config import make_config
from train.data import batches
from train.settings import load_preset
from train.stages import Stage, build_stage

CPU = torch.device("cpu")


@pytest.fixture
def build(training_pictures: Path, perceptual_file: Path) -> Callable[[], Stage]:
    def built() -> Stage:
        settings = {**load_preset("gan", "tiny"), "perceptual": str(perceptual_file)}
        changes = {"data": [str(training_pictures)], "batch_size": 2, "discriminator": "unet"}
        return build_stage(make_config("gan", {**settings, **changes}), CPU)

    return built


def step(stage: Stage, number: int = 0) -> None:
    for pair in batches(stage.dataset, 2, number, number + 1, num_workers=0, device=CPU):
        stage.step(*pair)


def tensors(stage: Stage) -> list[Tensor]:
    weights = [t.clone() for m in stage.modules.values() for t in m.state_dict().values()]
    moments = [
        t.clone()
        for o in stage.optimizers.values()
        for state in o.state_dict()["state"].values()
        for t in state.values()
    ]
    return [*weights, *moments]


def test_steps_go_on_while_it_is_written_and_do_not_show_in_it(
    build: Callable[[], Stage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, other, go_on, write = build(), build(), Event(), checkpoint._write

    def slowly(*arguments: Any) -> None:
        assert go_on.wait(60)
        write(*arguments)

    monkeypatch.setattr(checkpoint, "_write", slowly)
    step(stage)
    with CheckpointWriter(tmp_path) as writer:
        writer.save(1, stage)
        then = tensors(stage)
        step(stage, 1)
        assert not (tmp_path / "checkpoint.pt").exists()
        go_on.set()
    assert load_checkpoint(tmp_path, other).iteration == 1
    assert not all(map(torch.equal, tensors(stage), then))
    assert all(map(torch.equal, tensors(other), then))
    step(other, 1)
    assert all(map(torch.equal, tensors(other), tensors(stage)))


def test_the_last_of_several_is_what_remains(build: Callable[[], Stage], tmp_path: Path) -> None:
    stage = build()
    with CheckpointWriter(tmp_path) as writer:
        for iteration in (1, 2, 3):
            writer.save(iteration, stage)
        writer.wait()
        assert load_checkpoint(tmp_path, stage).iteration == 3
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_what_could_not_be_written_is_an_error_soon_and_at_the_end(
    build: Callable[[], Stage], tmp_path: Path
) -> None:
    stage = build()
    save_checkpoint(tmp_path, 1, stage)
    whole = (tmp_path / "checkpoint.pt").read_bytes()
    (tmp_path / "checkpoint.pt").unlink()
    (tmp_path / "checkpoint.pt").mkdir()
    writer = CheckpointWriter(tmp_path)
    writer.save(1, stage)
    with pytest.raises(UserError, match="directory"):
        writer.save(2, stage)
    with pytest.raises(UserError, match="directory"), CheckpointWriter(tmp_path) as writer:
        writer.save(3, stage)
    (tmp_path / "checkpoint.pt").rmdir()
    with suppress(ZeroDivisionError), CheckpointWriter(tmp_path) as writer:
        writer.save(1, stage)
        raise ZeroDivisionError
    assert (tmp_path / "checkpoint.pt").read_bytes() == whole
