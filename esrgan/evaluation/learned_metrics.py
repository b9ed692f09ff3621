"""Ma's score and LPIPS, from `pyiqa` where it is installed and can fetch its parameters."""

import contextlib
import importlib
import importlib.util
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from esrgan.pictures.images import to_rgb, to_tensor

# Of SR and HR, both H×W×3.
Metric = Callable[[np.ndarray, np.ndarray], float]

# What each is called in pyiqa, and its settings. Ma's score by PIRM: Y, 4 pixels shaved.
SOURCES: dict[str, tuple[str, dict[str, Any]]] = {
    "ma": ("nrqm", {"crop_border": 4, "color_space": "ycbcr"}),
    "lpips": ("lpips", {}),
}
CONNECTION_SECONDS = 20


def learned_metrics() -> dict[str, Metric | str]:
    """Ma's score "ma" (higher is better) and "lpips" (lower), or why each can't be had."""
    if importlib.util.find_spec("pyiqa") is None:
        return dict.fromkeys(SOURCES, "pyiqa not installed")
    try:
        pyiqa = importlib.import_module("pyiqa")
    except Exception:  # it imports much that may be missing or of another version
        return dict.fromkeys(SOURCES, "pyiqa can't be imported")
    return {name: _metric(pyiqa, *source) for name, source in SOURCES.items()}


def _metric(pyiqa: Any, name: str, settings: dict[str, Any]) -> Metric | str:
    try:
        with _impatient_and_quiet():
            module = pyiqa.create_metric(name, device=torch.device("cpu"), **settings)
    except Exception:  # downloads fail in many ways
        return "parameters not to be had"

    def measure(sr: np.ndarray, hr: np.ndarray) -> float:
        pictures = [to_tensor(to_rgb(picture)) for picture in (sr, hr)]
        with torch.inference_mode():
            return float(module(*pictures) if module.metric_mode == "FR" else module(pictures[0]))

    return measure


@contextlib.contextmanager
def _impatient_and_quiet() -> Iterator[None]:
    """pyiqa downloads without a time limit and prints what it does."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(CONNECTION_SECONDS)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        socket.setdefaulttimeout(before)
