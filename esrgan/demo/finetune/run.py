"""Training runs as they stand on disk: state, curves, pictures, and moments that can be the result.

A run is a folder below `runs_folder()`, and all that is known of it is read from there.
"""

import filecmp
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from esrgan.demo.finetune.process import is_running, process_path
from esrgan.demo.finetuned import all_names, folder_of, log_path, read_json, runs_folder
from esrgan.run_folder import (
    config_path,
    gain_path,
    gain_picture_path,
    kept_weights,
    read_metrics,
    read_status,
    weights_path,
)

State = Literal["running", "stopping", "finished", "stopped", "failed"]
ENDED: tuple[State, ...] = ("finished", "stopped")
BEST = "the best"  # of the moments of a run
SHOWN_POINTS = 150  # of a curve; there are two in one plot


@dataclass(frozen=True)
class Run:
    """State of a run, as its folder tells it."""

    folder: Path
    state: State
    iteration: int
    iterations: int
    stage: str
    seconds_left: float | None = None
    message: str = ""
    gain: str = ""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def alive(self) -> bool:
        return self.state in ("running", "stopping")


def look(name: str) -> Run:
    """Read the state of a run.

    Raises:
        UserError: there is no such run.
    """
    folder = folder_of(name)
    config = read_json(config_path(folder))
    metrics = read_metrics(folder)
    iteration = int(metrics[-1]["iteration"]) if metrics else 0
    iterations, stage = int(config.get("iterations", 0)), str(config.get("stage", ""))
    if is_running(folder):
        process = read_json(process_path(folder))
        if process.get("stopping"):
            return Run(folder, "stopping", iteration, iterations, stage)
        left = _seconds_left(process.get("time", 0), metrics, iterations)
        return Run(folder, "running", iteration, iterations, stage, left)
    state, message = _ending(folder)
    gain = _gain(folder) if state in ENDED else ""
    return Run(folder, state, iteration, iterations, stage, None, message, gain)


def running() -> str | None:
    """The name of the run in progress, whosever it is; there is one at most."""
    return next((name for name in all_names() if is_running(runs_folder() / name)), None)


def curve(metrics: Sequence[dict[str, float]], name: str) -> list[tuple[float, float]]:
    """Curve of a number by iteration, averaged over neighbours where it has too many points."""
    points = [(line["iteration"], line[name]) for line in metrics if name in line]
    size = -(-len(points) // SHOWN_POINTS)
    groups = [points[start : start + size] for start in range(0, len(points), size or 1)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def picture(run: Run) -> Path | None:
    """What is shown of a run: its latest sample; when it has ended, what was gained on the pictures
    that were held out, if any were: rows of before, after and HR. Of another moment than the best,
    if one was chosen, its sample."""
    if run.gain:
        gained, other = gain_picture_path(run.folder), _other_than_best(run.folder)
        shown = moments(run.folder)[other].with_suffix(".png") if other else gained
        if shown.is_file():
            return shown
    return latest_sample(run.folder)


def latest_sample(folder: Path) -> Path | None:
    """Latest sample of a run: rows of bicubic, SR and HR."""
    return max((folder / "samples").glob("[0-9]*.png"), default=None)


def moments(folder: Path) -> dict[str, Path]:
    """The weights that can be a run's result, by what they are called: the best ones, and those
    beside its sample pictures."""
    best = folder / "best" / weights_path(folder).name
    found = {BEST: best} if best.is_file() else {}
    return found | {f"iteration {n}": path for n, path in kept_weights(folder).items()}


def result_of(folder: Path) -> str | None:
    """The moment whose weights are a run's result: the best one, unless another was chosen."""
    found, result = moments(folder), weights_path(folder)
    chosen = (
        name
        for name, path in found.items()
        if result.is_file() and filecmp.cmp(path, result, shallow=False)
    )
    return next(chosen, next(iter(found), None))


def _other_than_best(folder: Path) -> str | None:
    """The moment that was chosen in place of the best one."""
    result = result_of(folder)
    return None if result == BEST else result


def _gain(folder: Path) -> str:
    """What was gained on the pictures that were held out, in words; "" if none were."""
    words, other = str(read_json(gain_path(folder)).get("words", "")), _other_than_best(folder)
    if words and other:
        return f"The result is {other}; what was gained was measured of {BEST} only."
    return words


def _ending(folder: Path) -> tuple[State, str]:
    """The state of a run whose process is gone, and a sentence if it failed."""
    status, process = read_status(folder), read_json(process_path(folder))
    if status is None or status.time < process.get("time", 0):  # an earlier process's
        if process.get("stopping"):
            return "stopped", ""
        log = log_path(folder).read_text("utf-8", "replace").strip()
        return "failed", f"The training ended before it began. {log[log.rfind(chr(10)) + 1 :]}"
    if status.state == "running":
        return "failed", "The training was ended from outside, perhaps for want of memory."
    return status.state, status.message.replace(f"{runs_folder()}{os.sep}", "")


def _seconds_left(
    begun: float, metrics: Sequence[dict[str, float]], iterations: int
) -> float | None:
    """Time left by the pace since the process was started; None as long as there is none."""
    session = [line for line in metrics if line["time"] >= begun]
    steps = session[-1]["iteration"] - session[0]["iteration"] if session else 0
    if not steps:
        return None
    pace = (session[-1]["time"] - session[0]["time"]) / steps
    due = session[-1]["time"] + pace * (iterations - session[-1]["iteration"])
    return max(0.0, due - time.time())
