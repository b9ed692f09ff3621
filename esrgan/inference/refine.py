"""Self-ensemble and back-projection (Sec. 4.5), for any model."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from esrgan.errors import UserError
from esrgan.pictures.resize import imresize

TensorUpscale = Callable[[Tensor], Tensor]


def self_ensemble(upscale: TensorUpscale) -> TensorUpscale:
    """The mean of `upscale` over the eight flips and quarter turns of LR, each turned back.

    Args:
        upscale: N×3×H×W -> N×3×(scale·H)×(scale·W); called eight times.

    Returns:
        A function of the same signature.
    """

    def mean_of_eight(lr: Tensor) -> Tensor:
        total = torch.zeros(())
        for turns in range(4):
            for flipped in (False, True):
                total = total + _turned_back(upscale(_turned(lr, turns, flipped)), turns, flipped)
        return total / 8

    return mean_of_eight


def _turned(x: Tensor, turns: int, flipped: bool) -> Tensor:
    return torch.rot90(x.flip(-1) if flipped else x, turns, (-2, -1))


def _turned_back(x: Tensor, turns: int, flipped: bool) -> Tensor:
    x = torch.rot90(x, -turns, (-2, -1))
    return x.flip(-1) if flipped else x


def back_projection(sr: Tensor, lr: Tensor, iterations: int, scale: int) -> Tensor:
    """Iterative back-projection (Sec. 4.5, [39]): SR += upsample(LR - downsample(SR)).

    Afterwards SR, reduced by the MATLAB bicubic, is closer to LR; PSNR often rises.

    Args:
        sr: N×3×(scale·H)×(scale·W), any range.
        lr: N×3×H×W of the same range.
        iterations: 0 or more; 0 leaves SR as it is.
        scale: 2 or more.

    Returns:
        As `sr`, neither rounded nor clipped.

    Raises:
        UserError: as `check_iterations`.
    """
    check_iterations(iterations, scale)
    for _ in range(iterations):
        sr = sr + resized(lr - resized(sr, 1 / scale), scale)
    return sr


def check_iterations(iterations: int, scale: int) -> None:
    """Raises UserError if it is negative, or if there is nothing to do because the scale is 1."""
    if iterations < 0:
        raise UserError(f"The rounds of back-projection must be 0 or more, not {iterations}.")
    if iterations and scale < 2:
        raise UserError("Back-projection needs a model that enlarges; this one's scale is 1.")


def resized(x: Tensor, scale: float) -> Tensor:
    """`imresize` of floating-point tensors: N×C×H×W -> N×C×(scale·H)×(scale·W)."""
    batch, channels, height, width = x.shape
    planes = x.reshape(batch * channels, height, width).permute(1, 2, 0)  # H×W×NC
    done = np.moveaxis(imresize(planes.numpy(), scale), 2, 0)  # NC×H'×W'
    return torch.from_numpy(np.ascontiguousarray(done)).reshape(batch, channels, *done.shape[1:])
