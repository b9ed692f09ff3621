"""Pictures in and out: every layout that is met in the wild, and files that mean harm."""

import io
import struct
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from skimage.color import rgb2ycbcr

from esrgan.errors import UserError
from esrgan.pictures.encoding import encode_image, save_image
from esrgan.pictures.images import (
    MAX_PIXELS,
    SeveralPicturesWarning,
    crop_to_multiple,
    decode_image,
    image_size,
    load_image,
    rgb_to_y,
    to_image,
    to_rgb,
    to_tensor,
    to_uint8,
)
from tests.pictures.samples import GREY, chunk, encoded, png, png_of, same, tiff

# What turns a stored picture upright, by EXIF orientation.
UPRIGHT = {
    1: lambda p: p,
    2: np.fliplr,
    3: lambda p: np.rot90(p, 2),
    4: np.flipud,
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
    8: lambda p: np.rot90(p),
}


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


@pytest.fixture
def rgba(photo) -> np.ndarray:
    alpha = np.linspace(0, 255, photo[..., 0].size).reshape(photo.shape[:2])
    return np.dstack([photo, alpha.astype(np.uint8)])


@pytest.fixture
def deep(rng) -> np.ndarray:
    """7×5 RGBA, `uint16`, with differing high and low bytes."""
    return rng.integers(0, 65536, (5, 7, 4)).astype(np.uint16)


# Decoding


def test_grey_rgb_and_rgba_come_as_they_are(photo, rgba):
    for pixels in (photo[..., 0], photo, rgba):
        same(decode_image(encoded(Image.fromarray(pixels), "PNG"), "p"), pixels)


def test_grey_with_alpha_becomes_rgba(rgba):
    picture = Image.fromarray(rgba[..., 2:])
    assert picture.mode == "LA"
    expected = np.dstack([rgba[..., 2]] * 3 + [rgba[..., 3]])
    same(decode_image(encoded(picture, "PNG"), "la.png"), expected)


def test_palette(photo):
    picture = Image.fromarray(photo).quantize(16)
    assert picture.mode == "P"
    same(decode_image(encoded(picture, "PNG"), "p.png"), np.asarray(picture.convert("RGB")))


def test_palette_with_transparency():
    picture = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8)).convert("P")
    picture.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    found = decode_image(encoded(picture, "PNG", transparency=1), "p.png")
    expected = [[[10, 20, 30, 255], [40, 50, 60, 0]], [[70, 80, 90, 255], [40, 50, 60, 0]]]
    same(found, np.array(expected, np.uint8))


def test_one_bit():
    bits = np.array([[True, False, True], [False, False, True]])
    for fmt in ("PNG", "TIFF"):
        found = decode_image(encoded(Image.fromarray(bits), fmt), "bits")
        same(found, bits.astype(np.uint8) * 255)


def test_cmyk():
    inks = [(0, 0, 0, 0), (0, 0, 0, 255), (0, 255, 255, 0), (255, 0, 255, 0)]
    colours = [(255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 255, 0)]
    for ink, colour in zip(inks, colours, strict=True):
        for fmt in ("TIFF", "JPEG"):
            found = decode_image(encoded(Image.new("CMYK", (16, 16), ink), fmt), "c")
            assert found.shape == (16, 16, 3)
            np.testing.assert_allclose(found[8, 8], colour, atol=2)


def test_sixteen_bit_png(deep):
    same(decode_image(png_of(deep[..., 0]), "g.png"), deep[..., 0])
    same(decode_image(png_of(deep[..., :3]), "rgb.png"), deep[..., :3])
    same(decode_image(png_of(deep), "rgba.png"), deep)
    grey_alpha = decode_image(png_of(deep[..., 2:]), "la.png")
    same(grey_alpha, np.dstack([deep[..., 2]] * 3 + [deep[..., 3]]))


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bit_colour_written_by_opencv(deep, suffix):
    data = cv2.imencode(suffix, deep[..., 2::-1])[1].tobytes()
    same(decode_image(data, f"deep{suffix}"), deep[..., :3])


def test_sixteen_bit_tiff_in_other_layouts(deep):
    same(decode_image(tiff(deep[..., 0], byteorder=">"), "g.tif"), deep[..., 0])
    rgb = tiff(deep[..., :3], photometric="rgb", compression="zlib", byteorder=">")
    same(decode_image(rgb, "rgb.tif"), deep[..., :3])
    alpha = tiff(deep, photometric="rgb", extrasamples=["unassalpha"])
    same(decode_image(alpha, "rgba.tif"), deep)


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation(photo, deep, orientation):
    turn = UPRIGHT[orientation]
    for pixels in (photo, deep[..., 0]):
        data = encoded(Image.fromarray(pixels), "PNG", exif=exif(orientation))
        same(decode_image(data, "turned.png"), turn(pixels))
    rgb = deep[..., :3]
    turned_png = png_of(rgb, chunk(b"eXIf", exif(orientation).removeprefix(b"Exif\0\0")))
    same(decode_image(turned_png, "deep.png"), turn(rgb))
    turned_tiff = tiff(rgb, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    same(decode_image(turned_tiff, "deep.tif"), turn(rgb))


def test_exif_orientation_of_a_jpeg(photo):
    data = encoded(Image.fromarray(photo), "JPEG", quality=100, subsampling=0, exif=exif(6))
    found = decode_image(data, "phone.jpg")
    assert found.shape == (48, 64, 3)
    assert np.abs(found.astype(int) - np.rot90(photo, -1)).mean() < 1


@pytest.mark.parametrize(
    ("fmt", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("MPO", {})]
)
def test_first_frame_of_an_animation(fmt, options):
    colours = ("red", "lime", "blue")
    frames = [Image.new("RGB", (12, 9), colour) for colour in colours]
    data = encoded(frames[0], fmt, save_all=True, append_images=frames[1:], **options)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = decode_image(data, "animation")
        decode_image(encoded(frames[0], fmt, **options), "no animation")
    np.testing.assert_allclose(found[..., :3], np.full((9, 12, 3), (255, 0, 0)), atol=2)
    # The pictures of MPO are a telephone's for one and the same.
    first_only = "animation holds several frames or pages: the first one is used."
    assert [str(each.message) for each in told] == ([] if fmt == "MPO" else [first_only])


def test_the_first_page_of_a_deep_tiff():
    data = io.BytesIO()
    tifffile.imwrite(data, np.stack([np.full((9, 12), n * 1000, np.uint16) for n in (1, 2)]))
    with pytest.warns(SeveralPicturesWarning, match="scan.tif"):
        found = decode_image(data.getvalue(), "scan.tif")
    np.testing.assert_array_equal(found, np.full((9, 12), 1000, np.uint16))


# Hostile files


def test_files_that_are_no_pictures(refused, tmp_path):
    text = tmp_path / "notes.png"
    text.write_text("Dear diary, " * 100)
    with refused("notes.png is not a picture"):
        load_image(text)
    text.write_bytes(b"")
    with refused("notes.png is empty"):
        load_image(text)
    text.write_text('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>')
    with refused("notes.png is an SVG drawing"):
        load_image(text)
    for start, kind in (
        (b"\xff\x0a", "a JPEG XL picture"),
        (b"8BPS", "a Photoshop document"),
        (b"v/1\x01", "an OpenEXR picture"),
        (b"%PDF-1.7", "a PDF document"),
    ):
        text.write_bytes(start + bytes(50))
        with refused(f"notes.png is {kind}", "export it as PNG"):
            load_image(text)
    with refused("absent.png could not be read"):
        load_image(tmp_path / "absent.png")
    with refused("could not be read"):
        load_image(tmp_path)


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.9])
def test_truncated_pictures(photo, fmt, kept, refused):
    data = encoded(Image.fromarray(photo), fmt)
    with refused("cut.png"):
        decode_image(data[: int(len(data) * kept)], "cut.png")


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "deep PNG", "deep TIFF"])
def test_damaged_bytes_give_a_picture_or_a_clear_refusal(photo, deep, rng, fmt):
    if fmt == "deep PNG":
        data = png_of(deep)
    elif fmt == "deep TIFF":
        data = tiff(deep[..., :3], photometric="rgb", compression="zlib")
    else:
        data = encoded(Image.fromarray(photo), fmt)
    for _ in range(40):
        damaged = np.frombuffer(data, np.uint8).copy()
        damaged[rng.integers(0, len(data), 5)] = rng.integers(0, 256, 5)
        with suppress(UserError):
            found = decode_image(damaged.tobytes(), "damaged")
            assert found.dtype in (np.uint8, np.uint16)
            assert found.ndim in (2, 3)


def made_up_tiff(*tags: tuple[int, int, int, int]) -> bytes:
    """16-bit RGB of 12×9 pixels, with further tags: number, type, count and value."""
    usual = {256: 12, 257: 9, 259: 1, 262: 2, 273: 14, 277: 3, 278: 9, 279: 648}
    entries = [(258, 3, 3, 8), *((tag, 4, 1, value) for tag, value in usual.items()), *tags]
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    body = struct.pack("<4sIHHH", b"II*\0", 662, 16, 16, 16) + bytes(648)
    return body + struct.pack("<H", len(entries)) + directory + bytes(4)


def test_what_pillow_trips_over_is_a_damaged_picture(refused, photo):
    assert decode_image(made_up_tiff(), "made.tif").shape == (9, 12, 3)
    with refused("damaged"):  # the place of the pixels lies behind the end
        decode_image(
            made_up_tiff().replace(
                struct.pack("<HHII", 273, 4, 1, 14), struct.pack("<HHII", 273, 4, 1, 9999)
            ),
            "made.tif",
        )
    if "AVIF" not in Image.SAVE:
        return
    avif = encoded(Image.fromarray(photo), "AVIF")
    at = avif.index(b"iinf") + 8
    assert avif[at : at + 2] == b"\0\1"
    with refused("damaged"):
        decode_image(avif[:at] + b"\0\0" + avif[at + 2 :], "empty.avif")


def test_what_a_tiff_says_twice_is_understood_once(tmp_path):
    """Pillow takes the last width; what decodes takes the first, and so does the check of sizes."""
    path = tmp_path / "twice.tif"
    for tag in ((256, 4, 1, 6), (257, 4, 1, 2), (274, 1, 1, 5)):
        path.write_bytes(made_up_tiff(tag))
        assert image_size(path) == load_image(path).shape[:2]
    path.write_bytes(made_up_tiff((256, 4, 1, 100_000)))
    assert Image.open(path).size == (100_000, 9)
    assert load_image(path).shape == (9, 12, 3)


@pytest.mark.parametrize(
    ("side", "limit", "told"), [(8_000, 50_000_000, "50"), (40_000, MAX_PIXELS, "1,074")]
)
def test_enormous_pictures_are_refused_before_decoding(side, limit, told, refused, monkeypatch):
    compressor = zlib.compressobj(1)
    rows = [compressor.compress(bytes(1 + side // 8) * 1000) for _ in range(side // 1000)]
    bomb = png((side, side), 1, GREY, b"".join(rows) + compressor.flush())
    assert len(bomb) < 1_000_000

    def decoding(picture):
        pytest.fail("it was decoded, at a byte a pixel")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoding)
    with refused("bomb.png is", f"the limit is {told} megapixels"):
        decode_image(bomb, "bomb.png", limit)


def test_what_pillow_takes_for_a_bomb_is_a_picture_to_its_owner(tmp_path):
    side = 14_000  # 196 megapixels; the header is enough
    (tmp_path / "large.png").write_bytes(png((side, side), 1, GREY, zlib.compress(b"")))
    assert image_size(tmp_path / "large.png") == (side, side)


def test_the_limit_of_pixels_can_be_chosen(photo, refused):
    data = encoded(Image.fromarray(photo), "PNG")
    assert decode_image(data, "p.png", max_pixels=64 * 48).shape == (64, 48, 3)
    with refused("p.png is 48×64 pixels"):
        decode_image(data, "p.png", max_pixels=64 * 48 - 1)


# Encoding


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".PNG", ".webp"])
def test_lossless_round_trips(photo, rgba, suffix):
    rgba[:20, :, 3] = 0  # the colour under full transparency survives too
    for pixels in (photo, rgba) if suffix == ".webp" else (photo[..., 0], photo, rgba):
        same(decode_image(encode_image(pixels, suffix), "round"), pixels)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_round_trip(deep, suffix):
    for pixels in (deep[..., 0], deep[..., :3], deep):
        same(decode_image(encode_image(pixels, suffix), "round"), pixels)


@pytest.mark.parametrize("suffix", [".webp", ".jpg"])
def test_sixteen_bits_are_rounded_where_the_format_has_eight(photo, suffix):
    deep = (photo * 257.0 + 100).clip(0, 65535).astype(np.uint16)
    assert encode_image(deep, suffix) == encode_image(photo, suffix)


def test_jpeg_is_close(photo):
    found = decode_image(encode_image(photo, ".jpg"), "photo.jpg")
    assert np.abs(found.astype(int) - photo).mean() < 2


def test_what_cannot_be_written_is_refused(photo, rgba, refused):
    with refused("'.bmp'"):
        encode_image(photo, ".bmp")
    with refused("transparency"):
        encode_image(rgba, ".jpg")
    with refused("16383 pixels", "16384"):
        encode_image(np.zeros((1, 16384, 3), np.uint8), ".webp")
    with refused("65500 pixels", "65501"):
        encode_image(np.zeros((65501, 1), np.uint8), ".jpg")


def test_save_makes_folders_and_leaves_nothing_else(photo, tmp_path):
    path = tmp_path / "new" / "deeper" / "photo.png"
    save_image(photo, path)
    same(load_image(path), photo)
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_save_keeps_the_old_file(photo, rgba, tmp_path, monkeypatch, refused):
    path = tmp_path / "photo.jpg"
    save_image(photo, path)
    old = path.read_bytes()
    with refused("transparency"):
        save_image(rgba, path)

    def disk_full(self, data):
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", disk_full)
    with refused("photo.jpg could not be written: No space left on device"):
        save_image(photo, path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written_to(photo, tmp_path, refused):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    with refused("could not be written"):
        save_image(photo, tmp_path / "file" / "photo.png")
    with refused("could not be written"):
        save_image(photo, tmp_path / "folder.png")
    with refused("could not be written: File name too long"):
        save_image(photo, tmp_path / ("x" * 252 + ".png"))


# Conversions


def test_y_is_matlabs(photo):
    np.testing.assert_allclose(rgb_to_y(photo), rgb2ycbcr(photo)[..., 0], atol=1e-9)
    corners = np.array([[[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255] * 3]], np.uint8)
    expected = [[16, 81.481, 144.553, 40.966, 235]]
    np.testing.assert_allclose(rgb_to_y(corners), expected, atol=1e-9)
    np.testing.assert_allclose(rgb_to_y(corners.astype(np.uint16) * 257), expected, atol=1e-9)


def test_to_uint8_rounds_to_nearest():
    levels = np.arange(256)
    for offset in (-128, 0, 128):
        deep = (levels * 257 + offset).clip(0, 65535).astype(np.uint16)
        same(to_uint8(deep[None]), levels[None].astype(np.uint8))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tensors_and_back(rng, dtype):
    white = np.iinfo(dtype).max
    image = rng.integers(0, white + 1, (6, 5, 3)).astype(dtype)
    tensor = to_tensor(image)
    assert tensor.shape == (1, 3, 6, 5)
    assert tensor.dtype == torch.float32
    np.testing.assert_allclose(tensor[0, 1].numpy() * white, image[..., 1], rtol=1e-6)
    same(to_image(tensor, dtype), image)


def test_tensors_are_clipped_and_rounded_to_nearest():
    values = torch.tensor([-0.1, 0.4 / 255, 0.6 / 255, 1.2]).view(1, 1, 1, 4).expand(1, 3, 1, 4)
    expected = np.repeat(np.array([[0, 0, 1, 255]], np.uint8)[..., None], 3, axis=2)
    same(to_image(values), expected)


def test_transparency_is_laid_over_white():
    rgba = np.array([[[0, 100, 200, 255], [0, 100, 200, 0], [0, 100, 200, 51]]], np.uint8)
    same(to_rgb(rgba), np.array([[[0, 100, 200], [255] * 3, [204, 224, 244]]], np.uint8))


def test_grey_to_rgb_repeats(photo):
    same(to_rgb(photo[..., 0]), np.dstack([photo[..., 0]] * 3))


def test_crop_to_multiple(photo, refused):
    same(crop_to_multiple(photo[:63, :47], 4), photo[:60, :44])
    same(crop_to_multiple(photo, 4), photo)
    with refused("each side needs 49 pixels"):
        crop_to_multiple(photo, 49)


# ---------------------------------------------------------------- sizes by the header alone


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_size_is_that_of_the_decoded_picture(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    path = tmp_path / f"a{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (30, 20)).save(path, exif=exif)
    assert image_size(path) == load_image(path).shape[:2]
    assert image_size(path) == ((30, 20) if orientation in (6, 8) else (20, 30))


def test_the_size_of_a_file_of_no_use(tmp_path: Path, refused) -> None:
    path = tmp_path / "a.png"
    with refused("a.png could not be read"):
        image_size(path)
    path.touch()
    with refused("a.png is empty"):
        image_size(path)
    path.write_text("text")
    with refused("a.png is not a picture"):
        image_size(path)
    Image.new("RGB", (30, 20)).save(path)
    with refused("30×20 pixels", "limit"):
        image_size(path, max_pixels=599)
    path.write_bytes(path.read_bytes()[:60])  # the header is whole
    assert image_size(path) == (20, 30)


def test_heic_is_read(photo, tmp_path, refused):
    """What telephones write; libheif turns it, and EXIF's turn is none of it."""
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(photo).save(tmp_path / "x.heic", quality=-1, chroma=444, exif=turned)
    read = load_image(tmp_path / "x.heic")
    assert read.shape == photo.shape == (*image_size(tmp_path / "x.heic"), 3)
    assert np.abs(read.astype(int) - photo).mean() < 1
    data = (tmp_path / "x.heic").read_bytes()
    (tmp_path / "cut.heic").write_bytes(data[: len(data) // 2])
    with refused("cut.heic is"):
        load_image(tmp_path / "cut.heic")
    with refused("the limit is"):
        load_image(tmp_path / "x.heic", max_pixels=photo.shape[0] * photo.shape[1] - 1)
