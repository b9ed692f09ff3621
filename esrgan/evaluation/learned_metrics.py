"""Ma's score, LPIPS, DISTS and FID, from `pyiqa` where it is installed and has its parameters, or
can fetch them."""

import atexit
import hashlib
import importlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from esrgan.errors import UserError
from esrgan.pictures.encoding import save_image
from esrgan.pictures.files import file_digest
from esrgan.pictures.images import to_rgb, to_tensor

if TYPE_CHECKING:
    import torch
    from torch import nn

# Of SR and HR, both H×W×3.
Metric = Callable[[np.ndarray, np.ndarray], float]
# Of all SR and all HR pictures of a data set, each H×W×3.
SetMetric = Callable[[Sequence[np.ndarray], Sequence[np.ndarray]], float]

# What each is called in pyiqa, and its settings. Ma's score by PIRM: Y, 4 pixels shaved.
SOURCES: dict[str, tuple[str, dict[str, Any]]] = {
    "ma": ("nrqm", {"crop_border": 4, "color_space": "ycbcr"}),
    "lpips": ("lpips", {}),
    "dists": ("dists", {}),
    "fid": ("fid", {}),
}
LEARNED = ("ma", "lpips", "dists")  # of a picture each; FID is of all
# Those that tables have unless others are named, and those by which training may choose its best
# weights (lower is better).
USUAL, DISTANCES = ("ma", "lpips"), ("lpips", "dists")
# Files of parameters under the names by which pyiqa and torchvision keep them.
PARAMETERS = {
    "ma": ("NRQM_model.mat",),
    "lpips": ("LPIPS_v0.1_alex-df73285e.pth", "alexnet-owt-7be5be79.pth"),
    "dists": ("DISTS_weights-f5e65c96.pth", "vgg16-397923af.pth"),
    "fid": ("pt_inception-2015-12-05-6726825d.pth",),
}
# The folders of torch's hub in which they seek them.
HUB_FOLDERS = ("pyiqa", "checkpoints")
# Of patience with a connection that says nothing, and with all downloads of a metric.
CONNECTION_SECONDS, DOWNLOAD_SECONDS = 20, 1800
FETCH = """
import json, socket, sys
socket.setdefaulttimeout(float(sys.argv[1]))
import pyiqa
pyiqa.create_metric(sys.argv[2], device="cpu", **json.loads(sys.argv[3]))
"""


def learned_metrics(
    names: Sequence[str] = USUAL, folder: Path | None = None
) -> dict[str, Metric | str]:
    """Ma's score "ma" (higher is better), "lpips" and "dists" (lower), or why each can't be had.

    Args:
        names: of `LEARNED`.
        folder: of `parameters_in`, in which this is called; nothing is fetched then.
    """
    return {name: _metric(name, folder) for name in names}


def learned_distance(name: str, folder: Path | None = None) -> Metric | str:
    """One of `DISTANCES`, or why it can't be had; `folder` as of `learned_metrics`."""
    return _metric(name, folder)


def learned_loss(
    name: str, device: "torch.device", folder: Path | None = None
) -> "nn.Module | str":
    """One of `DISTANCES` as a loss of N×3×H×W in [0, 1], whose weights don't change; or why it
    can't be had; `folder` as of `learned_metrics`."""
    module = _module(name, device, folder, as_loss=True)
    return module if isinstance(module, str) else module.eval().requires_grad_(False)


def frechet_distance(folder: Path | None = None) -> SetMetric | str:
    """FID by Inception's features of whole pictures resized to 299×299 ("clean-fid"), lower is
    better, or why it can't be had; `folder` as of `learned_metrics`."""
    import torch

    module = _module("fid", torch.device("cpu"), folder)
    if isinstance(module, str):
        return module

    def measure(results: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> float:
        with tempfile.TemporaryDirectory() as place:
            sides = Path(place, "sr"), Path(place, "hr")
            for side, pictures in zip(sides, (results, truths), strict=True):
                side.mkdir()
                for number, picture in enumerate(pictures):
                    save_image(to_rgb(picture), side / f"{number:06}.png")
            return float(module(*map(str, sides), num_workers=0, verbose=False))

    return measure


def parameters_digest(folder: Path | None) -> str:
    """What the files of a folder of parameters are; "" without one.

    Raises:
        UserError: a file can't be read.
    """
    if folder is None:
        return ""
    names = sorted({name for files in PARAMETERS.values() for name in files})
    found = [(name, file_digest(folder / name)) for name in names if (folder / name).is_file()]
    return hashlib.sha256(str(found).encode()).hexdigest()[:16]


def _metric(name: str, folder: Path | None = None) -> Metric | str:
    import torch

    module = _module(name, torch.device("cpu"), folder)
    if isinstance(module, str):
        return module

    def measure(sr: np.ndarray, hr: np.ndarray) -> float:
        pictures = [to_tensor(to_rgb(picture)) for picture in (sr, hr)]
        with torch.inference_mode():
            return float(module(*pictures) if module.metric_mode == "FR" else module(pictures[0]))

    return measure


def _module(name: str, device: "torch.device", folder: Path | None = None, **settings: Any) -> Any:
    """One of `SOURCES` from pyiqa, or a text that says why not."""
    if importlib.util.find_spec("pyiqa") is None:
        return "pyiqa not installed"
    lacking = [file for file in PARAMETERS[name] if folder and not _in_hub(file)]
    if lacking:
        return f"no {lacking[0]} in {folder}"
    try:
        pyiqa = importlib.import_module("pyiqa")
    except Exception:  # it imports much that may be missing or of another version
        return "pyiqa can't be imported"
    metric, usual = SOURCES[name]
    settings = {**usual, **settings}
    try:
        _fetch(metric, json.dumps(settings))
        return pyiqa.create_metric(metric, device=device, **settings)
    except Exception:  # downloads fail in many ways
        return "parameters not to be had"


def _in_hub(file: str) -> bool:
    return any((folder / file).is_file() for folder in _hub_folders())


def _hub_folders() -> list[Path]:
    import torch

    return [Path(torch.hub.get_dir(), name) for name in HUB_FOLDERS]


@contextmanager
def parameters_in(folder: Path | None) -> Iterator[None]:
    """Have pyiqa, not imported yet, and torchvision find the files of `PARAMETERS` in a folder,
    besides those that they have already: they seek them in torch's home, which is elsewhere
    meanwhile.

    Raises:
        UserError: there is no such folder.
    """
    if folder is None:
        yield
        return
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.")
    files = [file for place in (*_hub_folders(), folder) for file in place.glob("*.*")]
    by_name = {file.name: file.resolve() for file in files}  # the folder's own before others
    home = _home()
    for place in HUB_FOLDERS:
        there = home / "hub" / place
        shutil.rmtree(there, ignore_errors=True)
        there.mkdir(parents=True)
        for name, file in by_name.items():
            (there / name).symlink_to(file)
    with _environment(TORCH_HOME=str(home)):
        yield


@cache
def _home() -> Path:
    """One place for the whole process: pyiqa keeps to the home that it was imported with."""
    home = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return home


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before: Mapping[str, str | None] = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


@cache
def _fetch(name: str, settings: str) -> None:
    """Have another process download what a metric needs, if it is not there: pyiqa sets no time
    limit, and one for all connections of this process is not ours to set.

    Raises:
        CalledProcessError, TimeoutExpired: it could not.
    """
    subprocess.run(
        [sys.executable, "-c", FETCH, str(CONNECTION_SECONDS), name, settings],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.curdir for path in sys.path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=DOWNLOAD_SECONDS,
        check=True,
    )
