"""TIFFs of 8 bits and more, but for those whose colours or compression Pillow knows better.

tifffile reads them, with the decoders of imagecodecs.
"""

import io
import logging
import math
import operator
from functools import cached_property

import numpy as np
import tifffile
from tifffile import COMPRESSION, PHOTOMETRIC, SAMPLEFORMAT

from esrgan.errors import UserError
from esrgan.pictures.colour import CHANNELS, Space, Stored
from esrgan.pictures.levels import to_levels

SPACES: dict[int, Space] = {
    PHOTOMETRIC.MINISWHITE: "gray",
    PHOTOMETRIC.MINISBLACK: "gray",
    PHOTOMETRIC.RGB: "rgb",
    PHOTOMETRIC.SEPARATED: "cmyk",
}
# Decoders that take no more memory than the picture is said to have.
COMPRESSIONS = (
    COMPRESSION.NONE,
    COMPRESSION.LZW,
    COMPRESSION.ADOBE_DEFLATE,
    COMPRESSION.DEFLATE,
    COMPRESSION.PACKBITS,
    COMPRESSION.LZMA,
    COMPRESSION.ZSTD,
)
# Those that Pillow reads besides: fax and JPEG.
KNOWN_TO_PILLOW = (2, 3, 4, 6, 7, 32771, *COMPRESSIONS)
MOST_CHANNELS = 8
LENGTHS_OF_PIXELS = (279, 325)  # of strips, of tiles
ORIENTATION, EXTRA_SAMPLES, PROFILE = 274, 338, 34675
UNSPECIFIED, ASSOCIATED, STRAIGHT = 0, 1, 2  # kinds of extra samples

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # it tells what it mends


class Tiff:
    """The first picture of a TIFF, of which only the header is read yet.

    Args:
        data: the file.
        name: for messages.

    Raises:
        Exception: of any kind, the file is damaged.
    """

    def __init__(self, data: bytes, name: str) -> None:
        pages = tifffile.TiffFile(io.BytesIO(data)).pages
        page = pages[0]
        assert isinstance(page, tifffile.TiffPage)
        self.is_one_of_several = _has_second(pages)
        self._page, self._name = page, name
        # Width and height before it is turned, as Pillow has them.
        self.size = operator.index(page.imagewidth), operator.index(page.imagelength)

    @property
    def is_for_pillow(self) -> bool:
        """Whether Pillow reads this better: palettes, few bits, JPEG, fax, Lab, YCbCr, and strips
        of a length that nobody tells."""
        page = self._page
        if not isinstance(page.bitspersample, int) or page.bitspersample > 8:
            return False
        if page.sampleformat != SAMPLEFORMAT.UINT or page.compression not in KNOWN_TO_PILLOW:
            return False
        if page.photometric == PHOTOMETRIC.YCBCR:
            return page.compression != COMPRESSION.NONE
        plain = page.bitspersample == 8 and page.photometric in SPACES
        has_lengths = any(tag in page.tags for tag in LENGTHS_OF_PIXELS)
        return not (plain and has_lengths and page.compression in COMPRESSIONS)

    @property
    def orientation(self) -> int:
        told = self._page.tags.valueof(ORIENTATION)
        return told if isinstance(told, int) else 1

    def decode(self) -> Stored:
        """The picture, `uint8` or `uint16`.

        Raises:
            UserError: of colours, numbers or a compression that are not read.
            Exception: of any other kind, the file is damaged.
        """
        self._check()
        page = self._page
        told = len(page.dataoffsets)
        if told < math.prod(page.chunked):  # tifffile would fill the rest with black
            raise ValueError(f"{told} of {math.prod(page.chunked)} strips or tiles")
        space = SPACES[page.photometric]
        pixels = page.asarray(maxworkers=1)
        if page.axes == "SYX":  # separate planes
            pixels = pixels.transpose(1, 2, 0)
        if pixels.dtype not in (np.uint8, np.uint16) or page.bitspersample not in (8, 16):
            pixels = to_levels(pixels, page.bitspersample, self._name)
        if page.photometric == PHOTOMETRIC.MINISWHITE:
            pixels = _inverted(pixels)
        pixels = self._with_straight_alpha(pixels, CHANNELS[space])
        profile = page.tags.valueof(PROFILE)
        profile = profile if isinstance(profile, bytes) else b""
        return Stored(np.ascontiguousarray(pixels), space, profile, self.orientation)

    def _check(self) -> None:
        """Raises UserError: it is of a kind that is not read; says of which."""
        page = self._page
        if page.photometric not in SPACES:
            kind = f"of {_called(PHOTOMETRIC, page.photometric)} colours"
        elif page.compression not in COMPRESSIONS:
            kind = f"with {_called(COMPRESSION, page.compression)} compression"
        elif page.samplesperpixel - CHANNELS[SPACES[page.photometric]] not in range(MOST_CHANNELS):
            kind = f"of {page.samplesperpixel} channels"
        elif page.imagedepth != 1:
            kind = f"of {page.imagedepth} layers in depth"
        elif page.dtype is None or page.dtype.kind not in "uif":
            kind = f"of {_called(SAMPLEFORMAT, page.sampleformat)} numbers"
        else:
            return
        raise UserError(
            f"{self._name} is a TIFF {kind}, which is not read here; save it as RGB of 8 or 16 "
            "bits."
        )

    @cached_property
    def _extra_samples(self) -> tuple[int, ...]:
        told = self._page.tags.valueof(EXTRA_SAMPLES)
        # Without a word a fourth channel is alpha, as elsewhere.
        return tuple(told) if isinstance(told, tuple) else (STRAIGHT,)

    def _with_straight_alpha(self, pixels: np.ndarray, colours: int) -> np.ndarray:
        """H×W×C of which the extra samples but the first alpha are left out; H×W if it is grey."""
        if pixels.ndim == 2:
            return pixels
        kinds = self._extra_samples[: pixels.shape[2] - colours]
        at = next((n for n, kind in enumerate(kinds) if kind in (ASSOCIATED, STRAIGHT)), None)
        if at is None:
            return pixels[..., :colours] if colours > 1 else pixels[..., 0]
        alpha = pixels[..., colours + at]
        colour = pixels[..., :colours]
        if kinds[at] == ASSOCIATED:
            colour = _straight(colour, alpha)
        return np.dstack((colour, alpha))


def _has_second(pages: tifffile.TiffPages) -> bool:
    """Whether there are more pages than the first; smaller copies of it don't count."""
    try:
        second = pages[1]
    except Exception:  # none, or a damaged one, of any kind
        return False
    return not (isinstance(second, tifffile.TiffPage) and second.is_reduced)


def _called(names: type[COMPRESSION | PHOTOMETRIC | SAMPLEFORMAT], number: object) -> str:
    return number.name if isinstance(number, names) else f"unknown ({number})"


def _inverted(pixels: np.ndarray) -> np.ndarray:
    """Of grey where 0 is white; an alpha behind it stays."""
    white = np.iinfo(pixels.dtype).max
    if pixels.ndim == 2:
        return white - pixels
    return np.dstack((white - pixels[..., 0], pixels[..., 1:]))


def _straight(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours of which alpha was taken; where there is none, black."""
    white = np.iinfo(colour.dtype).max
    share = np.maximum(alpha, 1)[..., None].astype(np.float32) / white
    return np.rint((colour / share).clip(0, white)).astype(colour.dtype)
