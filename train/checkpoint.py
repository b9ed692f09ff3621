"""The checkpoint of a run: its last state, always whole, from which it goes on."""

import copy
import io
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from esrgan.errors import UserError
from esrgan.pictures.files import atomic_path
from esrgan.run_folder import checkpoint_path
from train.stages import Stage


class CheckpointWriter:
    """Writes a run's checkpoints while the training goes on: only the copying of the weights holds
    it up. When the context ends, also by an error, the last one is on the disk.

    Raises:
        UserError: it could not be written; from `save`, `wait` or the end of the context.
    """

    def __init__(self, run: Path) -> None:
        self._path = checkpoint_path(run)
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._writing: Future[None] | None = None

    def save(self, iteration: int, stage: Stage) -> None:
        """Have everything written that the rest of the run depends on, as it is now; the one before
        is awaited."""
        self.wait()
        state = _copied(_state(iteration, stage))
        self._writing = self._thread.submit(_write, self._path, state)

    def wait(self) -> None:
        """Until what was saved is on the disk."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def __enter__(self) -> "CheckpointWriter":
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        with self._thread:
            self.wait()


def save_checkpoint(run: Path, iteration: int, stage: Stage) -> None:
    """Write a checkpoint at once."""
    with CheckpointWriter(run) as writer:
        writer.save(iteration, stage)


def _state(iteration: int, stage: Stage) -> dict[str, Any]:
    return {
        "iteration": iteration,
        "modules": {name: module.state_dict() for name, module in stage.modules.items()},
        "optimizers": {name: o.state_dict() for name, o in stage.optimizers.items()},
        "scaler": stage.scaler.state_dict(),
        "pictures": stage.dataset.contents,
    }


def _copied(value: Any) -> Any:
    """With copies of all tensors, in the machine's own memory."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, list):
        return [_copied(each) for each in value]
    if isinstance(value, dict):
        made = copy.copy(value)  # and with what a state dict says of its layers' versions
        made.update({key: _copied(each) for key, each in value.items()})
        return made
    return value


def _write(path: Path, state: Mapping[str, Any]) -> None:
    whole = io.BytesIO()  # torch.save to a file hides why it can't be written
    torch.save(state, whole)
    with atomic_path(path) as temporary:
        temporary.write_bytes(whole.getbuffer())


def remains(run: Path) -> str:
    """What a run that ends by an error leaves to go on from, in a few words."""
    if checkpoint_path(run).is_file():
        return "The last checkpoint is intact; go on from it by --resume --allow-changes"
    return "There is no checkpoint yet; begin anew"


@dataclass(frozen=True)
class Reached:
    """What a checkpoint had reached: an iteration, with certain pictures (None: not known)."""

    iteration: int = 0
    pictures: str | None = None


def load_checkpoint(run: Path, stage: Stage) -> Reached:
    """Restore the stage from a run's checkpoint, if there is one.

    Raises:
        UserError: the checkpoint is damaged or of other networks.
    """
    path = checkpoint_path(run)
    if not path.is_file():
        return Reached()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        modules, optimizers = dict(state["modules"]), dict(state["optimizers"])
        reached = Reached(int(state["iteration"]), state.get("pictures"))
        difference = _difference(modules, stage)
    except Exception as error:  # torch.load raises anything on broken files
        raise UserError(f"{path} is damaged: it can't be read.") from error
    if difference:
        raise UserError(
            f"{path} is of other networks: {difference}. Leave out the settings that make them, or "
            "begin a run with another --out."
        )
    try:
        for name, module in stage.modules.items():
            module.load_state_dict(modules[name])
        for name, optimizer in stage.optimizers.items():
            optimizer.load_state_dict(optimizers[name])
        if state.get("scaler"):  # empty unless it was fp16
            stage.scaler.load_state_dict(state["scaler"])
    except (ValueError, KeyError, RuntimeError) as error:
        raise UserError(
            f"{path} is of another optimiser, or of other weights that are trained: leave out "
            "the settings that make them, or begin a run with another --out."
        ) from error
    return reached


def _difference(modules: Mapping[str, Mapping[str, torch.Tensor]], stage: Stage) -> str | None:
    """The first tensor in which the networks of a checkpoint are not the stage's, in words."""
    for name, module in stage.modules.items():
        if name not in modules:
            return f"there is no {name}"
        there, here = modules[name], module.state_dict()
        for key in [*here, *there]:
            if key not in there or key not in here:
                return f"{key} of the {name} is only {'there' if key in there else 'here'}"
            if there[key].shape != here[key].shape:
                shapes = ("×".join(map(str, each[key].shape)) for each in (there, here))
                return "{} of the {} is {} there, and {} here".format(key, name, *shapes)
    return None
