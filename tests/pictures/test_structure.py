"""Files that declare far more than they hold are refused before a decoder believes them."""

import io
import struct
import threading
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from esrgan.pictures import structure
from esrgan.pictures.images import decode_image, image_size, load_image

BYTE, SHORT, LONG, UNDEFINED = 1, 3, 4, 7
Tag = tuple[int, int, int, int]  # number, type, count, value or place


def encoded(pixels: np.ndarray, fmt: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, fmt, **options)
    return buffer.getvalue()


def tiff(*tags: Tag, body: bytes = b"") -> bytes:
    """Little-endian TIFF (or EXIF) of these tags, and what they point at from byte 8 on."""
    directory = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = struct.pack("<4sI", b"II*\0", 8 + len(body))
    return head + body + struct.pack("<H", len(tags)) + directory + bytes(4)


def greedy(tags: int, size: int) -> bytes:
    """Tags that all point at the same bytes."""
    shared = [(40_000 + number, UNDEFINED, size, 8) for number in range(tags)]
    usual = [(256, LONG, 1, 2), (257, LONG, 1, 2), (258, SHORT, 1, 8), (262, SHORT, 1, 1)]
    place = [(273, LONG, 1, 8), (278, LONG, 1, 2), (279, LONG, 1, 4)]
    return tiff(*usual, *place, *shared, body=bytes(size))


def chunk(kind: bytes, content: bytes) -> bytes:
    summed = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + summed


def with_chunks(png: bytes, *chunks: bytes, after_pixels: bool = False) -> bytes:
    at = png.index(b"IEND" if after_pixels else b"IDAT") - 4
    return png[:at] + b"".join(chunks) + png[at:]


def with_segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content + jpeg[2:]


# Directories of tags


def test_tags_that_share_what_they_point_at(photo, refused, tmp_path):
    picture = encoded(photo, "PNG")
    jpeg = encoded(photo, "JPEG")
    cases = {
        "a.tif": greedy(1500, 100_000),
        "b.png": with_chunks(picture, chunk(b"eXIf", greedy(1500, 100_000))),
        "c.jpg": with_segment(jpeg, 0xE1, b"Exif\0\0" + greedy(1500, 40_000)),
        "d.jpg": with_segment(jpeg, 0xE2, b"MPF\0" + greedy(1500, 40_000)),
        "e.webp": encoded(photo, "WEBP", exif=b"Exif\0\0" + greedy(1500, 100_000)),
    }
    for name, data in cases.items():
        assert len(data) < 200_000
        with refused(name, "larger than the file"):
            decode_image(data, name)
        (tmp_path / name).write_bytes(data)
        with refused(name, "larger than the file"):
            image_size(tmp_path / name)


def test_tags_hidden_in_a_packed_text(photo, refused):
    profile = f"\nexif\n{150_000:8}\n{(b'Exif' + bytes(2) + greedy(1500, 60_000)).hex()}"
    text = b"Raw profile type exif\0\0" + zlib.compress(profile.encode())
    with refused("x.png", "larger than the file"):
        decode_image(with_chunks(encoded(photo, "PNG"), chunk(b"zTXt", text)), "x.png")


def test_directories_in_directories(refused):
    """Pillow reads what EXIF's and GPS' tags point at too, of a TIFF that is not packed."""
    inner = greedy(1500, 50_000)[8 + 50_000 :]
    body = bytes(50_000) + inner
    data = tiff((34665, LONG, 1, 8 + 50_000), body=body)
    with refused("larger than the file"):
        decode_image(data, "x.tif")
    itself = tiff((34665, LONG, 1, 8))
    with refused("x.tif"):
        decode_image(itself, "x.tif")


def test_a_tag_of_millions_of_numbers(refused):
    with refused("millions of numbers"):
        decode_image(tiff((258, SHORT, 2_000_000, 8), body=bytes(4_000_000)), "x.tif")
    large_text = tiff((37724, UNDEFINED, 3_000_000, 8), body=bytes(3_000_000))
    assert structure.hazard(large_text) is None  # layers that Photoshop left


def test_what_ends_before_its_directory(refused):
    whole = greedy(3, 100)
    for length in range(4, len(whole)):
        structure.hazard(whole[:length])
    assert structure.hazard(b"II*\0\xff\xff\xff\xff") is None
    assert structure.hazard(b"II+\0\x08\0\0\0" + b"\xff" * 16) is None


def test_large_tiffs_of_other_makers_are_read(photo):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, photo, bigtiff=True, tile=(16, 16), metadata={"a": "b" * 100_000})
    np.testing.assert_array_equal(decode_image(buffer.getvalue(), "big.tif"), photo)


def test_only_the_beginning_of_long_exif_is_read(photo):
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x9286] = b"x" * 300_000
    data = encoded(photo, "WEBP", exif=exif, lossless=True)
    np.testing.assert_array_equal(decode_image(data, "long.webp"), np.rot90(photo, -1))


# Scans


def progressive(photo: np.ndarray, scans: int) -> bytes:
    """A sound progressive JPEG whose last scan is there again and again."""
    jpeg = encoded(photo, "JPEG", progressive=True)
    last, end = jpeg.rindex(b"\xff\xda"), jpeg.rindex(b"\xff\xd9")
    return jpeg[:last] + jpeg[last:end] * (1 + scans - jpeg.count(b"\xff\xda")) + jpeg[end:]


def test_thousands_of_scans(photo, refused):
    assert decode_image(progressive(photo, structure.MOST_SCANS), "x.jpg").shape == photo.shape
    with refused("x.jpg has more than 100 progressive scans"):
        decode_image(progressive(photo, structure.MOST_SCANS + 1), "x.jpg")


def test_what_only_looks_like_scans(photo):
    """The film behind a phone's photograph, and what is in its segments."""
    scans = b"\xff\xda\0\x08" * 1000
    film = encoded(photo, "JPEG") + scans
    assert decode_image(film, "film.jpg").shape == photo.shape
    note = with_segment(encoded(photo, "JPEG", progressive=True), 0xFE, scans)
    assert decode_image(note, "note.jpg").shape == photo.shape


def test_a_comment_does_not_hide_scans(photo, refused):
    """One that holds the mark of the end."""
    comment = b"\xff\xfe\0\x04\xff\xd9"
    data = progressive(photo, 200)
    first = data.index(b"\xff\xda")
    with refused("progressive scans"):
        decode_image(data[:first] + comment + data[first:], "x.jpg")


# Tiles


@pytest.mark.parametrize("samples", [1, 3])
def test_a_tile_far_larger_than_its_picture(samples, refused):
    tags = [(256, LONG, 1, 16), (257, LONG, 1, 16), (258, SHORT, samples, 8), (259, SHORT, 1, 5)]
    tags += [(262, SHORT, 1, 2), (277, SHORT, 1, samples), (322, LONG, 1, 13376)]
    tags += [(323, LONG, 1, 13376), (324, LONG, 1, 8), (325, LONG, 1, 6)]
    with refused("x.tif has tiles of 13376×13376 pixels"):
        decode_image(tiff(*tags, body=struct.pack("<HHH", 16, 16, 16)), "x.tif")


def test_a_tile_larger_than_its_picture(photo):
    buffer = io.BytesIO()
    deep = photo.astype(np.uint16) * 257
    tifffile.imwrite(buffer, deep, tile=(512, 512), photometric="rgb")
    np.testing.assert_array_equal(decode_image(buffer.getvalue(), "x.tif"), deep)


# Texts and profiles of PNG


def test_texts_and_profiles_of_megabytes_are_skipped(photo, tmp_path):
    png = encoded(photo, "PNG")
    bulk = zlib.compress(bytes(3 * 2**20))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, content in {
        "iCCP": b"icc\0\0" + zlib.compress(profile + bytes(3 * 2**20)),
        "zTXt": b"prompt\0\0" + bulk,
        "iTXt": b"prompt\0\1\0\0\0" + bulk,
        "tEXt": b"prompt\0" + b"x" * 3 * 2**20,
    }.items():
        for after_pixels in (False, True) if name != "iCCP" else (False,):
            pieces = [chunk(name.encode(), content)] * 2
            data = with_chunks(png, *pieces, after_pixels=after_pixels)
            np.testing.assert_array_equal(decode_image(data, "comfy.png"), photo)
            (tmp_path / "comfy.png").write_bytes(data)
            assert image_size(tmp_path / "comfy.png") == photo.shape[:2]


def test_the_rest_of_a_png_stays(photo, tmp_path):
    """Its orientation in XMP, its transparency, and a profile that is small enough."""
    xmp = b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="6"/>'
    text = chunk(b"tEXt", b"prompt\0" + b"x" * 2 * 2**20)
    png = encoded(photo, "PNG")
    turned = tmp_path / "turned.png"
    turned.write_bytes(with_chunks(png, text, chunk(b"iTXt", xmp)))
    np.testing.assert_array_equal(load_image(turned), np.rot90(photo, -1))
    assert image_size(turned) == (48, 64)
    key = struct.pack(">HHH", *(int(value) for value in photo[0, 0]))
    transparent = decode_image(with_chunks(png, text, chunk(b"tRNS", key)), "clear.png")
    assert transparent.shape == (*photo.shape[:2], 4)
    assert transparent[0, 0, 3] == 0


# All of them


def test_known_hostile_files(cases, refused):
    for file in sorted((cases / "hostile").iterdir()):
        began = time.monotonic()
        with refused(file.name, "is not decoded"):
            load_image(file)
        assert time.monotonic() - began < 5


def test_a_picture_with_its_recipe(cases):
    assert load_image(cases / "comfy.png").shape == (20, 28, 3)
    assert image_size(cases / "comfy.png") == (20, 28)


def test_the_filters_of_warnings_are_left_alone(photo):
    """Also where several threads decode what Pillow warns of."""
    exif = Image.Exif()
    exif[0x0112] = 1
    data = encoded(photo, "JPEG", exif=exif.tobytes()[:-6])
    together = threading.Barrier(4)

    def decode(_: int) -> None:
        for _ in range(20):
            together.wait(60)
            decode_image(data, "x.jpg")

    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(decode, range(4)))
    assert warnings.filters == before
