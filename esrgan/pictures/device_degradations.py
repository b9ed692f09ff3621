"""The steps of `degradations`, applied by any device of torch's: pictures are 3×H×W, `uint8` or
float32 levels, and a step gives what it is given.

They equal the CPU's within rounding, but for noise, which a generator of the device draws.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from esrgan.pictures.degradations import (
    Blur,
    Degradation,
    GaussianNoise,
    Jpeg,
    MatlabResize,
    PlainResize,
    PoissonNoise,
    SmoothResize,
    Step,
)
from esrgan.pictures.degrade import LUMA
from esrgan.pictures.device_jpeg import jpeg, sent
from esrgan.pictures.resize import contributions

# Below 256, the most levels that a picture has.
POWERS_OF_TWO = 2 ** np.arange(1, 8)


def made(
    hr: Tensor, degradation: Degradation, steps: Iterable[Step], generator: torch.Generator
) -> Tensor:
    """LR, as `degradation.make` has it, by these of its steps: `uint8`, as HR, 3×H×W. The
    generator, of HR's device, is noise's."""
    picture = hr if degradation.between is np.uint8 else hr.float()
    with _full_precision():
        for step in steps:
            picture = applied(step, picture, generator)
    return to_levels(picture).to(torch.uint8)


def applied(step: Step, picture: Tensor, generator: torch.Generator) -> Tensor:
    """A picture after a step, as `degradations.applied` has it."""
    exact, old = picture.float(), picture.shape[1:]
    match step:
        case Blur(kernel):
            return _as_before(blurred(exact, kernel), picture)
        case MatlabResize(factor):
            rows, columns = _matlab(old[0], factor), _matlab(old[1], factor)
            return _resized(picture.mT, columns, rows).mT  # rows first
        case PlainResize(height, width, chosen):
            rows, columns = _plain(old[0], height, chosen), _plain(old[1], width, chosen)
            return _as_before(_resized(exact, rows, columns), picture)
        case SmoothResize(height, width, chosen):
            rows, columns = _smooth(old[0], height, chosen), _smooth(old[1], width, chosen)
            return _resized(picture, rows, columns)
        case GaussianNoise(sigma, grey):
            noisy = gaussian_noise(exact, sigma, generator, grey)
            return _as_before(noisy.clamp(0, 255), picture)
        case PoissonNoise(strength, grey):
            noisy = poisson_noise(exact, strength, generator, grey)
            return _as_before(noisy.clamp(0, 255), picture)
        case Jpeg(quality, subsampling, top, left):
            whole = F.pad(to_levels(exact)[None], (left, 0, top, 0), "replicate")[0]
            return _as_before(jpeg(whole, quality, subsampling)[:, top:, left:], picture)


def to_levels(picture: Tensor) -> Tensor:
    """Rounded and clipped, of the same dtype."""
    return picture.round().clamp(0, 255) if picture.is_floating_point() else picture


def _as_before(result: Tensor, picture: Tensor) -> Tensor:
    return to_levels(result).to(torch.uint8) if picture.dtype == torch.uint8 else result


@contextmanager
def _full_precision() -> Iterator[None]:
    """TF32 would be off by a level, and a kernel that is searched for could be another tomorrow."""
    matmul, allowed = torch.backends.cuda.matmul, torch.backends.cuda.matmul.allow_tf32
    steady = {"enabled": True, "benchmark": False, "deterministic": True, "allow_tf32": False}
    with torch.backends.cudnn.flags(**steady):
        matmul.allow_tf32 = False
        try:
            yield
        finally:
            matmul.allow_tf32 = allowed


# ---------------------------------------------------------------- blur and noise


def blurred(picture: Tensor, kernel: np.ndarray) -> Tensor:
    """3×H×W float32, filtered as `degrade.blurred` does it."""
    reach = len(kernel) // 2
    rows, columns = (
        sent(np.pad(np.arange(side), reach, "reflect"), picture.device)
        for side in picture.shape[1:]
    )
    mirrored = picture[:, rows][:, :, columns]
    return F.conv2d(mirrored[:, None], sent(kernel, picture.device)[None, None])[:, 0]


def gaussian_noise(
    picture: Tensor, sigma: float, generator: torch.Generator, grey: bool = False
) -> Tensor:
    """3×H×W float32, as `degrade.gaussian_noise`."""
    shape = 1 if grey else 3, *picture.shape[1:]
    return picture + sigma * torch.randn(shape, generator=generator, device=picture.device)


def poisson_noise(
    picture: Tensor, strength: float, generator: torch.Generator, grey: bool = False
) -> Tensor:
    """3×H×W float32, as `degrade.poisson_noise`."""
    exact = to_levels(picture)
    if grey:
        luma = sent(LUMA, picture.device)[:, None, None]
        exact = (luma * exact).sum(0, keepdim=True)
    present = torch.zeros(256, device=picture.device)
    levels = present.index_fill(0, exact.round().long().flatten(), 1).sum()
    photons = 2 ** (1 + (levels > sent(POWERS_OF_TWO, picture.device)).sum())
    counted = torch.poisson(exact * (photons / 255), generator) * (255 / photons)
    return picture + strength * (counted - exact)


# ---------------------------------------------------------------- resizing


def _resized(picture: Tensor, rows: np.ndarray, columns: np.ndarray) -> Tensor:
    """By the weights of each new row and column in the old ones, columns first; `uint8` is rounded
    in between, as Pillow does it."""
    narrow = _product(picture, sent(columns, picture.device).T)
    return _product(narrow.mT, sent(rows, picture.device).T).mT


def _product(picture: Tensor, weights: Tensor) -> Tensor:
    exact = picture.float() @ weights
    if picture.dtype == torch.uint8:
        return (exact + 0.5).floor().clamp(0, 255).to(torch.uint8)
    return exact


# What a program makes of unit vectors are its weights: new×old, float32 each.


@lru_cache(maxsize=64)
def _plain(old: int, new: int, chosen: int) -> np.ndarray:
    return cv2.resize(np.eye(old, dtype=np.float32), (old, new), interpolation=chosen)


@lru_cache(maxsize=64)
def _smooth(old: int, new: int, chosen: Image.Resampling) -> np.ndarray:
    unit_vectors = Image.fromarray(np.eye(old, dtype=np.float32))
    return np.asarray(unit_vectors.resize((old, new), chosen))


@lru_cache(maxsize=64)
def _matlab(old: int, factor: int) -> np.ndarray:
    return contributions(old, old // factor, 1 / factor).toarray().astype(np.float32)
