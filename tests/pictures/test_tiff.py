"""TIFFs of all that cameras, scanners, microscopes and scripts write, at 8 bits and at more."""

import io
import struct

import numpy as np
import pytest
import tifffile

from esrgan.pictures.images import decode_image, image_size
from tests.pictures.samples import deep, ramps, same, tiff

RGB, RGBA = ramps()[..., :3], ramps()
GREY, ALPHA = RGB[..., 1], RGBA[..., 3]
VOLUME = {"volumetric": True, "photometric": "minisblack"}
DEPTHS = pytest.mark.parametrize("deepen", [np.asarray, deep], ids=["8 bits", "16 bits"])


def repeated(grey: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.dstack([grey, grey, grey, alpha])


def premultiplied(pixels: np.ndarray) -> np.ndarray:
    white = np.iinfo(pixels.dtype).max
    colour = np.rint(pixels[..., :-1] * (pixels[..., -1:] / white)).astype(pixels.dtype)
    return np.dstack([colour, pixels[..., -1]])


@DEPTHS
def test_layouts(deepen):
    grey, rgb, rgba = deepen(GREY), deepen(RGB), deepen(RGBA)
    grey_alpha = np.dstack([grey, rgba[..., 3]])
    white = np.iinfo(grey.dtype).max
    contig = {"photometric": "minisblack", "planarconfig": "contig"}
    separate = {"photometric": "rgb", "planarconfig": "separate"}
    planes = np.ascontiguousarray(rgb.transpose(2, 0, 1))
    for data, expected in (
        (tiff(grey, photometric="minisblack"), grey),
        (tiff(white - grey, photometric="miniswhite"), grey),
        (tiff(rgb, photometric="rgb"), rgb),
        (tiff(rgb, photometric="rgb", byteorder=">"), rgb),
        (tiff(rgb, photometric="rgb", bigtiff=True, tile=(16, 16)), rgb),
        (tiff(planes, **separate), rgb),
        (tiff(planes, **separate, compression="lzw", predictor=True), rgb),
        (tiff(rgba, photometric="rgb", extrasamples=["unassalpha"]), rgba),
        (tiff(rgba, photometric="rgb", extrasamples=["unspecified"]), rgb),
        (tiff(grey_alpha, **contig, extrasamples=["unassalpha"]), repeated(grey, rgba[..., 3])),
        (tiff(grey_alpha, **contig, extrasamples=["unspecified"]), grey),
        (
            tiff(
                np.dstack([rgba, grey]),
                photometric="rgb",
                planarconfig="contig",
                extrasamples=["unassalpha", "unspecified"],
            ),
            rgba,
        ),
    ):
        same(decode_image(data, "layout.tif"), expected)


@DEPTHS
@pytest.mark.parametrize("compression", ["lzw", "zlib", "deflate", "packbits", "lzma", "zstd"])
def test_compressions(deepen, compression):
    rgb = deepen(RGB)
    for predictor in (False, True) if compression != "packbits" else (False,):
        data = tiff(rgb, photometric="rgb", compression=compression, predictor=predictor)
        same(decode_image(data, "packed.tif"), rgb)


@DEPTHS
def test_premultiplied_alpha_is_taken_out(deepen):
    rgba = deepen(RGBA)
    grey_alpha = np.dstack([rgba[..., 1], rgba[..., 3]])
    steps = 255 / ALPHA.min() / (1 if rgba.dtype == np.uint8 else 257)  # what rounding has cost
    associated = {"extrasamples": ["assocalpha"], "planarconfig": "contig"}
    for data, expected in (
        (tiff(premultiplied(rgba), photometric="rgb", **associated), rgba),
        (
            tiff(premultiplied(grey_alpha), photometric="minisblack", **associated),
            repeated(rgba[..., 1], rgba[..., 3]),
        ),
    ):
        found = decode_image(data, "associated.tif")
        same(found[..., 3], expected[..., 3])
        white = np.iinfo(found.dtype).max
        off = np.abs(found.astype(int) - expected) / (white / 255)
        assert off.max() <= steps
    clear = premultiplied(rgba * np.uint8(0))
    same(decode_image(tiff(clear, photometric="rgb", **associated), "clear.tif"), clear)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_bits_are_spread_over_all_levels(bits):
    white = 2**bits - 1
    values = np.rint(GREY / 255 * white).astype(np.uint16)
    found = decode_image(tiff(values, photometric="minisblack", bitspersample=bits), "raw.tif")
    assert found.dtype == np.uint16
    np.testing.assert_allclose(found / 65535, values / white, atol=1 / 65535)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("white", [1, 255, 65535])
def test_floating_point(dtype, white):
    if white == 65535 and dtype == np.float16:
        pytest.skip("float16 ends before")
    for levels, photometric in ((GREY, "minisblack"), (RGB, "rgb")):
        values = (levels / 255 * white).astype(dtype)
        found = decode_image(tiff(values, photometric=photometric), "float.tif")
        assert found.dtype == np.uint16
        np.testing.assert_allclose(found / 257, levels, atol=0.1)
        above = values.copy()
        above[3, 4] = white * 1.01  # as a filter leaves
        below = values.copy()
        below[3, 4] = -white
        found = decode_image(tiff(above, photometric=photometric), "float.tif")
        assert (found[3, 4] == 65535).all()
        assert np.abs(np.delete(found / 257 - levels, 3, 0)).max() < 0.1
        assert (decode_image(tiff(below, photometric=photometric), "float.tif")[3, 4] == 0).all()


def test_highlights_and_numbers_that_are_none():
    values = (GREY / 255).astype(np.float32)
    values[0, :3] = np.nan, np.inf, 3.5
    found = decode_image(tiff(values), "float.tif")
    same(found[0, :3], np.array([0, 65535, 65535], np.uint16))
    same(found[1:], deep(GREY)[1:])


@pytest.mark.parametrize("brightest", [70.0, 1e6])
def test_floating_point_of_which_white_is_unclear(brightest, refused):
    values = (GREY / 255).astype(np.float32)
    values[3, 4] = brightest
    with refused("float.tif has floating-point values", "0 … 1"):
        decode_image(tiff(values), "float.tif")


@pytest.mark.parametrize(
    ("dtype", "white"),
    [
        (np.uint32, 255),
        (np.uint32, 65535),
        (np.uint32, 2**32 - 1),
        (np.int32, 65535),
        (np.int32, 2**31 - 1),
        (np.int16, 2**15 - 1),
    ],
)
def test_wide_integers(dtype, white):
    values = np.rint(GREY / 255 * white).astype(dtype)
    values[-1] = white
    found = decode_image(tiff(values, photometric="minisblack"), "wide.tif")
    np.testing.assert_allclose(found[:-1] / 257, GREY[:-1], atol=0.01)
    assert (found[-1] == 65535).all()


@pytest.mark.parametrize(
    ("words", "pixels", "options"),
    [
        ("of CIELAB colours", deep(RGB), {"photometric": "cielab"}),
        ("of YCBCR colours", RGB, {"photometric": "ycbcr"}),
        ("of YCBCR colours", deep(RGB), {"photometric": "ycbcr"}),
        ("with WEBP compression", RGB, {"photometric": "rgb", "compression": "webp"}),
        ("with JPEG2000 compression", deep(RGB), {"photometric": "rgb", "compression": "jpeg2000"}),
        ("of COMPLEXIEEEFP numbers", RGB[..., 0].astype(np.complex64), {}),
        ("of 12 channels", np.zeros((20, 28, 12), np.uint16), {"planarconfig": "contig"}),
        ("of 3 layers in depth", deep(np.stack([GREY] * 3)), VOLUME),
    ],
)
def test_what_is_not_read_is_named(words, pixels, options, refused):
    with refused(f"odd.tif is a TIFF {words}", "save it as RGB"):
        decode_image(tiff(pixels, **options), "odd.tif")


def test_the_first_of_several_pages():
    for pages in (deep(np.stack([GREY, GREY[::-1]])), np.stack([GREY, GREY[::-1]])):
        same(decode_image(tiff(pages, photometric="minisblack"), "pages.tif"), pages[0])


@DEPTHS
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
def test_a_truncated_one_is_refused(deepen, options, refused):
    data = tiff(deepen(RGB), photometric="rgb", **options)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        cut = page.dataoffsets[-1] + page.databytecounts[-1] // 10
    with refused("cut.tif is damaged"):
        decode_image(data[:cut], "cut.tif")


def test_the_size_by_the_header(tmp_path):
    path = tmp_path / "a.tif"
    for orientation in range(1, 9):
        tag = [(274, "H", 1, orientation, True)]
        path.write_bytes(tiff(deep(RGB), photometric="rgb", extratags=tag))
        found = decode_image(path.read_bytes(), "a.tif")
        assert image_size(path) == found.shape[:2]
        assert found.shape[:2] == ((28, 20) if orientation > 4 else (20, 28))


@DEPTHS
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_picture_without_all_its_strips_is_damaged_not_black(deepen, compression, refused):
    """Nor does it take seconds to find out that millions of them are missing."""
    data = bytearray(tiff(deepen(RGB), photometric="rgb", rowsperstrip=20, compression=compression))
    (page,) = tifffile.TiffFile(io.BytesIO(data)).pages
    for height in (21, 2**21):
        struct.pack_into("<I", data, page.tags["ImageLength"].valueoffset, height)
        with refused("tall.tif", "damaged or incomplete"):
            decode_image(bytes(data), "tall.tif")
