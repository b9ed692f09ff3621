"""Colours of SR: how far they are from HR's, whatever the texture, and whether flat areas stay."""

from collections.abc import Callable

import numpy as np
import scipy  # whose parts load when first used: as much starts faster

from esrgan.evaluation.histogram import SIGMA
from esrgan.pictures.images import to_rgb

# Rows that are computed at a time, to save memory.
BAND = 256
# Grey levels of the flat pictures: black, middle grey, white.
FLAT_LEVELS = (0, 128, 255)
# LR pixels: the side of the flat pictures, and what at each border is not looked at, where the
# zeros that networks pad with show.
FLAT_SIDE, FLAT_BORDER = 32, 12


def colour_difference(sr: np.ndarray, hr: np.ndarray, sigma: float = SIGMA) -> np.ndarray:
    """ΔE of CIE 2000 between Gaussian-filtered pictures, pixel by pixel; 1 is just visible.

    Args:
        sr, hr: H×W, H×W×3 or H×W×4 of one size, `uint8` or `uint16`, in sRGB.
        sigma: of the filter, in pixels, which is that of `brightness`.

    Returns:
        H×W float64.
    """
    from skimage.color import deltaE_ciede2000, rgb2lab  # here, as the page starts without it

    first, second = _filtered(sr, sigma), _filtered(hr, sigma)
    starts = range(0, len(first), BAND)
    return np.concatenate(
        [
            deltaE_ciede2000(*(rgb2lab(each[y : y + BAND]) for each in (first, second)))
            for y in starts
        ]
    )


def _filtered(image: np.ndarray, sigma: float) -> np.ndarray:
    """H×W×3 float64 in [0, 1]."""
    rgb = to_rgb(image) / np.iinfo(image.dtype).max
    return scipy.ndimage.gaussian_filter(rgb, (sigma, sigma, 0), mode="reflect")


def flat_deviation(upscale: Callable[[np.ndarray], np.ndarray]) -> float:
    """The largest deviation of flat black, grey and white pictures, in grey levels of 0 … 255.

    Args:
        upscale: from h×w×3 `uint8` to SR, `uint8`. The outermost pixels are not looked at.
    """
    worst = 0
    for level in FLAT_LEVELS:
        sr = to_rgb(upscale(np.full((FLAT_SIDE, FLAT_SIDE, 3), level, np.uint8)))
        border = FLAT_BORDER * len(sr) // FLAT_SIDE
        inside = sr[border:-border, border:-border].astype(int)
        worst = max(worst, int(np.abs(inside - level).max()))
    return float(worst)
