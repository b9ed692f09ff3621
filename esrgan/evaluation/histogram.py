"""The brightness of Fig. 9a: how bright a picture is, regardless of its texture."""

import numpy as np
import scipy  # whose parts load when first used: as much starts faster

from esrgan.pictures.images import to_rgb

# The paper filters "with a Gaussian kernel" whose width it does not give.
SIGMA = 3.0
# Grey of BT.601, as MATLAB's rgb2gray.
GREY_WEIGHTS = np.array([0.2989, 0.5870, 0.1140]) / (0.2989 + 0.5870 + 0.1140)


def brightness(image: np.ndarray, sigma: float = SIGMA) -> np.ndarray:
    """The grey-scale of a Gaussian-filtered picture (Sec. 4.3).

    Args:
        image: H×W, H×W×3 or H×W×4, `uint8` or `uint16`.
        sigma: of the filter, in pixels.

    Returns:
        H×W float64 in [0, 255].
    """
    rgb = to_rgb(image) * (255 / np.iinfo(image.dtype).max)
    grey = rgb @ GREY_WEIGHTS  # before the filter, as both steps are linear
    return scipy.ndimage.gaussian_filter(grey, sigma, mode="reflect")


def brightness_shift(sr: np.ndarray, hr: np.ndarray) -> float:
    """Mean brightness of SR less that of HR, in grey levels of 0 … 255; darker is below 0.

    Args:
        sr, hr: as `brightness` takes them, of one size.
    """
    return float(np.mean(brightness(sr) - brightness(hr)))


def darker_share(image: np.ndarray, sigma: float = SIGMA) -> np.ndarray:
    """The share of pixels that are darker than each of the levels 1 … 255 in brightness: 255
    float64 that rise from 0 to 1."""
    ordered = np.sort(brightness(image, sigma), axis=None)
    return np.searchsorted(ordered, np.arange(1, 256)) / ordered.size


def brightness_histogram(image: np.ndarray, bins: int = 64, sigma: float = SIGMA) -> np.ndarray:
    """Share of the pixels in each of `bins` equal ranges of brightness 0 … 255; sums to 1."""
    counts, _ = np.histogram(brightness(image, sigma), bins=bins, range=(0, 255))
    return counts / counts.sum()
