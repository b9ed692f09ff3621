"""Journal of a run: numbers, pictures and warnings.

A run's folder holds them as `metrics.jsonl`, for TensorBoard, as `samples/` and as `validation/`.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from PIL import Image
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from esrgan.pictures.files import atomic_path
from esrgan.pictures.images import to_image
from esrgan.run_folder import metrics_path, read_metrics
from train.trackers import Tracker

# What the names of a validation's figures begin with.
MEASURED = ("validation/", "accuracy/held_out")


class Journal:
    """Writes into a run's folder, where no other process writes, and tells its trackers."""

    def __init__(
        self, run: Path, writer: SummaryWriter, metrics: TextIO, trackers: Sequence[Tracker] = ()
    ) -> None:
        self.run, self.writer, self.metrics, self.trackers = run, writer, metrics, trackers

    def numbers(self, numbers: Mapping[str, float], iteration: int) -> None:
        self._scalars(numbers, iteration)
        if numbers:
            self._line(numbers, iteration)

    def warning(self, text: str, iteration: int) -> None:
        self._line({"warning": text}, iteration)

    def figures(self, figures: Mapping[str, float], iteration: int) -> None:
        """What a validation has found: curves first, since the line says that it was done."""
        self._scalars(figures, iteration)
        self.flush()
        self._line(figures, iteration)

    def _scalars(self, numbers: Mapping[str, float], iteration: int) -> None:
        for name, value in numbers.items():
            self.writer.add_scalar(name, value, iteration)
        for tracker in self.trackers if numbers else ():
            tracker.numbers(numbers, iteration)

    def _line(self, content: Mapping[str, Any], iteration: int) -> None:
        line = {"iteration": iteration, "time": round(time.time(), 2), **content}
        self.metrics.write(json.dumps(line) + "\n")
        self.metrics.flush()

    def pictures(
        self, sample: Tensor | None, validation: Mapping[str, np.ndarray], iteration: int
    ) -> None:
        """A 3×H×W sample in [0, 1], and H×W×3 `uint8` pictures of the validation set by name."""
        for name, picture in validation.items():
            save_png(picture, self.run / "validation" / f"{iteration:07d}" / f"{name}.png")
        if sample is not None:
            self.writer.add_image("sample", sample, iteration)
            picture = to_image(sample[None])
            for tracker in self.trackers:
                tracker.sample(picture, iteration)
            save_png(picture, sample_path(self.run, iteration))

    def flush(self) -> None:
        """Put the curves on the disk as far as the checkpoint that is about to be written."""
        self.writer.flush()


class Silence(Journal):
    """Journal of the other processes of a run, which writes nothing."""

    def __init__(self) -> None: ...

    def numbers(self, numbers: Mapping[str, float], iteration: int) -> None: ...

    def warning(self, text: str, iteration: int) -> None: ...

    def figures(self, figures: Mapping[str, float], iteration: int) -> None: ...

    def pictures(
        self, sample: Tensor | None, validation: Mapping[str, np.ndarray], iteration: int
    ) -> None: ...

    def flush(self) -> None: ...


@contextmanager
def open_journal(
    run: Path, start: int, anew: bool, trackers: Sequence[Tracker] = ()
) -> Iterator[Journal]:
    """The journal of a run, cut back to the iteration of its checkpoint, to be gone on with.

    Args:
        anew: the validation of that iteration is yet to be logged; it may have half been.
    """
    kept = [line for line in read_metrics(run) if line["iteration"] <= start]
    with atomic_path(metrics_path(run)) as temporary:
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), "utf-8")
    _await_a_later_name(run / "tensorboard")
    with (
        SummaryWriter(str(run / "tensorboard"), purge_step=start + (not anew)) as writer,
        metrics_path(run).open("a", encoding="utf-8") as metrics,
    ):
        for line in kept if anew else ():
            if line["iteration"] == start:
                for name, value in numbers_of(line).items():
                    writer.add_scalar(name, value, start)
        yield Journal(run, writer, metrics, trackers)


def _await_a_later_name(events: Path) -> None:
    """Wait until a new file would be read after those that are there: TensorBoard goes by their
    names, which begin with the second of their beginning."""
    seconds = [int(file.name.split(".")[3]) for file in events.glob("events.out.tfevents.*.*")]
    while int(time.time()) <= max(seconds, default=0) <= time.time() + 1:
        time.sleep(0.05)


def numbers_of(line: Mapping[str, Any]) -> dict[str, float]:
    """What a line of `metrics.jsonl` logs, without when it was."""
    return {n: v for n, v in line.items() if n not in ("iteration", "time", "warning")}


def validation_at(run: Path, iteration: int) -> dict[str, float]:
    """The figures of the validation of an iteration; none if there was no such."""
    lines = (numbers_of(line) for line in read_metrics(run) if line["iteration"] == iteration)
    return next(filter(is_validation, lines), {})


def is_validation(line: Iterable[str]) -> bool:
    """Whether these are names of figures of a stage's `validate`."""
    return any(name.startswith(MEASURED) for name in line)


def sample_path(run: Path, iteration: int) -> Path:
    return run / "samples" / f"{iteration:07d}.png"


def save_png(picture: np.ndarray, path: Path) -> None:
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, "PNG")
