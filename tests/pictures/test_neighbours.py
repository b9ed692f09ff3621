"""Every kind of file that once came out wrong, and three that are like it, as docs/files.md lists.

All hold the picture of `ramps`, and each must give that picture, at its own depth, or be refused.
"""

import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from esrgan.pictures.images import decode_image
from tests.pictures.samples import chunk, deep, encoded, icc_chunk, png, png_of, ramps, tiff
from tests.pictures.test_profiles import (
    ADOBE,
    BT709,
    P3,
    by_definition,
    chrm,
    cicp,
    gama,
    light_of,
    profile_of,
)

RGBA = ramps()
RGB, GREY, ALPHA = RGBA[..., :3], RGBA[..., 1], RGBA[..., 3]
GREY_ALPHA = np.dstack([GREY, GREY, GREY, ALPHA])
PROPHOTO = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
TABLE = Path(__file__).parents[2] / "docs" / "files.md"
STRAIGHT = {"photometric": "rgb", "extrasamples": ["unassalpha"]}
CONTIGUOUS = {"planarconfig": "contig", "photometric": "minisblack"}


@dataclass(frozen=True)
class Neighbour:
    """A file, and what is right: a picture in 0 … 255 within some levels, or words of a refusal."""

    data: bytes
    right: np.ndarray | str
    dtype: type = np.uint8
    levels: float = 0.0


def exactly(data: bytes, pixels: np.ndarray) -> Neighbour:
    """What holds these pixels, of 8 or 16 bits."""
    scale = np.iinfo(pixels.dtype).max / 255
    return Neighbour(data, pixels / scale, pixels.dtype.type)


def close(data: bytes, right: np.ndarray, dtype: type, levels: float) -> Neighbour:
    return Neighbour(data, right, dtype, levels)


def premultiplied(pixels: np.ndarray) -> np.ndarray:
    white = np.iinfo(pixels.dtype).max
    colour = np.rint(pixels[..., :-1] * (pixels[..., -1:] / white)).astype(pixels.dtype)
    return np.dstack([colour, pixels[..., -1]])


def converted(primaries: tuple[tuple[float, float], ...], exponent: float) -> np.ndarray:
    return by_definition(RGB, primaries, lambda values: values**exponent).clip(0, 255)


def with_alpha(colour: np.ndarray) -> np.ndarray:
    return np.dstack([colour, ALPHA])


def grey_light(exponent: float) -> np.ndarray:
    return by_definition(np.dstack([GREY] * 3), BT709, lambda v: v**exponent)[..., 0]


def palette() -> tuple[Image.Image, np.ndarray]:
    """16 colours of which the fourth is clear."""
    picture = Image.fromarray(RGB).quantize(16)
    clear = np.where(np.asarray(picture) == 3, 0, 255).astype(np.uint8)
    return picture, np.dstack([np.asarray(picture.convert("RGB")), clear])


def text_chunks(kind: bytes, count: int, size: int) -> list[bytes]:
    packed = zlib.compress(b"x" * size)
    middle = {b"zTXt": b"\0\0", b"iTXt": b"\0\1\0\0\0", b"tEXt": b"\0"}[kind]
    body = b"x" * size if kind == b"tEXt" else packed
    return [chunk(kind, b"workflow" + middle + body)] * count


def few_bits(bits: int, transparent: int) -> Neighbour:
    """Grey PNG of 1, 2 or 4 bits, of which one level is clear."""
    levels = GREY >> (8 - bits)
    shifts = range(8 - bits, -1, -bits)
    ended = np.pad(levels, ((0, 0), (0, -levels.shape[1] % len(shifts)))).astype(int)
    packed = sum(ended[:, n :: len(shifts)] << shift for n, shift in enumerate(shifts))
    rows = b"".join(b"\0" + row.tobytes() for row in np.asarray(packed, np.uint8))
    data = png((28, 20), bits, 0, zlib.compress(rows), chunk(b"tRNS", bytes([0, transparent])))
    clear = np.where(levels == transparent, 0, 255).astype(np.uint8)
    return exactly(data, np.dstack([levels * np.uint8(255 // (2**bits - 1))] * 3 + [clear]))


def ppm(kind: str, pixels: np.ndarray, white: int) -> bytes:
    height, width = pixels.shape[:2]
    head = f"{kind} {width} {height} {white}\n".encode()
    if kind in ("P2", "P3"):
        return head + " ".join(map(str, pixels.ravel())).encode()
    return head + pixels.astype(">u2" if white > 255 else np.uint8).tobytes()


def wide(height: int, width: int) -> np.ndarray:
    return np.resize(GREY, (height, width))


def kinds() -> dict[str, dict[str, Neighbour]]:
    deep_rgb, deep_rgba, deep_grey = deep(RGB), deep(RGBA), deep(GREY)
    floats = (RGB / 255).astype(np.float32)
    p3 = converted(P3, 2.2)
    grey_linear = imagecodecs.cms_profile("gray", gamma=1.0)
    deep_pair = np.dstack([deep_grey, deep(ALPHA)])
    colours, of_colours = palette()
    rgb16_clear = chunk(b"tRNS", deep_rgb[4, 5].astype(">u2").tobytes())
    clear = np.where((deep_rgb == deep_rgb[4, 5]).all(-1), 65535, 0)
    planes = np.ascontiguousarray(RGBA.transpose(2, 0, 1))
    separate = {**STRAIGHT, "planarconfig": "separate"}
    assoc = {"photometric": "rgb", "extrasamples": ["assocalpha"]}
    spared = {"photometric": "rgb", "planarconfig": "contig"}
    return {
        "16 bits with a profile": {
            "Adobe RGB, TIFF": close(
                tiff(deep_rgb, photometric="rgb", iccprofile=profile_of(ADOBE, 2.2)),
                converted(ADOBE, 2.2), np.uint16, 1,
            ),
            "ProPhoto, PNG with alpha": close(
                png_of(deep_rgba, icc_chunk(profile_of(PROPHOTO, 1.8))),
                with_alpha(converted(PROPHOTO, 1.8)), np.uint16, 1,
            ),
            "P3, big-endian TIFF in tiles, deflate": close(
                tiff(deep_rgb, photometric="rgb", byteorder=">", tile=(16, 16),
                     compression="deflate", iccprofile=profile_of(P3, 2.2)),
                p3, np.uint16, 1,
            ),
        },
        "grey with a profile": {
            "8 bits, linear, TIFF": close(
                tiff(GREY, photometric="minisblack", iccprofile=grey_linear),
                grey_light(1.0), np.uint8, 1,
            ),
            "16 bits, linear, PNG with alpha": close(
                png_of(deep_pair, icc_chunk(grey_linear)),
                with_alpha(np.dstack([grey_light(1.0)] * 3)), np.uint16, 1,
            ),
            "8 bits, γ 1.8, WebP made of it": close(
                encoded(Image.fromarray(np.dstack([GREY] * 3)), "WEBP", lossless=True,
                        icc_profile=profile_of(BT709, 1.8)),
                np.dstack([grey_light(1.8)] * 3), np.uint8, 1,
            ),
        },
        "colours told by chunks of PNG": {
            "gAMA 1.0, 16 bits": close(
                png_of(deep_rgb, gama(1.0)), converted(BT709, 1.0), np.uint16, 1
            ),
            "cHRM of Adobe RGB with gAMA 2.2, alpha": close(
                png_of(RGBA, gama(2.2), chrm(ADOBE)),
                with_alpha(by_definition(RGB, ADOBE, light_of).clip(0, 255)), np.uint8, 1.1,
            ),
            "cICP of an HDR picture": Neighbour(png_of(RGB, cicp(9, 16)), "HDR picture (PQ)"),
        },
        "WhiteIsZero": {
            "8 bits": exactly(tiff(255 - GREY, photometric="miniswhite"), GREY),
            "1 bit": exactly(
                tiff(GREY < 128, photometric="miniswhite"),
                np.where(GREY < 128, 0, 255).astype(np.uint8),
            ),
            "16 bits with alpha": exactly(
                tiff(np.dstack([65535 - deep_grey, deep(ALPHA)]), photometric="miniswhite",
                     planarconfig="contig", extrasamples=["unassalpha"]),
                deep(GREY_ALPHA),
            ),
        },
        "floating point": {
            "float64, 0 … 255": close(
                tiff(RGB.astype(np.float64), photometric="rgb"), RGB, np.uint16, 0.1
            ),
            "float16, 0 … 1, with alpha": close(
                tiff((RGBA / 255).astype(np.float16), **STRAIGHT), RGBA, np.uint16, 0.1
            ),
            "float32, LZW with its predictor, in tiles": close(
                tiff(floats, photometric="rgb", compression="lzw", predictor=True, tile=(16, 16)),
                RGB, np.uint16, 0.1,
            ),
        },
        "wide integers": {
            "uint32, RGB to 65535": close(
                tiff(deep_rgb.astype(np.uint32), photometric="rgb"), RGB, np.uint16, 0.1
            ),
            "int16, grey": close(
                tiff((GREY * 128.498).astype(np.int16), photometric="minisblack"),
                GREY, np.uint16, 0.6,
            ),
            "complex": Neighbour(
                tiff(GREY.astype(np.complex64)), "of COMPLEXIEEEFP numbers, which is not read"
            ),
        },
        "associated alpha": {
            "8 bits": close(tiff(premultiplied(RGBA), **assoc), RGBA, np.uint8, 4),
            "16 bits, grey": close(
                tiff(premultiplied(deep_pair), **CONTIGUOUS, extrasamples=["assocalpha"]),
                GREY_ALPHA, np.uint16, 0.1,
            ),
            "16 bits, in planes": close(
                tiff(np.ascontiguousarray(premultiplied(deep_rgba).transpose(2, 0, 1)), **assoc,
                     planarconfig="separate"),
                RGBA, np.uint16, 0.1,
            ),
        },
        "a fourth channel of no kind": {
            "8 bits": exactly(tiff(RGBA, **spared, extrasamples=["unspecified"]), RGB),
            "16 bits, grey with one more": exactly(
                tiff(deep_pair, **CONTIGUOUS, extrasamples=["unspecified"]), deep_grey
            ),
            "alpha behind one of no kind": exactly(
                tiff(np.dstack([RGB, GREY, ALPHA]), **spared,
                     extrasamples=["unspecified", "unassalpha"]),
                RGBA,
            ),
        },
        "PPM of 16 bits": {
            "grey (PGM)": exactly(ppm("P5", deep_grey, 65535), deep_grey),
            "as text (P3)": exactly(ppm("P3", deep_rgb, 65535), deep_rgb),
            "10 bits": close(
                ppm("P6", np.rint(RGB / 255 * 1023).astype(np.uint16), 1023), RGB, np.uint16, 0.2
            ),
        },
        "PNG whose tRNS names a clear colour": {
            "16 bits, RGB": exactly(
                png_of(deep_rgb, rgb16_clear),
                np.dstack([deep_rgb, 65535 - clear]).astype(np.uint16),
            ),
            "1 bit, grey": few_bits(1, 1),
            "2 bits, grey": few_bits(2, 2),
            "4 bits, grey": few_bits(4, 5),
            "8 bits, grey": few_bits(8, 120),
            "palette": exactly(encoded(colours, "PNG", transparency=3), of_colours),
        },
        "separate planes": {
            "8 bits with alpha": exactly(tiff(planes, **separate), RGBA),
            "16 bits, LZW": exactly(
                tiff(np.ascontiguousarray(deep_rgb.transpose(2, 0, 1)), photometric="rgb",
                     planarconfig="separate", compression="lzw"),
                deep_rgb,
            ),
            "float32": close(
                tiff(np.ascontiguousarray(floats.transpose(2, 0, 1)), photometric="rgb",
                     planarconfig="separate"),
                RGB, np.uint16, 0.1,
            ),
        },
        "compression": {
            "LZMA, 8 bits": exactly(tiff(RGB, photometric="rgb", compression="lzma"), RGB),
            "Zstandard, 16 bits": exactly(
                tiff(deep_rgb, photometric="rgb", compression="zstd"), deep_rgb
            ),
            "JPEG 2000": Neighbour(
                tiff(deep_rgb, photometric="rgb", compression="jpeg2000"),
                "with JPEG2000 compression, which is not read",
            ),
        },
        "megabytes of text in a PNG": {
            "zTXt": exactly(png_of(RGB, *text_chunks(b"zTXt", 3, 2_000_000)), RGB),
            "iTXt, 16 bits": exactly(
                png_of(deep_rgb, *text_chunks(b"iTXt", 3, 2_000_000)), deep_rgb
            ),
            "tEXt": exactly(png_of(RGBA, *text_chunks(b"tEXt", 2, 2_000_000)), RGBA),
        },
        "panoramas": {
            "17000 wide": exactly(png_of(wide(8, 17000)), wide(8, 17000)),
            "17000 high, 16 bits": exactly(png_of(deep(wide(17000, 8))), deep(wide(17000, 8))),
            "17000 wide, TIFF": exactly(
                tiff(wide(8, 17000), photometric="minisblack"), wide(8, 17000)
            ),
        },
    }  # fmt: skip


KINDS = kinds()
ALL = [
    pytest.param(neighbour, id=f"{kind} - {name}")
    for kind, neighbours in KINDS.items()
    for name, neighbour in neighbours.items()
]


@pytest.mark.parametrize("neighbour", ALL)
def test_comes_out_right(neighbour: Neighbour, refused) -> None:
    if isinstance(neighbour.right, str):
        with refused(neighbour.right):
            decode_image(neighbour.data, "a.file")
        return
    found = decode_image(neighbour.data, "a.file")
    assert found.dtype == neighbour.dtype
    levels = found / (np.iinfo(found.dtype).max / 255)
    np.testing.assert_allclose(levels, neighbour.right, atol=neighbour.levels + 1e-9)


def test_the_table_names_them_all() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \|$", TABLE.read_text("utf-8"), re.M)
    named: dict[str, list[str]] = {}
    for kind, name in rows[1:]:  # below the head
        named.setdefault(kind.strip(), []).append(name.strip())
    assert named == {kind: list(neighbours) for kind, neighbours in KINDS.items()}
