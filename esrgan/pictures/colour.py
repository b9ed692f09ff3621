"""Colours of a file, whatever describes them, as sRGB: one road for all depths and channels.

LittleCMS computes, through imagecodecs, which hands it 16 bits (Pillow's has 8 only). What a
profile is, its numbers say, never its name. `b""` in place of one stands for sRGB.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

import imagecodecs
import numpy as np
from PIL import ImageCms

from esrgan.errors import UserError

Space = Literal["gray", "rgb", "cmyk"]  # as imagecodecs calls them
CHANNELS: dict[Space, int] = {"gray": 1, "rgb": 3, "cmyk": 4}
# By the signature in a profile's header.
SPACES: dict[bytes, Space] = {b"GRAY": "gray", b"RGB ": "rgb", b"CMYK": "cmyk"}
# A profile whose colours lie nearer to sRGB's than half of an 8-bit level is sRGB's.
SAME_COLOUR = 128
STRIP_PIXELS = 2**20  # converted at once, so that only the picture takes memory
# Flag of LittleCMS: without it, 16 bits go through a table of 33³ colours, 15 of 255 off at worst,
# and 8 bits of grey are 1.5 off; 8 bits of colour are right and 15 times as fast.
EXACT = 0x0100
PERCEPTUAL = 0
Chromaticities = tuple[float, ...]  # x and y of white, red, green and blue
D65 = (0.3127, 0.329)
BT709 = (*D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
# Chromaticities by the first number of CICP (ITU-T H.273), as in PNG and AVIF.
PRIMARIES: dict[int, Chromaticities] = {
    1: BT709,
    4: (0.31, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*D65, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    6: (*D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    7: (*D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    9: (*D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (*D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}
# What files of sRGB say in PNG's gAMA.
SRGB_GAMMA = 0.45455
# By CICP's second number: exponents; sRGB's curve, and video's, which browsers show by that; HDR.
EXPONENTS = {4: 2.2, 5: 2.8, 8: 1.0}
SRGB_CURVES = (1, 6, 13, 14, 15)
HDR_CURVES = {16: "PQ", 18: "HLG"}
UNSPECIFIED = 2


@dataclass(frozen=True)
class Stored:
    """A picture as its file has it.

    Attributes:
        pixels: H×W or H×W×C, `uint8` or `uint16`: the channels of `space`, maybe straight alpha.
        space: of its colours.
        profile: ICC's, or b"".
        orientation: EXIF's, 1 … 8, that is still to be done.
    """

    pixels: np.ndarray
    space: Space
    profile: bytes = b""
    orientation: int = 1


def to_srgb(stored: Stored) -> np.ndarray:
    """Its pixels in sRGB: H×W (grey), H×W×2 (with alpha), H×W×3 or H×W×4, of the same dtype.

    A profile that is broken or of another kind of colours is passed over.
    """
    convert = _conversion(stored.profile, stored.space)
    if convert is None and stored.space != "cmyk":
        return stored.pixels
    before = stored.pixels.reshape(-1, _channels(stored.pixels))  # N×C
    inks = CHANNELS[stored.space]
    colours = 1 if stored.space == "gray" else 3
    after = np.empty((len(before), before.shape[1] - inks + colours), before.dtype)
    for start in range(0, len(before), STRIP_PIXELS):
        strip = slice(start, start + STRIP_PIXELS)
        own = np.ascontiguousarray(before[strip, :inks])
        after[strip, :colours] = (convert or _without_profile)(own)
        after[strip, colours:] = before[strip, inks:]
    shape = stored.pixels.shape[:2]
    return after.reshape(*shape, -1) if after.shape[1] > 1 else after.reshape(shape)


def _channels(pixels: np.ndarray) -> int:
    return 1 if pixels.ndim == 2 else pixels.shape[2]


def _without_profile(inks: np.ndarray) -> np.ndarray:
    """N×4 CMYK -> N×3 RGB, each ink taking away its colour."""
    white = np.iinfo(inks.dtype).max
    light = white - inks[:, 3:].astype(np.float32)
    return np.rint(light - np.rint(inks[:, :3] * light / white)).astype(inks.dtype)


@lru_cache(maxsize=8)
def _conversion(profile: bytes, space: Space) -> Callable[[np.ndarray], np.ndarray] | None:
    """From N×C colours of a profile to sRGB's N×1 (grey) or N×3; None where they are the same."""
    kind = SPACES.get(profile[16:20])
    known = {space, "rgb"} if space == "gray" else {space}
    if profile in (b"", srgb()) or kind not in known:
        return None

    def convert(colours: np.ndarray) -> np.ndarray:
        if kind == "rgb" and space == "gray":
            colours = colours.repeat(3, axis=1)
        converted = imagecodecs.cms_transform(
            colours[None] if kind != "gray" else colours.T,  # 1×N×C or 1×N
            profile,
            srgb(),
            colorspace=kind,
            outcolorspace="rgb",
            intent=PERCEPTUAL,
            flags=EXACT if colours.dtype == np.uint16 or space == "gray" else None,
        )[0]
        return converted[:, 1:2] if space == "gray" else converted

    probe = _probe(CHANNELS[space])
    try:
        converted = convert(probe).astype(int)
    except (imagecodecs.CmsError, ValueError):
        return None
    same = space != "cmyk" and abs(converted - probe).max() < SAME_COLOUR
    return None if same else convert


@cache
def _probe(channels: int) -> np.ndarray:
    """N×C `uint16`: all greys of 8 bits, and a lattice of colours."""
    greys = np.repeat(np.arange(256)[:, None] * 257, channels, axis=1)
    lattice = np.stack(np.meshgrid(*[np.linspace(0, 65535, 9)] * channels), axis=-1)
    return np.concatenate((greys, lattice.reshape(-1, channels))).astype(np.uint16)


@cache
def srgb() -> bytes:
    """sRGB's profile."""
    return _undated(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


def adobe_rgb() -> bytes:
    """The profile of Adobe RGB (1998)."""
    return _profile((*D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06), gamma=563 / 256)


def _undated(profile: bytes) -> bytes:
    """Always the same bytes: without the time at which it was made."""
    return profile[:24] + bytes(12) + profile[36:]


# ---------------------------------------------------------------- what says it without a profile


def profile_of_gamma(gamma: float | None, chromaticities: Chromaticities) -> bytes:
    """The profile of an RGB by PNG's encoding exponent (without one, sRGB's curve) and
    chromaticities; b"" if it is sRGB's, or the numbers are no colours'."""
    if gamma is None or abs(gamma - SRGB_GAMMA) < 0.001:
        srgb_like = np.allclose(chromaticities, BT709, atol=0.002)
        return b"" if srgb_like else _profile(chromaticities, curve=_srgb_curve())
    return _profile(chromaticities, gamma=1 / gamma) if 0.1 < gamma < 10 else b""


def profile_of_cicp(primaries: int, curve: int, name: str) -> bytes:
    """The profile that two numbers of ITU-T H.273 stand for; b"" where they leave it open.

    Raises:
        UserError: of an HDR picture, or of one whose colours aren't known here.
    """
    if curve in HDR_CURVES:
        raise UserError(
            f"{name} is an HDR picture ({HDR_CURVES[curve]}), of more light than sRGB has; "
            "export it as SDR first."
        )
    if UNSPECIFIED in (primaries, curve):
        return b""
    if primaries not in PRIMARIES or curve not in (*SRGB_CURVES, *EXPONENTS):
        raise UserError(
            f"{name} has colours that are not known here (CICP {primaries}/{curve}); save it as "
            "sRGB."
        )
    gamma = 1 / EXPONENTS[curve] if curve in EXPONENTS else None
    return profile_of_gamma(gamma, PRIMARIES[primaries]) or srgb()


def _profile(
    chromaticities: Chromaticities, curve: np.ndarray | None = None, gamma: float | None = None
) -> bytes:
    (white, *primaries) = zip(chromaticities[::2], chromaticities[1::2], strict=True)
    if not all(0 <= x <= 1 and 0 < y <= 1 for x, y in (white, *primaries)):
        return b""
    try:
        made = imagecodecs.cms_profile(
            "rgb",
            whitepoint=[*white, 1.0],
            primaries=[number for x, y in primaries for number in (x, y, 1.0)],
            transferfunction=curve,
            gamma=gamma,
        )
    except imagecodecs.CmsError:
        return b""
    return _undated(made)


def _srgb_curve() -> np.ndarray:
    """3×1024 `uint16`: light by coded value (IEC 61966-2-1)."""
    coded = np.linspace(0, 1, 1024)
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return np.rint(np.stack([light] * 3) * 65535).astype(np.uint16)
