"""Distances to the ground truth, by the protocol of the SR benchmarks and of PIRM (Sec. 4.2)."""

from typing import Literal

import numpy as np

from esrgan.errors import UserError
from esrgan.pictures.images import rgb_to_y, to_rgb

Channel = Literal["y", "grey", "rgb"]
SSIM_WINDOW = 11  # pixels a side


def psnr(sr: np.ndarray, hr: np.ndarray, crop_border: int = 4, channel: Channel = "y") -> float:
    """Peak signal-to-noise ratio in dB, higher is closer; infinite for equal pictures.

    Args:
        sr, hr: H×W or H×W×3, `uint8` or `uint16`, of one size.
        crop_border: pixels cut off at each side; the scale, by convention.
        channel: "y" (luma of MATLAB's rgb2ycbcr, 16 … 235), "grey" (the same luma from 0 to 255,
            which of a grey picture are its own levels) or "rgb" (all three together).

    Raises:
        UserError: the sizes differ, or nothing is left inside the border.
    """
    error = rmse(sr, hr, crop_border, channel)
    return float("inf") if error == 0 else float(20 * np.log10(255 / error))


def rmse(sr: np.ndarray, hr: np.ndarray, crop_border: int = 4, channel: Channel = "y") -> float:
    """Root-mean-square error in grey levels of 0 … 255; arguments and errors as `psnr`."""
    first, second = prepared(sr, hr, crop_border, channel)
    return float(np.sqrt(np.mean((first - second) ** 2)))


def ssim(sr: np.ndarray, hr: np.ndarray, crop_border: int = 4, channel: Channel = "y") -> float:
    """Structural similarity in [-1, 1], 1 for equal pictures; arguments and errors as `psnr`.

    Wang et al.'s: an 11×11 Gaussian window of σ = 1.5, averaged where the window fits whole.
    With "rgb", the mean over the channels.
    """
    from skimage.metrics import structural_similarity  # takes a second, and few ask for it

    first, second = prepared(sr, hr, crop_border, channel)
    if min(first.shape[:2]) < SSIM_WINDOW:
        raise UserError(
            f"SSIM needs {SSIM_WINDOW}×{SSIM_WINDOW} pixels or more inside the cropped border."
        )
    return float(
        structural_similarity(
            first,
            second,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=2 if first.ndim == 3 else None,
        )
    )


def prepared(
    sr: np.ndarray, hr: np.ndarray, crop_border: int, channel: Channel
) -> tuple[np.ndarray, np.ndarray]:
    """Both pictures as float64 in 0 … 255, cropped: H×W×3 for "rgb", else H×W.

    Raises:
        UserError: as `psnr`.
    """
    if sr.shape[:2] != hr.shape[:2]:
        sizes = [f"{picture.shape[1]}×{picture.shape[0]}" for picture in (sr, hr)]
        raise UserError(f"The pictures to compare differ in size: {sizes[0]} and {sizes[1]}.")
    if min(sr.shape[:2]) <= 2 * crop_border:
        raise UserError(f"Nothing is left of the picture inside a border of {crop_border} pixels.")
    inside = slice(crop_border, -crop_border or None)
    return _channel(sr, channel)[inside, inside], _channel(hr, channel)[inside, inside]


def _channel(image: np.ndarray, channel: Channel) -> np.ndarray:
    if channel == "y":
        return rgb_to_y(image)
    if channel == "grey":
        return (rgb_to_y(image) - 16) * (255 / 219)
    if channel == "rgb":
        return to_rgb(image) * (255 / np.iinfo(image.dtype).max)
    raise UserError(f"The channel is 'y', 'grey' or 'rgb', not {channel!r}.")
