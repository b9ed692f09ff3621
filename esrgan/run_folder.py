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
    """Read `metrics.jsonl`, in order, without a line that is being written or was cut short."""
    try:
        lines = metrics_path(run).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith("}")]
