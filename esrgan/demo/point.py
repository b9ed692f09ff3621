"""Upscaling and measuring at one point between two models, for programs. Knows no gradio."""

from pathlib import Path
from typing import Any

import numpy as np

from esrgan.demo import comparison as compute
from esrgan.demo.comparison import Comparison, Trio
from esrgan.demo.server.served import serve
from esrgan.demo.server.zero_gpu import on_gpu
from esrgan.errors import UserError
from esrgan.evaluation.evaluate import Measures, measure
from esrgan.evaluation.learned_metrics import SOURCES
from esrgan.evaluation.niqe import load_pristine
from esrgan.evaluation.results import METRICS
from esrgan.evaluation.similarities import SIMILARITIES
from esrgan.inference.blend import MODES
from esrgan.pictures.images import to_rgb, to_uint8

MEASURED = tuple(name for name in METRICS if name not in (*SOURCES, *SIMILARITIES, "pi", "flat"))
SSIM_WINDOW = 11


def upscaled(picture: str | None, pair: Trio, alpha: float, mode: str) -> str:
    """Upscale an uploaded LR picture into a PNG file, as `serve` gives it.

    Raises:
        UserError: there is no picture, as `comparison.begin`, or the networks can't be
            interpolated.
    """
    path = _uploaded(picture)
    begun = compute.begin(str(path), False, pair)
    return serve(_result(begun, alpha, mode), f"{path.stem}_x{compute.common_scale(pair)}", ".png")


def measured(picture: str | None, pair: Trio, alpha: float, mode: str) -> dict[str, Any]:
    """Measure the result of an uploaded HR picture's LR: numbers by name.

    Raises:
        UserError: as `upscaled`, or the picture is too small to be measured.
    """
    path = _uploaded(picture)
    begun = compute.begin(str(path), True, pair)
    assert begun.hr is not None
    scale = compute.common_scale(pair)
    if min(begun.hr.shape[:2]) < SSIM_WINDOW + 2 * scale:
        raise UserError(f"{path.name} is too small to be measured.")
    sr, hr = (to_rgb(to_uint8(each)) for each in (_result(begun, alpha, mode), begun.hr))
    numbers = measure(sr, hr, scale, Measures(load_pristine()))
    return {name: numbers[name] for name in MEASURED}


def _uploaded(picture: str | None) -> Path:
    if picture is None:
        raise UserError("Send a picture.")
    return Path(picture)


@on_gpu(seconds=60)
def _result(comparison: Comparison, alpha: float, mode: str) -> np.ndarray:
    if mode not in MODES:
        raise UserError(f"The mode must be {' or '.join(MODES)}, not {mode}.")
    if mode == "network":
        obstacle = compute.obstacle(comparison.trio.files)
        if obstacle:
            raise UserError(obstacle)
        return compute.network_interpolated(comparison, alpha)
    *_, done = compute.run(comparison)
    return compute.image_interpolated(done, alpha)
