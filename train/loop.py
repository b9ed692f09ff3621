"""The one training loop."""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from PIL import Image
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from esrgan.errors import UserError
from esrgan.files import atomic_path
from esrgan.images import to_image
from train.config import Config, learning_rate
from train.data import batches
from train.stages import Scalars, Stage
from train.state import load_checkpoint, save_checkpoint


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the iteration it reached and the exported weights."""

    iteration: int
    finished: bool
    weights: Path


def train(
    stage: Stage, config: Config, run: Path, device: torch.device, facts: dict[str, Any]
) -> Outcome:
    """Train to `config.iterations`, from the run's checkpoint if it has one.

    Ctrl-C (or SIGTERM) ends it after the step at hand, with a checkpoint and exported weights.

    Raises:
        UserError: a loss is not finite any more, or the folder can't be written.
    """
    start = load_checkpoint(run, stage, device)
    begun = time.monotonic()
    figures: dict[str, float] = {}
    iteration = start
    loader = batches(
        stage.dataset, config.batch_size, start, config.iterations, config.num_workers, device
    )
    writer = SummaryWriter(str(run / "tensorboard"), purge_step=start + 1)
    progress = tqdm(total=config.iterations, initial=start, unit="it", dynamic_ncols=True)

    def save() -> None:
        figures.update(stage.validate())
        _log(writer, figures, iteration)
        save_checkpoint(run, iteration, stage)

    with writer, progress, _stop_requests() as stop_requested:
        for iteration, (first, second) in enumerate(loader, start=start + 1):
            # --- one step
            rate = learning_rate(config.schedule, iteration, config.iterations)
            _set_rate(stage, rate)
            losses = stage.step(first, second)
            progress.update()

            # --- what it did
            last = iteration == config.iterations
            if last or stop_requested() or iteration % config.log_every == 0:
                numbers = _finite(losses, iteration)
                progress.set_postfix(
                    {name.rpartition("/")[2]: f"{value:.4g}" for name, value in numbers.items()}
                )
                _log(writer, {**numbers, "learning_rate": rate}, iteration)
            if last or iteration % config.sample_every == 0:
                _save_sample(stage, writer, run, iteration)

            # --- what is kept of it
            if last or stop_requested() or iteration % config.save_every == 0:
                _finite(losses, iteration)
                save()
            if stop_requested():
                break
        seconds = round(time.monotonic() - begun, 1)
        ended = {**facts, **figures, "iterations": iteration, "seconds_of_last_session": seconds}
        return Outcome(iteration, iteration >= config.iterations, stage.export(run, ended))


def _set_rate(stage: Stage, rate: float) -> None:
    for name, optimizer in stage.optimizers.items():
        for group in optimizer.param_groups:
            group["lr"] = rate * stage.rates[name]


def _finite(losses: Scalars, iteration: int) -> dict[str, float]:
    numbers = {name: value.item() for name, value in losses.items()}
    for name, value in numbers.items():
        if not math.isfinite(value):
            raise UserError(
                f"{name} became {value} at iteration {iteration}: the training diverged. The last "
                "checkpoint is intact; go on from it with a lower learning rate."
            )
    return numbers


def _log(writer: SummaryWriter, numbers: dict[str, float], iteration: int) -> None:
    for name, value in numbers.items():
        writer.add_scalar(name, value, iteration)


def _save_sample(stage: Stage, writer: SummaryWriter, run: Path, iteration: int) -> None:
    picture = stage.sample()
    if picture is None:
        return
    writer.add_image("sample", picture, iteration)
    with atomic_path(run / "samples" / f"{iteration:07d}.png") as temporary:
        Image.fromarray(to_image(picture[None])).save(temporary, "PNG")


@contextmanager
def _stop_requests() -> Iterator[Any]:
    """Yield a function that says whether Ctrl-C or SIGTERM came; a second Ctrl-C interrupts."""
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
