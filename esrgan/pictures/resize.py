"""MATLAB's bicubic `imresize`, exactly: the only down- and upscaler besides the networks.

The paper makes LR images "by down-sampling HR images using the MATLAB bicubic kernel function"
(Sec. 4.1); every published benchmark number rests on these pixels.
"""

from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from esrgan.errors import UserError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Output pixels reach this many output-pixel widths into the input when downscaling.
KERNEL_RADIUS = 2


def imresize(image: np.ndarray, scale: float) -> np.ndarray:
    """Resize by `scale` as MATLAB's `imresize(image, scale)` does (bicubic, a = -0.5, antialiased).

    Args:
        image: H×W or H×W×C. Integer images (any integer dtype) are rounded half-up and clipped to
            their dtype after each of the two passes, rows first, as MATLAB does; floating-point
            images of any range are neither rounded nor clipped.
        scale: output size over input size, > 0; `1 / 4` makes the paper's LR.

    Returns:
        ceil(H·scale)×ceil(W·scale)[×C], same dtype.

    Raises:
        UserError: the scale is not positive or the image is not H×W or H×W×C, or is empty.
    """
    if not (scale > 0 and np.isfinite(scale)):
        raise UserError(f"The scale must be a positive number, not {scale}.")
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise UserError(f"imresize needs an H×W or H×W×C image, not one of shape {image.shape}.")
    columns_done = _resize_rows(image, scale)
    return np.ascontiguousarray(_resize_rows(columns_done.swapaxes(0, 1), scale).swapaxes(0, 1))


def _resize_rows(image: np.ndarray, scale: float) -> np.ndarray:
    """Resize along the first axis: H×… -> ceil(H·scale)×…, same dtype."""
    size = image.shape[0]
    weights = contributions(size, ceil(size * scale - 1e-9), scale)
    flat = weights @ image.reshape(size, -1).astype(np.float64)
    return _as_dtype(flat, image.dtype).reshape(-1, *image.shape[1:])


def _as_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.floor(values + 0.5).clip(limits.min, limits.max).astype(dtype)


@lru_cache(maxsize=256)
def contributions(in_size: int, out_size: int, scale: float) -> "csr_array":
    """The out_size×in_size matrix of kernel weights, with MATLAB's symmetric border."""
    from scipy.sparse import csr_array  # here, as much starts faster without it

    stretch = min(scale, 1.0)  # < 1 widens the kernel: antialiasing
    taps = ceil(2 * KERNEL_RADIUS / stretch) + 2
    centre = (np.arange(out_size) + 0.5) / scale - 0.5  # in input pixels, 0-based
    first = np.floor(centre - KERNEL_RADIUS / stretch).astype(int)
    index = first[:, None] + np.arange(taps)  # out_size×taps
    weight = _cubic((centre[:, None] - index) * stretch)
    weight /= weight.sum(axis=1, keepdims=True)
    mirrored = index % (2 * in_size)
    mirrored = np.where(mirrored < in_size, mirrored, 2 * in_size - 1 - mirrored)
    rows = np.repeat(np.arange(out_size), taps)
    matrix = csr_array((weight.ravel(), (rows, mirrored.ravel())), shape=(out_size, in_size))
    matrix.sum_duplicates()
    return matrix


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic convolution kernel with a = -0.5, zero outside [-2, 2]."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))
