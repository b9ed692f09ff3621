"""What spoils a photograph before anybody enlarges it: blur, noise and JPEG.

Pictures are H×W×3, RGB, levels 0 … 255; float32 unless it says otherwise, and not clipped.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from esrgan.errors import UserError

Subsampling = Literal["4:4:4", "4:2:0"]
# Of red, green and blue in brightness (BT.601).
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def blurred(picture: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Filtered with a k×k kernel, k odd, which is symmetric about its centre; the picture goes on
    mirrored beyond its sides. Of the picture's dtype."""
    return cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT_101)


def gaussian_noise(
    picture: np.ndarray, sigma: float, rng: np.random.Generator, grey: bool = False
) -> np.ndarray:
    """With noise of standard deviation `sigma`, in levels; `grey` is the same for all channels."""
    shape = (*picture.shape[:2], 1 if grey else 3)
    return picture + np.float32(sigma) * rng.standard_normal(shape, np.float32)


def poisson_noise(
    picture: np.ndarray, strength: float, rng: np.random.Generator, grey: bool = False
) -> np.ndarray:
    """With `strength` times the noise of counted light, as Real-ESRGAN draws it.

    White counts v photons, the number of different levels rounded up to a power of two, and the
    noise of level x has the variance `strength`² · 255 · x / v.
    """
    exact = np.clip(picture, 0, 255).round()
    exact = exact @ LUMA[:, None] if grey else exact  # H×W×1 or H×W×3
    levels = int((np.bincount(exact.round().astype(np.uint8).ravel(), minlength=256) > 0).sum())
    photons = 2.0 ** np.ceil(np.log2(max(2, levels)))
    counted = rng.poisson(exact * (photons / 255)) * (255 / photons)
    return picture + np.float32(strength) * (counted - exact).astype(np.float32)


def jpeg(picture: np.ndarray, quality: int, subsampling: Subsampling = "4:2:0") -> np.ndarray:
    """Rounded, written as a JPEG file of this quality (1 … 100) and read again: `uint8`."""
    buffer = io.BytesIO()
    Image.fromarray(to_levels(picture)).save(
        buffer, "JPEG", quality=quality, subsampling=subsampling
    )
    return np.asarray(Image.open(buffer))


def to_levels(picture: np.ndarray) -> np.ndarray:
    """Rounded and clipped to `uint8`."""
    if picture.dtype == np.uint8:
        return picture
    return np.clip(picture.round(), 0, 255).astype(np.uint8)


# ---------------------------------------------------------------- by name, for measuring


@dataclass(frozen=True)
class Step:
    """One thing that can be done to a picture, by its name.

    Attributes:
        amount: what the number after the name is, for people.
        least, most: between which it may be.
        apply: to levels, with that amount and a generator; grey where the picture is.
    """

    amount: str
    least: float
    most: float
    apply: Callable[[np.ndarray, float, np.random.Generator, bool], np.ndarray]


STEPS: dict[str, Step] = {
    "jpeg": Step("quality", 1, 100, lambda p, amount, _rng, _grey: jpeg(p, round(amount))),
    "noise": Step("standard deviation in levels", 0, 255, gaussian_noise),
    "poisson": Step("strength", 0, 100, poisson_noise),
    "blur": Step(
        "standard deviation in pixels",
        0.1,
        50,
        lambda p, amount, _rng, _grey: cv2.GaussianBlur(
            p, (0, 0), amount, borderType=cv2.BORDER_REFLECT_101
        ),
    ),
}
CLEAN = "clean"


@dataclass(frozen=True)
class Recipe:
    """Steps, one after the other, such as "blur:1+noise:5+jpeg:70"; "clean" has none."""

    text: str
    steps: tuple[tuple[Step, float], ...]

    @classmethod
    def of(cls, text: str) -> "Recipe":
        """Raises UserError: a step has no such name, or its amount is none."""
        parts = [] if text == CLEAN else text.split("+")
        return cls(text, tuple(_step(part) for part in parts))

    def __call__(self, picture: np.ndarray, name: str) -> np.ndarray:
        """A picture, H×W, H×W×3 or H×W×4 `uint8`, degraded: the same each time for the same file
        name. Transparency stays as it is."""
        if not self.steps:
            return picture
        rng, grey = np.random.default_rng([*name.encode()]), picture.ndim == 2
        levels = np.repeat(picture[..., None], 3, axis=2) if grey else picture[..., :3]
        for step, amount in self.steps:
            levels = to_levels(step.apply(levels.astype(np.float32), amount, rng, grey))
        return levels[..., 0] if grey else np.concatenate((levels, picture[..., 3:]), axis=2)


def _step(text: str) -> tuple[Step, float]:
    name, _, number = text.strip().partition(":")
    known = ", ".join(f"{each}:{STEPS[each].amount.replace(' ', '-')}" for each in STEPS)
    if name not in STEPS:
        raise UserError(f"There is no degradation {text!r}; there are {CLEAN}, {known}.")
    step = STEPS[name]
    try:
        amount = float(number)
    except ValueError:
        amount = float("nan")
    if not step.least <= amount <= step.most:
        raise UserError(
            f"{text!r}: {name} needs its {step.amount}, {step.least:g} to {step.most:g}, after a "
            "colon."
        )
    return step, amount
