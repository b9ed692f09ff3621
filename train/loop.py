"""The one training loop."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from tqdm import tqdm

from esrgan.errors import UserError
from esrgan.run_folder import Status, read_metrics, write_status
from train import distributed
from train.acceleration import ran_out_of_memory
from train.checkpoint import CheckpointWriter, remains
from train.config import Config, learning_rate, to_settings
from train.data import batches
from train.device_data import DeviceData
from train.device_degradation import DeviceDegradedPairs
from train.journal import (
    Journal,
    Silence,
    is_validation,
    open_journal,
    sample_path,
    validation_at,
)
from train.stages import Stage
from train.state import keep_weights, save_if_best
from train.stopping import stop_requests
from train.trackers import open_trackers
from train.watch import Watch

Batch = tuple[Tensor, Tensor]
# What a process wishes after a step; the highest number of all is done, 0 is nothing.
GO_ON, SAVE, STOP = range(3)


@dataclass(frozen=True)
class Outcome:
    """Outcome of a run: the iteration it reached, and the exported weights."""

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

    A signal of `stopping` ends it after the step at hand, with a checkpoint and exported weights.
    What a step has led to is saved before anything is made of it that could fail; a run that ended
    between these goes on with what is missing. All processes of a run go through this in step; the
    main one writes.

    Raises:
        UserError: a loss or a weight is not finite any more, the folder can't be written, or the
            training data can't be read.
    """
    begun = saved = time.monotonic()
    iteration, main = start, distributed.is_main()
    unmeasured, unpictured = _unfinished(run, stage, config, start)
    figures = validation_at(run, start)
    with (
        _writing(run),
        stop_requests() as stop_requested,
        _progress(config, start) as progress,
        _journal(run, config, start, unmeasured, partial(_tell, progress=progress)) as journal,
        CheckpointWriter(run) as checkpoints,
    ):
        watch, vote = _watch(run, start), distributed.Vote()
        if main:
            write_status(run, Status("running", start, config.iterations))

        def warn(warnings: list[str]) -> None:
            for warning in warnings:
                journal.warning(warning, iteration)
                _tell(f"warning at iteration {iteration}: {warning}", progress)

        def measure() -> dict[str, float]:
            with _validating(iteration):
                figures = stage.validate()
            if main:
                save_if_best(run, stage, figures, {**facts, "iterations": iteration})
            journal.figures(figures, iteration)
            warn(watch.validated(figures))
            return figures

        def picture() -> None:
            if main:
                sample = stage.sample()
                if sample is not None:
                    known = {**facts, "iterations": iteration}
                    keep_weights(run, stage, iteration, known, config.keep)
                with _validating(iteration):
                    pictures = stage.validation_pictures()
                journal.pictures(sample, pictures, iteration)

        # --- the start's figures, or what the session before was kept from
        if unmeasured:
            figures = measure()
        if unpictured:
            picture()

        for iteration, (first, second) in enumerate(
            loaded(stage, config, start, device), start=start + 1
        ):
            # --- one step
            rate = learning_rate(config.schedule, iteration, config.iterations)
            set_rate(stage, rate)
            parts = stage.parts
            losses = stage.step(first, second)
            progress.update()
            if stage.parts != parts:
                warn([f"memory is short: a batch is computed in {stage.parts} parts from now on"])

            due = time.monotonic() - saved >= 60 * config.save_minutes
            wish = vote(STOP if stop_requested() else SAVE if due else GO_ON)
            last = iteration == config.iterations or wish == STOP
            log, assess, show = (
                last or iteration % every == 0
                for every in (config.log_every, config.save_every, config.sample_every)
            )
            save = assess or show or wish == SAVE
            # --- what it did
            if log or save:
                numbers = to_numbers(losses)
                _check_finite(numbers, stage if save else None, iteration, run)
            if log:
                progress.set_postfix(_shown(numbers))
                journal.numbers({**numbers, "learning_rate": rate}, iteration)
                warn(watch(numbers))

            # --- what is kept of it
            if save and main:
                journal.flush()
                checkpoints.save(iteration, stage)
                write_status(run, Status("running", iteration, config.iterations))
            if save:
                saved = time.monotonic()
            if assess:
                figures = measure()
            if show:
                picture()
            if last:
                break
        vote.end()
        seconds = round(time.monotonic() - begun, 1)
        ended = {**facts, **figures, "iterations": iteration, "seconds_of_last_session": seconds}
        weights = run / stage.weights_name
        finished = iteration >= config.iterations
        if main:
            checkpoints.wait()
            stage.export(weights, ended)
            state: Literal["finished", "stopped"] = "finished" if finished else "stopped"
            write_status(run, Status(state, iteration, config.iterations))
        return Outcome(iteration, finished, weights)


def _unfinished(run: Path, stage: Stage, config: Config, start: int) -> tuple[bool, bool]:
    """Whether the validation, and the sample picture, that follow the checkpoint are missing; of
    the start, the validation if it counts."""
    at_end = start == config.iterations
    measured = at_end or start % config.save_every == 0 if start else stage.start_counts
    pictured = start and (at_end or start % config.sample_every == 0)
    unmeasured = measured and not validation_at(run, start)
    unpictured = pictured and not sample_path(run, start).is_file()
    # The processes decide alike: the first one writes these files while others look.
    own = 2 * bool(unmeasured) + bool(unpictured) if distributed.is_main() else 0
    agreed = distributed.highest(own)
    return bool(agreed & 2), bool(agreed & 1)


def loaded(stage: Stage, config: Config, start: int, device: torch.device) -> Iterator[Batch]:
    """This process's share of the batches after iteration `start`.

    Raises:
        UserError: as `batches`, or a loader process was ended from outside.
    """
    share, size = distributed.Share(stage.dataset), distributed.local_share(config.batch_size)
    workers, stop = config.num_workers, config.iterations
    try:
        if stage.resident is not None:
            yield from DeviceData(stage.resident, device, workers).batches(share, size, start, stop)
        elif isinstance(stage.dataset, DeviceDegradedPairs):
            yield from stage.dataset.batches(size, start, stop, workers)
        else:
            yield from batches(share, size, start, stop, workers, device)
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise UserError(
            "A loader process ended from outside, perhaps for want of memory; a smaller "
            "num_workers takes less. What was saved is intact: --resume goes on from it."
        ) from error


def set_rate(stage: Stage, rate: float) -> None:
    for name, optimizer in stage.optimizers.items():
        for group in optimizer.param_groups:
            group["lr"] = rate * stage.rates[name]


def to_numbers(losses: Mapping[str, Tensor]) -> dict[str, float]:
    """The losses of the whole batch, fetched from the device (and the other processes) at once."""
    values = distributed.averaged(torch.stack([value.float() for value in losses.values()]))
    return dict(zip(losses, values.tolist(), strict=True))


def _check_finite(losses: dict[str, float], stage: Stage | None, iteration: int, run: Path) -> None:
    """Raise UserError if a loss or, given the stage, one of its weights is NaN or infinite."""
    broken = [f"{name} became {value}" for name, value in losses.items() if not isfinite(value)]
    for name, module in stage.modules.items() if stage else ():
        if not all(bool(tensor.isfinite().all()) for tensor in module.state_dict().values()):
            broken.append(f"the weights of {name} became infinite")
    if broken:
        raise UserError(
            f"{broken[0]} at iteration {iteration}: the training diverged. {remains(run)} with a "
            "lower learning rate (--set schedule.learning_rate=…)."
        )


@contextmanager
def _journal(
    run: Path, config: Config, start: int, anew: bool, tell: Callable[[str], None]
) -> Iterator[Journal]:
    if not distributed.is_main():
        yield Silence()
        return
    with (
        open_trackers(config.trackers, run, to_settings(config), tell) as trackers,
        open_journal(run, start, anew, trackers) as journal,
    ):
        yield journal


def _watch(run: Path, start: int) -> Watch:
    """A watch that has seen what the run logged before."""
    watch = Watch()
    for line in read_metrics(run):
        if line["iteration"] <= start:
            if "learning_rate" in line:
                watch(line)
            if is_validation(line):
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
def _validating(iteration: int) -> Iterator[None]:
    """An error says that the training itself lost nothing."""
    try:
        yield
    except (UserError, MemoryError, RuntimeError) as error:
        if not isinstance(error, UserError) and not ran_out_of_memory(error):
            raise
        reason = error if isinstance(error, UserError) else "there is not enough memory for it."
        when = f"at iteration {iteration}, which is saved" if iteration else "before the first step"
        raise UserError(
            f"The validation failed {when}: {reason} Go on with --resume and other pictures "
            '(--validation), or none (--validation "").'
        ) from error
