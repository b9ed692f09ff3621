"""The one training loop."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import torch
from PIL import Image
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from esrgan.errors import UserError
from esrgan.files import atomic_path
from esrgan.images import to_image
from train.config import Config, learning_rate
from train.data import batches
from train.stages import Stage
from train.state import metrics_path, read_metrics, save_checkpoint


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the iteration it reached and the exported weights."""

    iteration: int
    finished: bool
    weights: Path


def train(
    stage: Stage,
    config: Config,
    run: Path,
    device: torch.device,
    facts: dict[str, Any],
    start: int = 0,
) -> Outcome:
    """Train from iteration `start`, which the stage has reached, to `config.iterations`.

    Ctrl-C (or SIGTERM) ends it after the step at hand, with a checkpoint and exported weights.

    Raises:
        UserError: a loss or a weight is not finite any more, or the folder can't be written.
    """
    begun = time.monotonic()
    figures: dict[str, float] = {}
    iteration = start
    loader = batches(
        stage.dataset, config.batch_size, start, config.iterations, config.num_workers, device
    )
    with (
        _writing(run),
        _stop_requests() as stop_requested,
        SummaryWriter(str(run / "tensorboard"), purge_step=start + 1) as writer,
        _metrics_file(run, start) as metrics,
        tqdm(total=config.iterations, initial=start, unit="it", dynamic_ncols=True) as progress,
    ):
        for iteration, (first, second) in enumerate(loader, start=start + 1):
            # --- one step
            rate = learning_rate(config.schedule, iteration, config.iterations)
            _set_rate(stage, rate)
            losses = stage.step(first, second)
            progress.update()

            last = iteration == config.iterations or stop_requested()
            log, sample, save = (
                last or iteration % every == 0
                for every in (config.log_every, config.sample_every, config.save_every)
            )
            # --- what it did
            if log or sample or save:
                numbers = {name: value.item() for name, value in losses.items()}
                _check_finite(numbers, stage if save else None, iteration)
            if log:
                progress.set_postfix(
                    {name.rpartition("/")[2]: f"{value:.4g}" for name, value in numbers.items()}
                )
                _log(writer, metrics, {**numbers, "learning_rate": rate}, iteration)
            if sample:
                _save_sample(stage, writer, run, iteration)

            # --- what is kept of it
            if save:
                figures = stage.validate()
                _log(writer, metrics, figures, iteration)
                writer.flush()  # the curves are on disk as far as the checkpoint
                save_checkpoint(run, iteration, stage)
            if last:
                break
        if iteration == start:  # nothing was left to do
            figures = stage.validate()
        seconds = round(time.monotonic() - begun, 1)
        ended = {**facts, **figures, "iterations": iteration, "seconds_of_last_session": seconds}
        return Outcome(iteration, iteration >= config.iterations, stage.export(run, ended))


def _set_rate(stage: Stage, rate: float) -> None:
    for name, optimizer in stage.optimizers.items():
        for group in optimizer.param_groups:
            group["lr"] = rate * stage.rates[name]


def _check_finite(losses: dict[str, float], stage: Stage | None, iteration: int) -> None:
    """Raise UserError if a loss or, given the stage, one of its weights is NaN or infinite."""
    broken = [f"{name} became {value}" for name, value in losses.items() if not isfinite(value)]
    for name, module in stage.modules.items() if stage else ():
        if not all(bool(tensor.isfinite().all()) for tensor in module.state_dict().values()):
            broken.append(f"the weights of {name} became infinite")
    if broken:
        raise UserError(
            f"{broken[0]} at iteration {iteration}: the training diverged. The last "
            "checkpoint is intact; go on from it with a lower learning rate."
        )


def _log(writer: SummaryWriter, metrics: TextIO, numbers: dict[str, float], iteration: int) -> None:
    for name, value in numbers.items():
        writer.add_scalar(name, value, iteration)
    if numbers:
        line = {"iteration": iteration, "time": round(time.time(), 2), **numbers}
        metrics.write(json.dumps(line) + "\n")
        metrics.flush()


@contextmanager
def _metrics_file(run: Path, start: int) -> Iterator[TextIO]:
    """The run's `metrics.jsonl`, cut back to the checkpoint's iteration, to be appended to.

    A line is what was logged at once: {"iteration": 5, "time": seconds since 1970, "loss/l1": …}.
    """
    kept = [line for line in read_metrics(run) if line["iteration"] <= start]
    with atomic_path(metrics_path(run)) as temporary:
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), "utf-8")
    with metrics_path(run).open("a", encoding="utf-8") as file:
        yield file


def _save_sample(stage: Stage, writer: SummaryWriter, run: Path, iteration: int) -> None:
    picture = stage.sample()
    if picture is None:
        return
    writer.add_image("sample", picture, iteration)
    with atomic_path(run / "samples" / f"{iteration:07d}.png") as temporary:
        Image.fromarray(to_image(picture[None])).save(temporary, "PNG")


@contextmanager
def _writing(run: Path) -> Iterator[None]:
    """A full disk or a folder that can't be written becomes a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{run} could not be written: {error.strerror or error}.") from error


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
