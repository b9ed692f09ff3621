"""A training run's folder, which `train` writes and the page and the commands read.

The names of its files, the numbers that it logged, and how the run stands. A line of
`metrics.jsonl` is what was logged at once: {"iteration": 5, "time": seconds since 1970,
"loss/l1": …}, or {…, "warning": "…"}.
"""

import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from esrgan.errors import UserError
from esrgan.pictures.files import atomic_path


def config_path(run: Path) -> Path:
    """All settings of the run, resolved."""
    return run / "config.json"


def environment_path(run: Path) -> Path:
    """Its sessions: command, versions and device of each."""
    return run / "environment.json"


def metrics_path(run: Path) -> Path:
    return run / "metrics.jsonl"


def checkpoint_path(run: Path) -> Path:
    return run / "checkpoint.pt"


def weights_path(run: Path) -> Path:
    """The generator that a PSNR or GAN run exports."""
    return run / "generator.safetensors"


def gain_path(run: Path) -> Path:
    """What was gained on pictures that were held out: by picture, and in words."""
    return run / "gain.json"


def gain_picture_path(run: Path) -> Path:
    """Rows of such pictures: at the start, with the result, HR."""
    return run / "gain.png"


def kept_path(run: Path, iteration: int) -> Path:
    """The generator as it was when the sample picture of an iteration was made."""
    return run / "samples" / f"{iteration:07d}.safetensors"


def kept_weights(run: Path) -> dict[int, Path]:
    """The generators that were kept beside sample pictures, by iteration, in order."""
    found = (run / "samples").glob("[0-9]*.safetensors")
    return {int(path.stem): path for path in sorted(found) if path.stem.isdecimal()}


def status_path(run: Path) -> Path:
    return run / "status.json"


@dataclass(frozen=True)
class Status:
    """State and progress of a run, as its process last wrote them.

    Attributes:
        state: "running" stays if the process is killed; whether it lives, `pid` tells on `host`.
        iteration: reached when it was written; `read_metrics` may know of later ones.
        iterations: of the whole run.
        message: what went wrong, if it failed.
        pid, host, time: of the process, its machine, and seconds since 1970 when it was written.
    """

    state: Literal["running", "finished", "stopped", "failed"]
    iteration: int
    iterations: int
    message: str = ""
    pid: int = field(default_factory=os.getpid)
    host: str = field(default_factory=platform.node)
    time: float = field(default_factory=time.time)


def write_status(run: Path, status: Status) -> None:
    """Replace `status.json` in one step.

    Raises:
        UserError: it can't be written.
    """
    with atomic_path(status_path(run)) as temporary:
        temporary.write_text(json.dumps(asdict(status)) + "\n", "utf-8")


def read_status(run: Path) -> Status | None:
    """Read `status.json`; None if there is none, or none that can be read."""
    try:
        return TypeAdapter(Status).validate_json(status_path(run).read_bytes())
    except (OSError, ValidationError):
        return None


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """Read `metrics.jsonl`, in order, without lines that are being written, cut short or damaged.

    Raises:
        UserError: the file can't be read.
    """
    try:
        lines = metrics_path(run).read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"{metrics_path(run)} could not be read: {error.strerror}.") from error
    return [line for line in map(_logged, lines) if line is not None]


def _logged(line: bytes) -> dict[str, Any] | None:
    """A line's numbers or warning by name; None if it is none that `train` wrote."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    words = {"warning": str}
    sound = {"iteration", "time"} <= found.keys() and all(
        isinstance(value, words.get(name, int | float)) for name, value in found.items()
    )
    return found if sound else None
