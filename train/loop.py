"""The one training loop."""

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import torch
from torch import Tensor
from tqdm import tqdm

from esrgan.errors import UserError
from esrgan.run_folder import Status, read_metrics, write_status
from train import distributed
from train.config import Config, learning_rate
from train.data import batches
from train.journal import Journal, Silence, open_journal
from train.stages import Stage
from train.state import save_checkpoint, save_if_best
from train.watch import Watch

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Outcome:
    """Outcome of a run: the iteration it reached and, in the main process, the exported weights."""

    iteration: int
    finished: bool
    weights: Path | None


def train(
    stage: Stage,
    config: Config,
    run: Path,
    device: torch.device,
    facts: dict[str, Any],
    start: int = 0,
) -> Outcome:
    """Train from iteration `start`, which the stage has reached, to `config.iterations`.

    Ctrl-C (or SIGTERM) ends it after the step at hand, with a checkpoint and exported weights. All
    processes of a run go through this in step; the main one writes.

    Raises:
        UserError: a loss or a weight is not finite any more, the folder can't be written, or the
            training data can't be read.
    """
    begun = time.monotonic()
    figures: dict[str, float] = {}
    iteration, main = start, distributed.is_main()
    with (
        _writing(run),
        _stop_requests() as stop_requested,
        _journal(run, start) as journal,
        _progress(config, start) as progress,
    ):
        watch = _watch(run, start)
        if main:
            write_status(run, Status("running", start, config.iterations))

        def warn(warnings: list[str], iteration: int) -> None:
            for warning in warnings:
                journal.warning(warning, iteration)
                _tell(f"warning at iteration {iteration}: {warning}", progress)

        for iteration, (first, second) in enumerate(
            loaded(stage, config, start, device), start=start + 1
        ):
            # --- one step
            rate = learning_rate(config.schedule, iteration, config.iterations)
            set_rate(stage, rate)
            losses = stage.step(first, second)
            progress.update()

            last = iteration == config.iterations or distributed.anywhere(stop_requested())
            log, sample, save = (
                last or iteration % every == 0
                for every in (config.log_every, config.sample_every, config.save_every)
            )
            # --- what it did
            if log or sample or save:
                numbers = to_numbers(losses)
                _check_finite(numbers, stage if save else None, iteration)
            if log:
                progress.set_postfix(_shown(numbers))
                journal.numbers({**numbers, "learning_rate": rate}, iteration)
                warn(watch(numbers), iteration)
            if sample and main:
                journal.pictures(stage.sample(), stage.validation_pictures(), iteration)

            # --- what is kept of it
            if save:
                figures = stage.validate()
                journal.numbers(figures, iteration)
                warn(watch.validated(figures), iteration)
                journal.flush()
                if main:
                    save_if_best(run, stage, figures, {**facts, "iterations": iteration})
                    save_checkpoint(run, iteration, stage)
                    write_status(run, Status("running", iteration, config.iterations))
            if last:
                break
        if iteration == start:  # nothing was left to do
            figures = stage.validate()
        seconds = round(time.monotonic() - begun, 1)
        ended = {**facts, **figures, "iterations": iteration, "seconds_of_last_session": seconds}
        weights = stage.export(run, ended) if main else None
        finished = iteration >= config.iterations
        if main:
            state: Literal["finished", "stopped"] = "finished" if finished else "stopped"
            write_status(run, Status(state, iteration, config.iterations))
        return Outcome(iteration, finished, weights)


def loaded(stage: Stage, config: Config, start: int, device: torch.device) -> Iterator[Batch]:
    """This process's share of the batches after iteration `start`.

    Raises:
        UserError: as `batches`, or a loader process was ended from outside.
    """
    share, size = distributed.Share(stage.dataset), distributed.local_share(config.batch_size)
    loader = batches(share, size, start, config.iterations, config.num_workers, device)
    try:
        yield from loader
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise UserError(
            "A loader process ended from outside, perhaps for want of memory; the last checkpoint "
            "is intact. Go on with --resume and a smaller num_workers."
        ) from error


def set_rate(stage: Stage, rate: float) -> None:
    for name, optimizer in stage.optimizers.items():
        for group in optimizer.param_groups:
            group["lr"] = rate * stage.rates[name]


def to_numbers(losses: Mapping[str, Tensor]) -> dict[str, float]:
    """The losses of the whole batch, fetched from the device (and the other processes) at once."""
    values = distributed.averaged(torch.stack([value.float() for value in losses.values()]))
    return dict(zip(losses, values.tolist(), strict=True))


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


def _journal(run: Path, start: int) -> AbstractContextManager[Journal]:
    return open_journal(run, start) if distributed.is_main() else nullcontext(Silence())


def _watch(run: Path, start: int) -> Watch:
    """A watch that has seen what the run logged before."""
    watch = Watch()
    for line in read_metrics(run):
        if line["iteration"] <= start:
            if "learning_rate" in line:
                watch(line)
            if any(name.startswith("validation/") for name in line):
                watch.validated(line)
    return watch


def _progress(config: Config, start: int) -> "tqdm[Any]":
    """The progress bar, with the time left; of the main process, unless TQDM_DISABLE is set."""
    hidden: dict[str, Any] = {} if distributed.is_main() else {"disable": True}
    total = config.iterations
    return tqdm(total=total, initial=start, unit="it", dynamic_ncols=True, **hidden)


def _shown(numbers: Mapping[str, float]) -> dict[str, str]:
    """Numbers behind the progress bar, as text."""
    return {
        name.removeprefix("loss/"): f"{value:.4g}"
        for name, value in numbers.items()
        if name.startswith(("loss/", "accuracy/", "share/"))
    }


def _tell(text: str, progress: "tqdm[Any]") -> None:
    """A line above the progress bar."""
    if distributed.is_main():
        progress.write(text)


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
