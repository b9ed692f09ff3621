"""Ma's score, LPIPS and DISTS, from `pyiqa` where it is installed and can fetch its parameters."""

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from esrgan.pictures.images import to_rgb, to_tensor

if TYPE_CHECKING:
    import torch
    from torch import nn

# Of SR and HR, both H×W×3.
Metric = Callable[[np.ndarray, np.ndarray], float]

# What each is called in pyiqa, and its settings. Ma's score by PIRM: Y, 4 pixels shaved.
SOURCES: dict[str, tuple[str, dict[str, Any]]] = {
    "ma": ("nrqm", {"crop_border": 4, "color_space": "ycbcr"}),
    "lpips": ("lpips", {}),
}
# Those by which training may choose its best weights; lower is better.
DISTANCES = {"lpips": SOURCES["lpips"], "dists": ("dists", {})}
# Of patience with a connection that says nothing, and with all downloads of a metric.
CONNECTION_SECONDS, DOWNLOAD_SECONDS = 20, 1800
FETCH = """
import json, socket, sys
socket.setdefaulttimeout(float(sys.argv[1]))
import pyiqa
pyiqa.create_metric(sys.argv[2], device="cpu", **json.loads(sys.argv[3]))
"""


def learned_metrics() -> dict[str, Metric | str]:
    """Ma's score "ma" (higher is better) and "lpips" (lower), or why each can't be had."""
    return {name: _metric(*source) for name, source in SOURCES.items()}


def learned_distance(name: str) -> Metric | str:
    """One of `DISTANCES`, or why it can't be had."""
    return _metric(*DISTANCES[name])


def learned_loss(name: str, device: "torch.device") -> "nn.Module | str":
    """One of `DISTANCES` as a loss of N×3×H×W in [0, 1], whose weights don't change; or why it
    can't be had."""
    module = _module(DISTANCES[name][0], {**DISTANCES[name][1], "as_loss": True}, device)
    return module if isinstance(module, str) else module.eval().requires_grad_(False)


def _metric(name: str, settings: dict[str, Any]) -> Metric | str:
    import torch

    module = _module(name, settings, torch.device("cpu"))
    if isinstance(module, str):
        return module

    def measure(sr: np.ndarray, hr: np.ndarray) -> float:
        pictures = [to_tensor(to_rgb(picture)) for picture in (sr, hr)]
        with torch.inference_mode():
            return float(module(*pictures) if module.metric_mode == "FR" else module(pictures[0]))

    return measure


def _module(name: str, settings: dict[str, Any], device: "torch.device") -> Any:
    """Of pyiqa, or a text that says why not."""
    if importlib.util.find_spec("pyiqa") is None:
        return "pyiqa not installed"
    try:
        pyiqa = importlib.import_module("pyiqa")
    except Exception:  # it imports much that may be missing or of another version
        return "pyiqa can't be imported"
    try:
        _fetch(name, json.dumps(settings))
        return pyiqa.create_metric(name, device=device, **settings)
    except Exception:  # downloads fail in many ways
        return "parameters not to be had"


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
