"""Pictures into files: PNG, WebP, JPEG and TIFF, which say of what colours they are."""

import io
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

from esrgan.errors import UserError
from esrgan.pictures.colour import srgb
from esrgan.pictures.files import atomic_path
from esrgan.pictures.images import to_uint8

# The longest side that a format can hold.
LONGEST_SIDE = {".webp": 16_383, ".jpg": 65_500, ".jpeg": 65_500}
PNG_HEADER_END = 33  # of its first chunk, behind which those of colours belong


def save_image(image: np.ndarray, path: Path, profile: bytes | None = None) -> None:
    """Write H×W, H×W×3 or H×W×4 `uint8` or `uint16` as the suffix says, atomically.

    PNG and TIFF keep 16 bits and WebP is lossless; JPEG is written at quality 95.

    Args:
        profile: ICC's, of the colours; without one, the file says that they are sRGB.

    Raises:
        UserError: the suffix can't hold this picture, or the file can't be written.
    """
    data = encode_image(image, path.suffix, profile or srgb())
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def check_suffix(suffix: str, longest: int = 0) -> None:
    """Raises UserError: no picture of this longest side can be written with this suffix."""
    suffix = suffix.lower()
    if suffix not in (".png", ".webp", ".jpg", ".jpeg", ".tif", ".tiff"):
        raise UserError(f"Pictures are written as .png, .webp, .jpg or .tif, not {suffix!r}.")
    if longest > LONGEST_SIDE.get(suffix, longest):
        raise UserError(
            f"A {suffix} file holds at most {LONGEST_SIDE[suffix]} pixels a side, not {longest}; "
            "choose PNG or TIFF."
        )


def encode_image(image: np.ndarray, suffix: str = ".png", profile: bytes = b"") -> bytes:
    """The bytes of `save_image`'s file; without a profile it says nothing of its colours, which is
    what browsers take for sRGB.

    Raises:
        UserError: unknown suffix, or one that can't hold transparency or so long a side.
    """
    suffix = suffix.lower()
    check_suffix(suffix, max(image.shape[:2]))
    if suffix == ".png":
        return _png(image, profile)
    if suffix in (".tif", ".tiff"):
        return _tiff(image, profile)
    picture = Image.fromarray(to_uint8(image))
    told = {"icc_profile": profile} if profile else {}
    buffer = io.BytesIO()
    if suffix == ".webp":
        picture.save(buffer, "WEBP", lossless=True, quality=0, method=0, exact=True, **told)
    elif image.ndim == 3 and image.shape[2] == 4:
        raise UserError("JPEG can't hold transparency; choose PNG or WebP.")
    else:
        picture.save(buffer, "JPEG", quality=95, subsampling=0, **told)
    return buffer.getvalue()


def _png(image: np.ndarray, profile: bytes) -> bytes:
    if image.dtype == np.uint16:
        png = bytes(imagecodecs.png_encode(np.ascontiguousarray(image), level=4))
    else:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG", compress_level=4)
        png = buffer.getvalue()
    if not profile:
        return png
    if profile == srgb():
        told = _chunk(b"sRGB", b"\0")
    else:
        told = _chunk(b"iCCP", b"ICC\0\0" + zlib.compress(profile))
    return png[:PNG_HEADER_END] + told + png[PNG_HEADER_END:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    """Of a PNG."""
    summed = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + summed


def _tiff(image: np.ndarray, profile: bytes) -> bytes:
    import tifffile  # only here: few pictures are TIFFs

    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        image,
        photometric="minisblack" if image.ndim == 2 else "rgb",
        extrasamples=["unassalpha"] if image.ndim == 3 and image.shape[2] == 4 else None,
        compression="lzw",
        metadata=None,
        software=False,
        iccprofile=profile or None,
    )
    return buffer.getvalue()


def encode_for_browsers(image: np.ndarray) -> bytes:
    """A lossless file of an H×W or H×W×3 `uint8` picture that any browser shows: WebP, or PNG where
    a side is too long."""
    suffix = ".webp" if max(image.shape[:2]) <= LONGEST_SIDE[".webp"] else ".png"
    return encode_image(np.ascontiguousarray(image), suffix)
