"""Journal of a run: numbers, pictures and warnings.

A run's folder holds them as `metrics.jsonl`, for TensorBoard, as `samples/` and as `validation/`.
"""

import json
import time
from collections.abc import Iterator, Mapping
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


class Journal:
    """Writes into a run's folder, where no other process writes."""

    def __init__(self, run: Path, writer: SummaryWriter, metrics: TextIO) -> None:
        self.run, self.writer, self.metrics = run, writer, metrics

    def numbers(self, numbers: Mapping[str, float], iteration: int) -> None:
        for name, value in numbers.items():
            self.writer.add_scalar(name, value, iteration)
        if numbers:
            self._line(numbers, iteration)

    def warning(self, text: str, iteration: int) -> None:
        self._line({"warning": text}, iteration)

    def _line(self, content: Mapping[str, Any], iteration: int) -> None:
        line = {"iteration": iteration, "time": round(time.time(), 2), **content}
        self.metrics.write(json.dumps(line) + "\n")
        self.metrics.flush()

    def pictures(
        self, sample: Tensor | None, validation: Mapping[str, np.ndarray], iteration: int
    ) -> None:
        """A 3×H×W sample in [0, 1], and H×W×3 `uint8` pictures of the validation set by name."""
        if sample is not None:
            self.writer.add_image("sample", sample, iteration)
            save_png(to_image(sample[None]), self.run / "samples" / f"{iteration:07d}.png")
        for name, picture in validation.items():
            save_png(picture, self.run / "validation" / f"{iteration:07d}" / f"{name}.png")

    def flush(self) -> None:
        """Put the curves on the disk as far as the checkpoint that is about to be written."""
        self.writer.flush()


class Silence(Journal):
    """Journal of the other processes of a run, which writes nothing."""

    def __init__(self) -> None: ...

    def numbers(self, numbers: Mapping[str, float], iteration: int) -> None: ...

    def warning(self, text: str, iteration: int) -> None: ...

    def pictures(
        self, sample: Tensor | None, validation: Mapping[str, np.ndarray], iteration: int
    ) -> None: ...

    def flush(self) -> None: ...


@contextmanager
def open_journal(run: Path, start: int) -> Iterator[Journal]:
    """The journal of a run, cut back to the iteration of its checkpoint, to be gone on with."""
    kept = [line for line in read_metrics(run) if line["iteration"] <= start]
    with atomic_path(metrics_path(run)) as temporary:
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), "utf-8")
    with (
        SummaryWriter(str(run / "tensorboard"), purge_step=start + 1) as writer,
        metrics_path(run).open("a", encoding="utf-8") as metrics,
    ):
        yield Journal(run, writer, metrics)


def save_png(picture: np.ndarray, path: Path) -> None:
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, "PNG")
