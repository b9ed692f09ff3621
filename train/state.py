"""A run's folder: whose it is, its configuration and environment, and the weights that it keeps.

All is whole whenever the run is killed. `best/` holds the weights, as they are exported, that did
best in the validation.
"""

import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from esrgan.errors import UserError
from esrgan.models.checkpoints import read_facts
from esrgan.pictures.files import atomic_path
from esrgan.run_folder import (
    Status,
    config_path,
    environment_path,
    kept_path,
    kept_weights,
    metrics_path,
    read_metrics,
    read_status,
    status_path,
    write_status,
)
from train import distributed
from train.config import Config, StageName, to_settings
from train.settings import Changes, Preset, configured, told
from train.stages import Stage

PACKAGES = ("torch", "torchvision", "numpy", "pillow")
# The figures of which the smallest is the best.
SMALLER_IS_BETTER = tuple(f"validation/{name}" for name in ("niqe", "delta_e", "lpips", "dists"))
# A run whose processes have just been killed may hold its folder for so many seconds.
LOCK_PATIENCE = 2


@contextmanager
def reserved(run: Path) -> Iterator[None]:
    """Keep a run's folder to this process and those that train with it.

    What a process that was killed while it wrote has left behind is deleted.

    Raises:
        UserError: another process trains here, or the folder can't be written.
    """
    if not distributed.is_main():
        yield
        return
    lock = FileLock(run / ".lock", timeout=LOCK_PATIENCE)
    try:
        run.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise UserError(f"Another process is training in {run}; choose another --out.") from None
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{run} could not be written: {reason}.") from error
    try:
        for left in _left_behind(run):
            left.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


@contextmanager
def failure_told(run: Path, iterations: int) -> Iterator[None]:
    """Leave word in the run's folder, if there is one, of what ends the run early.

    Nothing is said where another process trains, or of a command that fails before it goes on with
    a run: that stands as it stood.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        if run.is_dir() and distributed.is_main():
            with suppress(UserError), reserved(run):
                before = read_status(run)
                if before is None or (before.state, before.pid) == ("running", os.getpid()):
                    reached = max((int(line["iteration"]) for line in read_metrics(run)), default=0)
                    write_status(run, _ended_by(error, reached, iterations))
        raise


def _ended_by(error: BaseException, iteration: int, iterations: int) -> Status:
    if isinstance(error, KeyboardInterrupt):
        return Status("stopped", iteration, iterations)
    told = error if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    return Status("failed", iteration, iterations, str(told))


def _left_behind(run: Path) -> Iterator[Path]:
    """Half-written files of a training's, of `atomic_path`; not those of the page that began it."""
    for folder in (run, run / "best", run / "samples", *(run / "validation").glob("*")):
        for pattern in (".*.pt.*.tmp", ".*.png.*.tmp", ".*.safetensors.*.tmp"):
            yield from folder.glob(pattern)
    for path in (config_path(run), environment_path(run), metrics_path(run), status_path(run)):
        yield from run.glob(f".{path.name}.*.tmp")


@dataclass(frozen=True)
class Begun:
    """A run that was begun: its settings, and the preset that they come from, if that is known."""

    config: Config
    preset: Preset | None


def save_config(run: Path, stage: StageName, begun: Begun) -> None:
    """Write the resolved configuration beside the run's results."""
    preset = {"preset": asdict(begun.preset)} if begun.preset else {}
    text = json.dumps({"stage": stage, **preset, **to_settings(begun.config)}, indent=2)
    with atomic_path(config_path(run)) as temporary:
        temporary.write_text(text + "\n", "utf-8")


def read_begun(run: Path, stage: StageName) -> Begun | None:
    """How a run was begun, or None if there is none.

    Raises:
        UserError: it is another stage's, or damaged.
    """
    path = config_path(run)
    if not path.is_file():
        return None
    try:
        settings = json.loads(path.read_text("utf-8"))
        begun, preset = settings.pop("stage"), settings.pop("preset", None)
        known = Preset(**preset) if preset else None
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise UserError(f"{path} is damaged; delete the run's folder to begin anew.") from error
    if begun != stage:
        raise UserError(f"{run} holds a {begun} run, not a {stage} one.")
    return Begun(configured(stage, settings), known)


def device_name(device: torch.device) -> str:
    """What a device is, as its maker or the system calls it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()


def environment(device: torch.device) -> dict[str, Any]:
    """Environment of a run: code, versions and machine."""
    versions = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return {
        "command": sys.argv[1:],
        "git": git_revision(),
        "python": platform.python_version(),
        **versions,
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "platform": platform.platform(),
        "machine": platform.node(),
        "device": f"{device} ({device_name(device)})",
        "pid": os.getpid(),
        "processes": distributed.world_size(),
        "threads": torch.get_num_threads(),
    }


def git_revision() -> str | None:
    """The commit of this code, with "+" if files differ from it; None outside a checkout."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def save_environment(run: Path, start: int, device: torch.device, changes: Changes) -> None:
    """Add this session to `environment.json`: a list, as a run may go on elsewhere."""
    sessions = _sessions(run)
    begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    changed = {"changes": changes} if changes else {}
    sessions.append({"begun": begun, "from_iteration": start, **changed, **environment(device)})
    with atomic_path(environment_path(run)) as temporary:
        temporary.write_text(json.dumps(sessions, indent=2) + "\n", "utf-8")


def commands(run: Path) -> str:
    """The command of each session of a run, a line each, without the folders of this machine."""
    lines = []
    for session in _sessions(run):
        words = [Path(word).name if word.startswith("/") else word for word in session["command"]]
        begun = session["from_iteration"]
        note = f"  # from iteration {begun}" if begun else ""
        lines.append("python -m train " + shlex.join(words) + note)
    return "\n".join(lines)


def history(run: Path) -> list[str]:
    """What later sessions of a run changed, a line each, without the folders of this machine."""
    return [
        f"from iteration {session['from_iteration']}: {told(_without_folders(session['changes']))}"
        for session in _sessions(run)
        if isinstance(session.get("changes"), dict)
    ]


def _without_folders(changes: Changes) -> Changes:
    def name(value: Any) -> Any:
        if isinstance(value, list):
            return [name(each) for each in value]
        return Path(value).name if isinstance(value, str) and value.startswith("/") else value

    return {key: (name(old), name(new)) for key, (old, new) in changes.items()}


def set_best_aside(run: Path, start: int) -> None:
    """Leave `best/` behind, as it was chosen by other figures than those that follow."""
    best = run / "best"
    if best.is_dir():
        best.replace(run / f"best-until-{start:07d}")


def _sessions(run: Path) -> list[dict[str, Any]]:
    try:
        sessions = json.loads((environment_path(run)).read_text("utf-8"))
        return [session for session in sessions if {"command", "from_iteration"} <= session.keys()]
    except (OSError, ValueError, AttributeError, TypeError):
        return []


def keep_weights(
    run: Path, stage: Stage, iteration: int, facts: Mapping[str, Any], most: int
) -> None:
    """Export the weights to stand beside a sample picture; of these the latest `most` are kept."""
    if most:
        stage.export(kept_path(run, iteration), facts)
    for path in list(kept_weights(run).values())[: -most or None]:
        path.unlink(missing_ok=True)


def save_if_best(
    run: Path, stage: Stage, figures: Mapping[str, float], facts: Mapping[str, Any]
) -> None:
    """Export the weights to `best/` if no earlier validation of the run was better.

    What the best so far is stands in the weights' file itself, so that it is right whenever a run
    is killed.
    """
    name = stage.best_by
    if name is None or name not in figures:
        return
    sign = -1 if name in SMALLER_IS_BETTER else 1
    best = None
    for file in (run / "best").glob("*.safetensors"):
        with suppress(UserError):
            best = read_facts(file).get(name)
    if best is None or sign * figures[name] > sign * float(best):
        stage.export(run / "best" / stage.weights_name, {**facts, **figures})
