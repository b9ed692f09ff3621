"""The dry run: real steps on the real data, from which the run's time and memory are told."""

import sys
import time
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from train import distributed
from train.config import Config, learning_rate
from train.data import PairDataset
from train.loop import loaded, set_rate, to_numbers
from train.stages import Stage
from train.state import device_name

STEPS = 3  # the first warms up, and is not timed
SHEET = 4, 3  # rows and columns of samples that are shown


def rehearse(stage: Stage, config: Config, device: torch.device, start: int) -> str:
    """Take a few steps, which change the stage but no file, and report on them.

    Raises:
        UserError: as `train.loop.train`, of what would go wrong at once.
    """
    times = [time.perf_counter()]
    for iteration, batch in enumerate(islice(loaded(stage, config, start, device), STEPS), start=1):
        set_rate(stage, learning_rate(config.schedule, start + iteration, config.iterations))
        numbers = to_numbers(stage.step(*batch))  # waits for the device
        times.append(time.perf_counter())
    if len(times) == 1:
        return "nothing is left to do: the run has reached its iterations"
    looking, validation = _validation(stage)
    seconds = (times[-1] - times[1]) / (len(times) - 2) if len(times) > 2 else times[1] - times[0]
    left = config.iterations - start
    validations = -(-left // config.save_every) + (stage.start_counts and not start)
    validating = looking * stage.pictures_to_validate * validations
    lines = [
        f"losses of the last step: {', '.join(f'{n} {v:.4g}' for n, v in numbers.items())}",
        f"to come: {left:,} iterations, {left * config.batch_size:,} crops",
        f"time: about {duration(seconds * left + validating)}, {seconds:.3g} s a step and "
        f"{duration(validating)} to validate, {stage.precision} on {device_name(device)}",
        validation,
        f"memory of this process: {peak_memory(device) / 2**30:.2f} GiB",
    ]
    if distributed.world_size() > 1:
        lines.append(f"in {distributed.world_size()} processes, each {device.type}")
    return "\n".join(lines)


def _validation(stage: Stage) -> tuple[float, str]:
    """Validate on one picture: the seconds that it took, and what to say of it."""
    begun = time.perf_counter()
    figures = stage.validate(1)
    seconds = time.perf_counter() - begun
    found = ", ".join(f"{name.partition('/')[2]} {value:.4g}" for name, value in figures.items())
    return seconds, f"validation: {seconds:.3g} s for one picture ({found})"


def samples_sheet(dataset: PairDataset) -> np.ndarray:
    """The first samples, each as LR, its pixels enlarged, beside HR: rows·S×columns·2S×3."""
    rows, columns = SHEET
    samples = [_side_by_side(*dataset[n], dataset.scale) for n in range(rows * columns)]
    lines = [torch.cat(samples[n : n + columns], 2) for n in range(0, rows * columns, columns)]
    return torch.cat(lines, 1).permute(1, 2, 0).numpy()


def _side_by_side(lr: Tensor, hr: Tensor, scale: int) -> Tensor:
    """3×S/s×S/s and 3×S×S -> 3×S×2S"""
    return torch.cat((lr.repeat_interleave(scale, 1).repeat_interleave(scale, 2), hr), 2)


def duration(seconds: float) -> str:
    """In the unit that a person would choose: 50 s, 3.2 min, 7.5 h or 12 days."""
    for unit, size, until in (("s", 1, 100), ("min", 60, 100 * 60), ("h", 3600, 72 * 3600)):
        if seconds < until:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 86400:.3g} days"


def peak_memory(device: torch.device) -> int:
    """The most bytes so far: of CUDA's memory on a GPU, and else of the whole process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource  # not on Windows, where CUDA is what one trains on

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
