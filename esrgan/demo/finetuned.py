"""Models that were fine-tuned on this server: the runs' folders, weights and starting points.

A run belongs to the visitor who started it; others don't see it, unless the server's owner sets
ESRGAN_SHARED_RUNS=1. Runs of which no owner is known, such as those that were started without the
page, are shown where only this machine's users reach it. Knows nothing of gradio.
"""

import json
import os
from pathlib import Path
from typing import Any

from esrgan import assets
from esrgan.demo.comparison import Trio
from esrgan.demo.server.access import is_local
from esrgan.demo.server.served import shared_copy
from esrgan.demo.server.visitors import visitor
from esrgan.errors import UserError
from esrgan.models import zoo
from esrgan.pictures.files import atomic_path
from esrgan.run_folder import weights_path


def runs_folder() -> Path:
    """The folder of all runs: in the clone, or where it is installed in the current folder."""
    home = Path() if assets.INSTALLED else assets.ROOT
    return Path(os.environ.get("ESRGAN_RUNS") or home / "runs" / "finetune").absolute()


def log_path(run: Path) -> Path:
    """What a run's processes print; it is there once a run has begun."""
    return run / "log.txt"


def names() -> list[str]:
    """Names of the visitor's runs, the latest first."""
    return [name for name in all_names() if _belongs_to_visitor(runs_folder() / name)]


def _belongs_to_visitor(run: Path) -> bool:
    if os.environ.get("ESRGAN_SHARED_RUNS") == "1":
        return True
    owner = read_json(run / "owner.json").get("visitor")
    return is_local() if owner is None else bool(owner == visitor())


def write_owner(run: Path) -> None:
    """Note whose request started the run."""
    write_json(run / "owner.json", {"visitor": visitor()})


def all_names() -> list[str]:
    """Names of all runs, whosever they are, the latest first."""
    if not runs_folder().is_dir():
        return []
    found = [path.name for path in runs_folder().iterdir() if log_path(path).is_file()]
    return sorted(found, reverse=True)


def finished_names() -> list[str]:
    """Names of the runs that have a result, the latest first; also of those stopped early."""
    return [name for name in names() if weights_path(runs_folder() / name).is_file()]


def folder_of(name: str) -> Path:
    """Folder of a run; raises UserError if there is no run of this name."""
    if name not in names():
        raise UserError("There is no such training run any more.")
    return runs_folder() / name


def result(name: str) -> Path | None:
    """Weights of a run as a file that the browser may fetch, or None if there are none yet.

    It is a copy with a name of its own for each state of the weights: a run that goes on replaces
    them, while those who loaded the file take it for one that does not change.
    """
    weights = weights_path(folder_of(name))
    if not weights.is_file():
        return None
    return shared_copy(weights, f"{name}.safetensors")


def trio(name: str | None) -> Trio:
    """Models of a run's comparison: the one that it started from, and its result.

    Raises:
        UserError: no run was chosen, or it has no result.
    """
    weights = result(name) if name else None
    if name is None or weights is None:
        raise UserError("Choose a model that was fine-tuned here; there is none before a run ends.")
    origin = read_json(folder_of(name) / "origin.json")
    start = Path(origin.get("weights", ""))
    if not start.is_file():
        raise UserError(f"The model from which {name} started is not there any more.")
    return Trio((start, weights), titles=(origin.get("title", start.name), name))


def write_origin(run: Path, start: str | Path, origin: Path) -> None:
    title = zoo.MODELS[start].title if start in zoo.MODELS else Path(start).name
    write_json(run / "origin.json", {"title": title, "weights": str(origin)})


def read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, content: dict[str, Any]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content) + "\n", "utf-8")
