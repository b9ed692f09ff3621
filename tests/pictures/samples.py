"""Files of pictures made by hand or by other libraries, and the picture that they hold."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import tifffile
from PIL import Image

GREY, RGB, GREY_ALPHA, RGBA = 0, 2, 4, 6  # PNG's colour types


def encoded(picture: Image.Image, fmt: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, fmt, **options)
    return buffer.getvalue()


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(size: tuple[int, int], depth: int, colour_type: int, idat: bytes, *extra: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour_type, 0, 0, 0))
    parts = header, *extra, chunk(b"IDAT", idat), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png_of(pixels: np.ndarray, *extra: bytes) -> bytes:
    """A PNG of 8 or 16 bits by hand, with these chunks before its pixels: Pillow writes no colour
    of 16."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    colour_type = {1: GREY, 2: GREY_ALPHA, 3: RGB, 4: RGBA}[channels]
    rows = b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in pixels)
    depth = 8 * pixels.dtype.itemsize
    return png(pixels.shape[1::-1], depth, colour_type, zlib.compress(rows), *extra)


def icc_chunk(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"profile\0\0" + zlib.compress(profile))


def same(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected, strict=True)


def ramps() -> np.ndarray:
    """A 20×28 RGBA picture, `uint8`, of all levels of red, green, blue and alpha."""
    y, x = np.mgrid[:20, :28]
    return np.dstack([9 * x, 12 * y, 255 - 5 * (x + y), 40 + 7 * x]).clip(0, 255).astype(np.uint8)


def deep(pixels: np.ndarray) -> np.ndarray:
    """The same picture in 16 bits."""
    return pixels.astype(np.uint16) * 257
