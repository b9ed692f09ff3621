"""Similarities to the ground truth besides PSNR and SSIM, by the library piq."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from esrgan.evaluation.metrics import Channel, prepared

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Similarity:
    """A metric of piq.

    Attributes:
        function: its name there.
        channel: what it is of: luma as PSNR, or all colours.
        least: pixels that each side must have inside the border.
    """

    function: str
    channel: Channel
    least: int


# Of these, GMSD is a deviation: lower is better.
SIMILARITIES = {
    "ms_ssim": Similarity("multi_scale_ssim", "y", 161),
    "vif": Similarity("vif_p", "y", 41),
    "fsim": Similarity("fsim", "rgb", 32),
    "gmsd": Similarity("gmsd", "rgb", 32),
    "haarpsi": Similarity("haarpsi", "rgb", 32),
}


def similarity(name: str, sr: np.ndarray, hr: np.ndarray, crop_border: int = 4) -> float | str:
    """One of `SIMILARITIES`, or "too small".

    MS-SSIM (Wang et al. 2003) and VIF in the pixel domain (Sheikh and Bovik 2006) are of luma; FSIM
    (Zhang et al. 2011) and HaarPSI (Reisenhofer et al. 2018) of all colours, GMSD (Xue et al. 2014)
    of what it makes of them.

    Args:
        sr, hr: H×W or H×W×3, `uint8` or `uint16`, of one size.
        crop_border: as of `psnr`.

    Raises:
        UserError: as `psnr`.
    """
    kind = SIMILARITIES[name]
    pictures = prepared(sr, hr, crop_border, kind.channel)
    if min(pictures[0].shape[:2]) < kind.least:
        return "too small"
    return float(_function(kind.function)(*map(_tensor, pictures)))


def _function(name: str) -> "Callable[[Tensor, Tensor], Tensor]":
    import piq  # only here: it takes seconds

    return partial(getattr(piq, name), data_range=1.0)


def _tensor(picture: np.ndarray) -> "Tensor":
    """H×W or H×W×3 in 0 … 255 -> 1×C×H×W in [0, 1], float64."""
    import torch

    planes = np.atleast_3d(picture).transpose(2, 0, 1) / 255
    return torch.from_numpy(np.ascontiguousarray(planes))[None].clamp(0, 1)
