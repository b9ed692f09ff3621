"""Losses between SR and HR besides the paper's, all called alike: `loss(sr, hr, averaged)`.

`sr` and `hr` are N×3×H×W, RGB in [0, 1], `averaged` gives the averaged network's SR of the same LR,
without a gradient; each returns a scalar.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from esrgan.errors import UserError
from esrgan.evaluation import histogram
from esrgan.evaluation.learned_metrics import learned_loss, parameters_in

OwnLoss = Literal["l1", "charbonnier", "ms_ssim", "fft", "filtered_l1", "ldl"]
LearnedLoss = Literal["lpips", "dists"]
LossName = OwnLoss | LearnedLoss
Loss = Callable[[Tensor, Tensor, Callable[[], Tensor]], Tensor]

CHARBONNIER_EPSILON = 1e-6
# Of SSIM, of pictures in [0, 1]; the weights of MS-SSIM's scales (Wang et al. 2003).
WINDOW, SIGMA, C1, C2 = 11, 1.5, 0.01**2, 0.03**2
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
COLOUR_SIGMA = histogram.SIGMA
LDL_WINDOW = 7


def l1(sr: Tensor, hr: Tensor, _averaged: Callable[[], Tensor]) -> Tensor:
    """E|SR − HR| (Sec. 3.3)."""
    return F.l1_loss(sr, hr)


def charbonnier(sr: Tensor, hr: Tensor, _averaged: Callable[[], Tensor]) -> Tensor:
    """E √((SR − HR)² + ε²), ε = 1e-6 (Charbonnier et al. 1994): L1, but smooth at 0."""
    return ((sr - hr).square() + CHARBONNIER_EPSILON**2).sqrt().mean()


def fft(sr: Tensor, hr: Tensor, _averaged: Callable[[], Tensor]) -> Tensor:
    """L1 of the real and imaginary parts of the 2D spectra, orthonormal (as MIMO-UNet's, Cho et al.
    2021)."""
    found, wanted = (torch.view_as_real(torch.fft.rfft2(p, norm="ortho")) for p in (sr, hr))
    return F.l1_loss(found, wanted)


def filtered_l1(sr: Tensor, hr: Tensor, _averaged: Callable[[], Tensor]) -> Tensor:
    """E|g(SR) − g(HR)|, g the Gaussian filter after which brightness and colours are compared: it
    holds these, and leaves textures free. Pictures are mirrored at their border."""
    reach = min(round(4 * COLOUR_SIGMA), *(side - 1 for side in sr.shape[-2:]))  # as SciPy cuts it
    around = F.pad(sr - hr, (reach,) * 4, mode="reflect")
    return _convolved(around, _gaussian(2 * reach + 1, COLOUR_SIGMA, sr)).abs().mean()


def ms_ssim(sr: Tensor, hr: Tensor, _averaged: Callable[[], Tensor]) -> Tensor:
    """1 − MS-SSIM of RGB (Wang et al. 2003); of crops too small for five scales, of those that fit,
    whose weights then sum to 1."""
    fitting = [k for k in range(len(SCALES)) if min(sr.shape[-2:]) // 2**k >= WINDOW] or [0]
    weights = torch.tensor([SCALES[k] for k in fitting], device=sr.device)
    weights = weights / weights.sum()
    similarities = []
    for scale in fitting:
        luminance, contrast = _ssim_parts(sr, hr)
        last = scale == fitting[-1]
        similarities.append((luminance * contrast if last else contrast).mean(dim=(2, 3)))
        sr, hr = F.avg_pool2d(sr, 2), F.avg_pool2d(hr, 2)
    stacked = torch.stack(similarities, dim=-1).relu()  # N×3×scales; a negative has no root
    return 1 - (stacked.clamp(min=1e-6) ** weights).prod(dim=-1).mean()


def _ssim_parts(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """SSIM's luminance, and its contrast and structure, where the window fits whole."""
    means = _blurred(first), _blurred(second)
    product = means[0] * means[1]
    squares = means[0].square() + means[1].square()
    variances = _blurred(first.square()) + _blurred(second.square()) - squares
    covariance = _blurred(first * second) - product
    return (2 * product + C1) / (squares + C1), (2 * covariance + C2) / (variances + C2)


def _blurred(pictures: Tensor) -> Tensor:
    """Under a Gaussian window of 11×11: N×C×H×W -> N×C×(H−10)×(W−10)."""
    return _convolved(pictures, _gaussian(WINDOW, SIGMA, pictures))


def _gaussian(size: int, sigma: float, like: Tensor) -> Tensor:
    offsets = torch.arange(size, device=like.device, dtype=like.dtype) - size // 2
    window = (-offsets.square() / (2 * sigma**2)).exp()
    return window / window.sum()


def _convolved(pictures: Tensor, window: Tensor) -> Tensor:
    """With a window of n taps in both directions, where it fits: N×C×H×W -> N×C×(H−n+1)×(W−n+1)."""
    channels = pictures.shape[1]
    taps = window.expand(channels, 1, 1, -1)
    rows = F.conv2d(pictures, taps, groups=channels)
    return F.conv2d(rows, taps.transpose(2, 3), groups=channels)


def ldl(sr: Tensor, hr: Tensor, averaged: Callable[[], Tensor]) -> Tensor:
    """E|M (SR − HR)|: L1 where artifacts are likely (Liang et al., "Details or artifacts", 2022).

    M is the local variance of the residual, times its variance over the picture to the power 1/5;
    and 0 where SR is nearer to HR than the averaged network's is.
    """
    with torch.no_grad():
        residual = (hr - sr).abs().sum(dim=1, keepdim=True)  # N×1×H×W
        steady = (hr - averaged()).abs().sum(dim=1, keepdim=True)
        overall = residual.var(dim=(1, 2, 3), keepdim=True) ** 0.2
        weight = overall * _local_variance(residual) * (residual >= steady)
    return F.l1_loss(weight * sr, weight * hr)


def _local_variance(values: Tensor) -> Tensor:
    """Unbiased, of 7×7 neighbours, mirrored at the border: N×1×H×W -> same."""
    around = F.pad(values, (LDL_WINDOW // 2,) * 4, mode="reflect")
    neighbours = F.unfold(around, LDL_WINDOW)  # N×49×(H·W)
    return neighbours.var(dim=1).view_as(values)


def loss_called(name: LossName, device: torch.device, weights: str | None = None) -> Loss:
    """One of `LOSSES`, or a learned distance by `pyiqa`, whose network stays as it is.

    Args:
        weights: a folder of its parameters, if pyiqa has not got them.

    Raises:
        UserError: that can't be had.
    """
    if name not in ("lpips", "dists"):
        return LOSSES[name]
    folder = Path(weights) if weights else None
    with parameters_in(folder):
        network = learned_loss(name, device, folder)
    if isinstance(network, str):
        raise UserError(f"losses: {name} can't be had here: {network}.")
    distance = network

    def learned(sr: Tensor, hr: Tensor, _averaged: Callable[[], Tensor]) -> Tensor:
        return distance(sr, hr)

    return learned


LOSSES: dict[LossName, Loss] = {
    "l1": l1,
    "charbonnier": charbonnier,
    "ms_ssim": ms_ssim,
    "fft": fft,
    "filtered_l1": filtered_l1,
    "ldl": ldl,
}
assert LOSSES.keys() == set(get_args(OwnLoss))
