"""What JPEG makes of a picture, computed by any device of torch's instead of written to a file.

The steps are those of libjpeg with its default settings (ITU-T T.81, JFIF 1.02), which computes in
whole numbers, and so does this: they stay exact in float32 where none exceeds 2^24, and in float64.
"""

import io
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from esrgan.pictures.degrade import Subsampling

BLOCK = 8
# 1 in libjpeg's fixed-point numbers for colours.
ONE = 2**16


def sent(array: np.ndarray, device: torch.device) -> Tensor:
    """A copy on a device; none of its steps waits for it."""
    tensor = torch.tensor(array)
    return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)


def jpeg(picture: Tensor, quality: int, subsampling: Subsampling = "4:2:0") -> Tensor:
    """3×H×W float32, whole levels, RGB, as JPEG of this quality (1 … 100) shows it: likewise."""
    height, width = picture.shape[1:]
    of_luma, of_chroma = sent(tables(quality), picture.device)
    luma, chroma = colours_parted(picture)
    luma = coded(luma, of_luma)
    if subsampling == "4:2:0":
        half = coded(halved(chroma), of_chroma)[:, :, : (width + 1) // 2]
        chroma = enlarged(half)[:, :height, :width]
    else:
        chroma = coded(chroma, of_chroma)
    return colours_joined(luma, chroma)


@lru_cache
def tables(quality: int) -> np.ndarray:
    """For brightness and for colours: 2×8×8 float32, as the encoder at hand writes them."""
    file = io.BytesIO()
    Image.new("RGB", (BLOCK, BLOCK)).save(file, "JPEG", quality=quality)
    with Image.open(file) as written:
        found = [written.quantization[number] for number in range(2)]  # type: ignore[attr-defined]
    return np.array(found, np.float32).reshape(2, BLOCK, BLOCK)


# ---------------------------------------------------------------- colours


def colours_parted(picture: Tensor) -> tuple[Tensor, Tensor]:
    """RGB, 3×H×W -> Y, 1×H×W, and Cb, Cr, 2×H×W; whole numbers 0 … 255."""
    red, green, blue = picture
    luma = _fixed(0.299) * red + _fixed(0.587) * green + _fixed(0.114) * blue + ONE // 2
    middle = 128 * ONE + ONE // 2 - 1
    chroma_blue = ONE // 2 * blue - _fixed(0.16874) * red - _fixed(0.33126) * green + middle
    chroma_red = ONE // 2 * red - _fixed(0.41869) * green - _fixed(0.08131) * blue + middle
    return (luma / ONE).floor()[None], (torch.stack((chroma_blue, chroma_red)) / ONE).floor()


def colours_joined(luma: Tensor, chroma: Tensor) -> Tensor:
    """The inverse, rounded and clipped."""
    blue, red = chroma - 128
    differences = (
        _fixed(1.402) * red,
        -_fixed(0.34414) * blue - _fixed(0.71414) * red,
        _fixed(1.772) * blue,
    )
    return (luma + ((torch.stack(differences) + ONE // 2) / ONE).floor()).clamp(0, 255)


def _fixed(number: float) -> int:
    return round(number * ONE)


def halved(chroma: Tensor) -> Tensor:
    """N×H×W -> N×⌈H/2⌉×8⌈W/16⌉: means of four, rounded down and up in turn."""
    height, width = chroma.shape[1:]
    whole = _padded(chroma, height % 2, -width % (2 * BLOCK))
    sums = whole[:, ::2, ::2] + whole[:, 1::2, ::2] + whole[:, ::2, 1::2] + whole[:, 1::2, 1::2]
    bias = 1 + torch.arange(sums.shape[2], device=chroma.device) % 2
    return ((sums + bias) / 4).floor()


def enlarged(chroma: Tensor) -> Tensor:
    """N×h×w -> N×2h×2w: each new pixel is 9/16 of the nearest, 3/16 of two and 1/16 of a fourth
    (of three columns or more; else the nearest)."""
    if chroma.shape[2] <= 2:
        return chroma.repeat_interleave(2, 1).repeat_interleave(2, 2)
    around = F.pad(chroma[None], (1, 1, 1, 1), "replicate")[0]
    above, here, below = (3 * around[:, 1:-1], around[:, :-2], around[:, 2:])
    rows = torch.stack((above + here, above + below), 2).flatten(1, 2)  # N×2h×(w+2)
    middle, left, right = 3 * rows[..., 1:-1], rows[..., :-2], rows[..., 2:]
    return (torch.stack((middle + left + 8, middle + right + 7), 3).flatten(2) / 16).floor()


# ---------------------------------------------------------------- blocks


def coded(planes: Tensor, table: Tensor) -> Tensor:
    """N×H×W, whole numbers 0 … 255, after transform, quantisation and their inverses: likewise."""
    count, height, width = planes.shape
    whole = _padded(planes, -height % BLOCK, -width % BLOCK)
    rows, columns = (side // BLOCK for side in whole.shape[1:])
    blocks = whole.reshape(count, rows, BLOCK, columns, BLOCK).transpose(2, 3)  # N×r×c×8×8
    waves = sent(_waves(), planes.device)
    coefficients = _scaled(waves @ _scaled((blocks.double() - 128) @ waves.T, 11), 15)
    steps = BLOCK * table
    quanta = coefficients.sign() * ((coefficients.abs() + steps // 2) / steps).floor()
    found = _scaled(_scaled(waves.T @ (quanta * table), 11) @ waves, 18)
    levels = (found.float() + 128).clamp(0, 255)
    return levels.transpose(2, 3).reshape(whole.shape)[:, :height, :width]


def _scaled(numbers: Tensor, bits: int) -> Tensor:
    """Divided by 2^bits and rounded."""
    return (numbers / 2**bits + 0.5).floor()


@lru_cache
def _waves() -> np.ndarray:
    """√8 times the DCT-II by the factorisation of Loeffler, Ligtenberg and Moschytz (1989), whose
    rotations libjpeg has as whole 2^-13ths: 8×8 float64, in these."""

    def whole(number: float) -> int:
        return round(number * 2**13)

    one, even = whole(1), whole(0.541196100)
    high, low = even + whole(0.765366865), even - whole(1.847759065)
    common = whole(1.175875602)
    first, second = common - whole(1.961570560), common - whole(0.390180644)
    outer, inner = -whole(0.899976223), -whole(2.562915447)
    diagonal = (whole(each) for each in (1.501321110, 3.072711026, 2.053119869, 0.298631336))
    a, b, c, d = diagonal
    # Of the first four places; the last four mirror them, with the other sign in odd waves.
    half = [
        [one, one, one, one],
        [a + outer + second, common, second, common + outer],
        [high, even, -even, -high],
        [common, b + inner + first, common + inner, first],
        [one, -one, -one, one],
        [second, common + inner, c + inner + second, common],
        [even, low, -low, -even],
        [common + outer, first, common, d + outer + first],
    ]
    left = np.array(half, float)
    signs = np.where(np.arange(BLOCK) % 2, -1, 1)[:, None]
    return np.hstack((left, signs * left[:, ::-1]))


def _padded(planes: Tensor, below: int, right: int) -> Tensor:
    """N×H×W with its last row and column repeated."""
    return F.pad(planes[None], (0, right, 0, below), "replicate")[0]
