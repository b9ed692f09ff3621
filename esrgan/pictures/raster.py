"""Pictures of all formats but most TIFFs: Pillow reads them, and libpng what is too deep for it."""

import io
from functools import cache
from typing import BinaryIO

import imagecodecs
import numpy as np
from PIL import ExifTags, Image

from esrgan.pictures import structure
from esrgan.pictures.colour import (
    BT709,
    Space,
    Stored,
    adobe_rgb,
    profile_of_cicp,
    profile_of_gamma,
)
from esrgan.pictures.levels import to_levels

Image.MAX_IMAGE_PIXELS = None  # `images` checks each size itself, by its caller's limit
READABLE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "AVIF", "HEIF")
# Behind the first four bytes of what telephones write.
HEIF_STARTS = (b"ftyphei", b"ftyphev", b"ftypmif1", b"ftypmsf1")
# Bytes of EXIF that are read, which is all that a JPEG can hold.
MOST_EXIF = 2**16
INTEROPERABILITY_INDEX = 1  # a tag of EXIF's
SPACES: dict[str, Space] = {
    "L": "gray",
    "LA": "gray",
    "RGB": "rgb",
    "RGBA": "rgb",
    "CMYK": "cmyk",
}
# Where CICP's numbers stand, by format: behind these letters, of so many bytes each.
CICP = {"PNG": (b"cICP", 1), "AVIF": (b"colrnclx", 2), "HEIF": (b"colrnclx", 2)}


class Raster:
    """A picture of which only the header is read yet.

    Args:
        stream: the file.
        data: what of it there is in memory: up to the pixels at least.
        name: for messages.

    Raises:
        Exception: Pillow's, of many kinds.
    """

    def __init__(self, stream: BinaryIO, data: bytes, name: str) -> None:
        Image.init()
        if data[4:].startswith(HEIF_STARTS):
            _take_heif()
        formats = [each for each in READABLE_FORMATS if each in Image.OPEN]  # AVIF is optional
        self._picture = Image.open(stream, formats=formats)
        self._data, self._name = data, name

    @property
    def size(self) -> tuple[int, int]:
        """Width and height before it is turned."""
        return self._picture.size

    @property
    def orientation(self) -> int:
        """EXIF's or XMP's, 1 … 8, still to be done.

        Raises:
            UserError: as `_exif`.
        """
        if self._picture.format == "TIFF":  # turned by its decoder, and its size by Pillow
            return 1
        return int(self._exif().get(ExifTags.Base.Orientation) or 1)

    @property
    def is_one_of_several(self) -> bool:
        """Whether the file holds more than this: an animation's frames, or pages."""
        if self._picture.format == "MPO":  # telephones' JPEG: the same, smaller, or a map of light
            return False
        return bool(getattr(self._picture, "is_animated", False))

    def _exif(self) -> Image.Exif:
        """EXIF, of `MOST_EXIF` at most, before the pixels.

        Raises:
            UserError: its directories of tags are hostile.
        """
        information = self._picture.info
        text = information.get("Raw profile type exif")
        if text and "exif" not in information:
            information["exif"] = bytes.fromhex("".join(text.split("\n")[3:]))
        if "exif" in information:
            information["exif"] = information["exif"][:MOST_EXIF]
            structure.check(information["exif"], self._name)
        # That of PNG would decode all of it in search of EXIF behind the pixels.
        return Image.Image.getexif(self._picture)

    def decode(self) -> Stored:
        """The first frame, `uint8` or `uint16`.

        Raises:
            UserError: of colours or numbers that are not read.
            Exception: of any other kind, the file is damaged.
        """
        if self._picture.format != "HEIF":  # which begins at its primary picture
            self._picture.seek(0)
        if self._is_deep_ppm:
            pixels, space = self._deep_ppm(), SPACES["RGB"]
        else:
            self._picture.load()  # to the end of the file, where there may be EXIF
            pixels, space = self._pixels()
        return Stored(pixels, space, self._profile(), self.orientation)

    def _pixels(self) -> tuple[np.ndarray, Space]:
        picture = self._picture
        if picture.format == "PNG" and self._data[24] == 16:  # bits
            return self._deep_png()
        if picture.mode.startswith("I"):
            return np.asarray(picture).clip(0, 65535).astype(np.uint16), "gray"
        if picture.mode == "F":
            return to_levels(np.asarray(picture), 32, self._name), "gray"
        if picture.format == "PNG" and picture.mode == "L" and "transparency" in picture.info:
            # Pillow spreads grey of 2 and 4 bits over 0 … 255, but not the level that is clear.
            picture.info["transparency"] *= 255 // (2 ** self._data[24] - 1)
        mode = _plain_mode(picture)
        return np.asarray(picture if picture.mode == mode else picture.convert(mode)), SPACES[mode]

    def _deep_png(self) -> tuple[np.ndarray, Space]:
        pixels = imagecodecs.png_decode(self._data)
        if pixels.shape[1::-1] != self.size:
            raise ValueError("Pillow and libpng understand this file differently")
        return pixels, "gray" if pixels.ndim == 2 or pixels.shape[2] == 2 else "rgb"

    @property
    def _is_deep_ppm(self) -> bool:
        """Whether it is in colour of more than 8 bits, which Pillow would cut down."""
        picture = self._picture
        if picture.format != "PPM" or picture.mode != "RGB":
            return False
        settings = picture.tile[0].args
        return isinstance(settings, tuple) and settings[1] > 255

    def _deep_ppm(self) -> np.ndarray:
        """H×W×3 `uint16`; Pillow keeps 16 bits of grey, for which the three channels are given."""
        width, height = self.size
        pixels = self._picture.tile[0]
        kind = "P2" if self._data.startswith(b"P3") else "P5"
        assert isinstance(pixels.args, tuple)
        header = f"{kind} {3 * width} {height} {pixels.args[1]}\n".encode()
        with Image.open(io.BytesIO(header + self._data[pixels.offset :]), formats=["PPM"]) as grey:
            return np.asarray(grey).astype(np.uint16).reshape(height, width, 3)

    def _profile(self) -> bytes:
        """What the file says of its colours, the first that it says in PNG's order."""
        told = self._picture.info
        profile = self._profile_of_cicp() or told.get("icc_profile") or b""
        if not profile and self._picture.format == "JPEG" and self._is_adobe_rgb():
            return adobe_rgb()
        if profile or "srgb" in told or not {"gamma", "chromaticity"} & told.keys():
            return profile
        return profile_of_gamma(told.get("gamma"), told.get("chromaticity", BT709))

    def _is_adobe_rgb(self) -> bool:
        """Whether a camera says so in EXIF, as many do in place of a profile (DCF 2.0)."""
        exif = self._exif()
        if ExifTags.IFD.Interop not in exif.get_ifd(ExifTags.IFD.Exif):
            return False
        names = exif.get_ifd(ExifTags.IFD.Interop)
        return str(names.get(INTEROPERABILITY_INDEX)).startswith("R03")

    def _profile_of_cicp(self) -> bytes:
        mark, size = CICP.get(self._picture.format or "", (b"", 0))
        end = self._data.find(b"IDAT") if mark == b"cICP" else len(self._data)
        at = self._data.find(mark, 0, end) + len(mark)
        if not mark or at < len(mark):
            return b""
        primaries, curve = (self._data[n : n + size] for n in (at, at + size))
        return profile_of_cicp(
            int.from_bytes(primaries, "big"), int.from_bytes(curve, "big"), self._name
        )


@cache
def _take_heif() -> None:
    """Let Pillow read HEIF; not before there is one, for the time that takes."""
    from pillow_heif import register_heif_opener

    register_heif_opener(thumbnails=False)


def _plain_mode(picture: Image.Image) -> str:
    """The mode, of `SPACES`, that holds all of an 8-bit picture of any."""
    clear = picture.has_transparency_data
    if picture.mode in ("1", "L", "LA", "La"):
        return "LA" if clear else "L"
    if picture.mode == "CMYK":
        return "CMYK"
    return "RGBA" if clear else "RGB"
