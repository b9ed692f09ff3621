"""Samples per second of the training loader, and how long a step waits for it: JSON.

    python -m benchmarks.loader --step-ms 10

makes 2K pictures (or takes --data), and reads them as a folder of PNG files, as pairs of HR and LR,
as PNG files of 480×480 sub-images, and as a prepared folder. Nothing decoded is kept, as if the
data were larger than memory. A thread hands over what loader processes made, as it does on CUDA.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread
from typing import Any

import numpy as np
import torch
from torch import Tensor

from esrgan.pictures.degradations import DEGRADATIONS
from esrgan.pictures.encoding import save_image
from esrgan.pictures.files import atomic_path
from esrgan.pictures.folders import list_images
from esrgan.pictures.images import load_image, to_rgb, to_uint8
from esrgan.pictures.resize import imresize
from train import sources
from train.data import PREFETCHED, PairDataset, batches
from train.prepare import prepare
from train.prepared import Cut, read_index

Batch = tuple[Tensor, Tensor]
SCALE = 4
HEIGHT, WIDTH = 1404, 2040  # of many pictures of DIV2K


def main() -> None:
    options = parsed()
    sources.CACHE_BYTES = 0
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        kinds = layouts(Path(scratch), options.data, options.pictures)
        rows = [
            measured(kind, dataset_options, workers, options)
            for kind, dataset_options in kinds.items()
            for workers in options.workers
        ]
    report = {
        "crop": options.crop,
        "degradation": options.degradation,
        "batch": options.batch,
        "step_ms": options.step_ms,
        "samples_per_second_of_the_step": round(1000 * options.batch / options.step_ms),
        "cores": len(os.sched_getaffinity(0)),
        "torch": torch.__version__,
        "rows": rows,
    }
    text = json.dumps(report, indent=1)
    print(text)
    if options.out:
        with atomic_path(options.out) as temporary:
            temporary.write_text(text + "\n", "utf-8")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the training loader.")
    parser.add_argument("--data", type=Path, help="a folder of HR pictures instead of made ones")
    parser.add_argument("--pictures", type=int, default=4, help="of the data, or to make")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--degradation", choices=DEGRADATIONS, default="bicubic")
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--step-ms", type=float, default=10, help="time of a training step")
    parser.add_argument("--scratch", type=Path, help="folder for the files, on the disk to measure")
    parser.add_argument("-o", "--out", type=Path, help="write the JSON here too")
    return parser.parse_args()


def layouts(scratch: Path, data: Path | None, count: int) -> dict[str, dict[str, Sequence[str]]]:
    """The same pictures in each layout, as `PairDataset`'s arguments."""
    hr, lr, cut, prepared = (scratch / name for name in ("hr", "lr", "sub-images", "prepared"))
    hr.mkdir()
    if data:
        for number, file in enumerate(list_images(data)[:count]):
            shutil.copy(file, hr / f"{number:04d}{file.suffix}")
    else:
        for number in range(count):
            save_image(made_picture(number), hr / f"{number:04d}.png")
    for file in list_images(hr):
        save_image(imresize(to_rgb(to_uint8(load_image(file))), 1 / SCALE), lr / f"{file.stem}.png")
    prepare([hr], prepared, Cut(), workers=2)
    for each in read_index(prepared / "hr").pictures:
        for number, pixels in enumerate(np.load(prepared / "hr" / each.file)):
            save_image(pixels, cut / f"{Path(each.source).stem}_{number:03d}.png")
    return {
        "folder": {"folders": [str(hr)]},
        "paired": {"folders": [str(hr)], "lr": [str(lr)]},
        "sub-image PNG": {"folders": [str(cut)]},
        "prepared": {"folders": [str(prepared)]},
    }


def made_picture(seed: int) -> np.ndarray:
    """H×W×3 that compresses about as a photograph does."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (HEIGHT // 12 + 1, WIDTH // 12 + 1, 3), dtype=np.uint8)
    soft = imresize(coarse, 12)[:HEIGHT, :WIDTH].astype(float)
    return np.clip(soft + rng.normal(0, 3, soft.shape), 0, 255).astype(np.uint8)


def measured(
    kind: str, dataset_options: dict[str, Any], workers: int, options: argparse.Namespace
) -> dict[str, str | int | float]:
    """One line of the report."""
    settings = {"crop_size": options.crop, "scale": SCALE, "degradation": options.degradation}
    dataset = PairDataset(**dataset_options, **settings, seed=0)
    count, seconds, processor, _ = timed(dataset, workers, 0, options)
    row: dict[str, str | int | float] = {
        "kind": kind,
        "workers": workers,
        "samples_per_second": round(count / seconds, 1),
    }
    if workers == 0:  # of this process alone, so that other work on the machine does not count
        row["samples_per_processor_second"] = round(count / processor, 1)
    _, seconds, _, waited = timed(dataset, workers, options.step_ms / 1000, options)
    row["waiting_percent"] = round(100 * waited / seconds, 1)
    return row


def timed(
    dataset: PairDataset, workers: int, step: float, options: argparse.Namespace
) -> tuple[int, float, float, float]:
    """Samples, seconds, processor seconds and seconds of waiting for the batches.

    The start of the processes and the batches that they make meanwhile don't count. A step is a
    sleep: it is the accelerator's.
    """
    loaded = batches(dataset, options.batch, 0, 1_000_000, workers, torch.device("cpu"))
    with handed_over(loaded) if workers else nullcontext(loaded) as stream:
        for _ in range(1 + workers * PREFETCHED):
            next(stream)
        count, waited, begun, processor = 0, 0.0, time.perf_counter(), time.process_time()
        while time.perf_counter() - begun < options.seconds:
            asked = time.perf_counter()
            next(stream)
            waited += time.perf_counter() - asked
            count += options.batch
            time.sleep(step)
        return count, time.perf_counter() - begun, time.process_time() - processor, waited


@contextmanager
def handed_over(stream: Iterator[Batch]) -> Iterator[Iterator[Batch]]:
    """The batches, of which a thread has the next one ready: DataLoader has one that pins them, but
    for CUDA only."""
    ready, over = Queue[Batch](1), Event()

    def work() -> None:
        for batch in stream:
            while not over.is_set():
                with suppress(Full):
                    ready.put(batch, timeout=0.1)
                    break
            if over.is_set():
                return

    thread = Thread(target=work)
    thread.start()
    try:
        yield iter(ready.get, None)
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    main()
