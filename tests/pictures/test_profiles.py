"""Colours: every profile and depth against the definition of sRGB, and against Pillow."""

import io
import struct
import zlib
from collections.abc import Callable

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from esrgan.pictures import colour
from esrgan.pictures.colour import srgb
from esrgan.pictures.images import decode_image, load_image, load_with_profile
from tests.pictures.samples import chunk, deep, encoded, icc_chunk, png_of, ramps, same, tiff

D65 = (0.3127, 0.329)
BT709 = ((0.64, 0.33), (0.3, 0.6), (0.15, 0.06))
P3 = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
BT2020 = ((0.708, 0.292), (0.17, 0.797), (0.131, 0.046))
# Space, primaries, exponent.
SPACES = {"P3": (P3, 2.2), "Adobe RGB": (ADOBE, 2.19921875), "linear": (BT709, 1.0)}


def profile_of(primaries: tuple[tuple[float, float], ...], exponent: float) -> bytes:
    numbers = [n for x, y in primaries for n in (x, y, 1.0)]
    return imagecodecs.cms_profile("rgb", whitepoint=[*D65, 1.0], primaries=numbers, gamma=exponent)


def to_xyz(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    """3×3 from linear RGB to XYZ, of which white is D65."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    white = np.array([D65[0] / D65[1], 1, (1 - sum(D65)) / D65[1]])
    return columns * np.linalg.solve(columns, white)


def coded(light: np.ndarray) -> np.ndarray:
    """sRGB's curve (IEC 61966-2-1)."""
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def light_of(values: np.ndarray) -> np.ndarray:
    """The inverse of `coded`."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def by_definition(
    pixels: np.ndarray,
    primaries: tuple[tuple[float, float], ...],
    light: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """sRGB of H×W×3 `uint8` whose values stand for this light of these primaries, in 0 … 255."""
    linear = light(pixels / 255) @ (np.linalg.inv(to_xyz(BT709)) @ to_xyz(primaries)).T
    return 255 * coded(linear)


def depths(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return pixels, deep(pixels)


def in_levels(picture: np.ndarray) -> np.ndarray:
    """In 0 … 255."""
    return picture / (257 if picture.dtype == np.uint16 else 1)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("channels", [3, 4])
def test_profiles_are_converted_at_all_depths(space, channels):
    primaries, exponent = SPACES[space]
    picture = ramps()[..., :channels]
    expected = by_definition(picture[..., :3], primaries, lambda v: v**exponent)
    profile = profile_of(primaries, exponent)
    for pixels in depths(picture):
        alpha = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
        for data in (
            png_of(pixels, icc_chunk(profile)),
            tiff(pixels, photometric="rgb", iccprofile=profile, **alpha),
        ):
            found = decode_image(data, "picture")
            assert found.dtype == pixels.dtype
            np.testing.assert_allclose(in_levels(found[..., :3]), expected, atol=1)
            same(found[..., 3:], pixels[..., 3:])


def test_eight_bits_are_pillows():
    picture = Image.fromarray(ramps()[..., :3])
    profile = profile_of(P3, 2.2)
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    expected = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"))
    for fmt, options in (("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})):
        data = encoded(picture, fmt, icc_profile=profile, **options)
        found = decode_image(data, "picture").astype(int)
        assert np.abs(found - np.asarray(expected)).max() <= 1


@pytest.mark.parametrize("exponent", [1.0, 1.8])
def test_grey_profiles(exponent):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    expected = 255 * coded((grey / 255) ** exponent)
    profile = imagecodecs.cms_profile("gray", gamma=exponent)
    for pixels in depths(grey):
        for data in (
            png_of(pixels, icc_chunk(profile)),
            png_of(pixels, icc_chunk(profile_of(BT709, exponent))),  # as some programs do
            tiff(pixels, photometric="minisblack", iccprofile=profile),
        ):
            found = decode_image(data, "grey")
            assert found.dtype == pixels.dtype
            np.testing.assert_allclose(in_levels(found), expected, atol=1)
        clear = np.dstack([pixels, pixels[::-1]])
        found = decode_image(png_of(clear, icc_chunk(profile)), "grey and alpha")
        np.testing.assert_allclose(in_levels(found[..., 1]), expected, atol=1)
        same(found[..., 3], pixels[::-1])
    jpeg = encoded(Image.fromarray(grey), "JPEG", quality=100, icc_profile=profile)
    np.testing.assert_allclose(decode_image(jpeg, "grey.jpg"), expected, atol=12 / exponent)


@pytest.mark.parametrize("name", ["sRGB linear", "sRGB IEC61966-2.1"])
def test_a_profile_s_name_says_nothing(name):
    def named(profile: bytes, name: str) -> bytes:
        """Its description, of as many letters, replaced."""
        old = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        letters = old.strip().encode("utf-16-be")
        assert profile.count(letters) == 1
        count = len(letters) // 2
        return profile.replace(letters, name.ljust(count)[:count].encode("utf-16-be"))

    picture = ramps()[..., :3]
    linear = named(profile_of(BT709, 1.0), name)
    expected = by_definition(picture, BT709, lambda v: v)
    for pixels in depths(picture):
        found = decode_image(png_of(pixels, icc_chunk(linear)), "picture")
        np.testing.assert_allclose(in_levels(found), expected, atol=1)
        other = named(srgb(), "some")
        same(decode_image(png_of(pixels, icc_chunk(other)), "picture"), pixels)


def test_srgb_in_any_profile_changes_nothing():
    """One made of a table, which rounds."""
    table = np.rint(light_of(np.linspace(0, 1, 1024)) * 65535).astype(np.uint16)
    numbers = [n for x, y in BT709 for n in (x, y, 1.0)]
    profile = imagecodecs.cms_profile(
        "rgb", whitepoint=[*D65, 1.0], primaries=numbers, transferfunction=np.stack([table] * 3)
    )
    for pixels in depths(ramps()):
        for each in (srgb(), profile):
            same(decode_image(png_of(pixels, icc_chunk(each)), "picture"), pixels)
        grey = np.ascontiguousarray(pixels[..., 1])
        same(decode_image(png_of(grey, icc_chunk(profile)), "grey"), grey)


@pytest.mark.parametrize(
    "profile",
    [
        b"nonsense",
        srgb()[:200],
        srgb()[:16] + b"CMYK" + srgb()[20:],
        imagecodecs.cms_profile("gray", gamma=1.0),  # of a picture in colour
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
    ],
)
def test_profiles_that_are_broken_or_of_other_colours_are_passed_over(profile):
    for pixels in depths(ramps()):
        same(decode_image(png_of(pixels, icc_chunk(profile)), "picture"), pixels)


def test_large_pictures_are_converted_in_strips(monkeypatch):
    whole = decode_image(png_of(deep(ramps()), icc_chunk(profile_of(P3, 2.2))), "picture")
    monkeypatch.setattr(colour, "STRIP_PIXELS", 100)
    same(decode_image(png_of(deep(ramps()), icc_chunk(profile_of(P3, 2.2))), "picture"), whole)


def test_cmyk_by_its_profile_and_without():
    """LittleCMS's own CMYK does not come with it; a profile from nowhere is passed over."""
    inks = np.array([[[0, 0, 0, 0], [0, 0, 0, 255], [0, 255, 255, 0], [255, 0, 0, 51]]], np.uint8)
    expected = [[[255] * 3, [0] * 3, [255, 0, 0], [0, 204, 204]]]
    for pixels in depths(inks):
        found = decode_image(tiff(pixels, photometric="separated"), "inks.tif")
        assert found.dtype == pixels.dtype
        np.testing.assert_allclose(in_levels(found), expected, atol=0.01)


# Chunks of PNG, and boxes of AVIF


def gama(exponent: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(100_000 / exponent)))


def chrm(primaries: tuple[tuple[float, float], ...]) -> bytes:
    numbers = [round(n * 100_000) for pair in (D65, *primaries) for n in pair]
    return chunk(b"cHRM", struct.pack(">8I", *numbers))


def cicp(primaries: int, curve: int) -> bytes:
    return chunk(b"cICP", bytes((primaries, curve, 0, 1)))


@pytest.mark.parametrize(
    ("chunks", "primaries", "light"),
    [
        ([gama(1.0)], BT709, lambda v: v),
        ([gama(1.8)], BT709, lambda v: v**1.8),
        ([gama(2.2), chrm(P3)], P3, light_of),
        ([chrm(P3)], P3, light_of),
        ([gama(1.8), chrm(ADOBE)], ADOBE, lambda v: v**1.8),
        ([cicp(12, 13)], P3, light_of),
        ([cicp(9, 1)], BT2020, light_of),
        ([cicp(1, 8)], BT709, lambda v: v),
        ([cicp(12, 13), icc_chunk(profile_of(ADOBE, 1.0)), gama(1.0)], P3, light_of),
        ([icc_chunk(profile_of(P3, 2.2)), gama(1.0), chrm(ADOBE)], P3, lambda v: v**2.2),
        ([cicp(2, 2), icc_chunk(profile_of(P3, 2.2))], P3, lambda v: v**2.2),
    ],
    ids=lambda value: "" if callable(value) else None,
)
def test_chunks_that_say_the_colours(chunks, primaries, light):
    picture = ramps()
    expected = by_definition(picture[..., :3], primaries, light)
    for pixels in depths(picture):
        found = decode_image(png_of(pixels, *chunks), "picture.png")
        np.testing.assert_allclose(in_levels(found[..., :3]), expected, atol=1.1)
        same(found[..., 3], pixels[..., 3])


@pytest.mark.parametrize(
    "chunks",
    [
        [gama(2.2)],  # what files of sRGB have
        [gama(2.2), chrm(BT709)],
        [chunk(b"sRGB", b"\0"), gama(1.0), chrm(ADOBE)],
        [cicp(1, 13), icc_chunk(profile_of(P3, 2.2)), gama(1.0)],
        [cicp(2, 2)],
        [chunk(b"gAMA", bytes(4))],
        [gama(1.0), chunk(b"cHRM", bytes(32))],
        [gama(0.0001)],
    ],
)
def test_chunks_that_say_srgb_or_nonsense_change_nothing(chunks):
    for pixels in depths(ramps()):
        same(decode_image(png_of(pixels, *chunks), "picture.png"), pixels)


def test_hdr_and_unknown_colours_are_named(refused):
    for pixels in depths(ramps()):
        with refused("new.png is an HDR picture (PQ)", "SDR"):
            decode_image(png_of(pixels, cicp(9, 16)), "new.png")
        with refused("new.png is an HDR picture (HLG)", "SDR"):
            decode_image(png_of(pixels, cicp(9, 18)), "new.png")
        with refused("new.png", "CICP 22/11", "sRGB"):
            decode_image(png_of(pixels, cicp(22, 11)), "new.png")


def test_avif_says_it_in_a_box(refused):
    if "AVIF" not in Image.SAVE:
        pytest.skip("this Pillow has no AVIF")
    picture = ramps()[..., :3]
    data = encoded(Image.fromarray(picture), "AVIF", quality=100, subsampling="4:4:4")
    at = data.index(b"colrnclx") + 8
    plain = decode_image(data, "a.avif")

    def told(primaries: int, curve: int) -> bytes:
        return data[:at] + struct.pack(">HH", primaries, curve) + data[at + 4 :]

    same(decode_image(told(1, 1), "a.avif"), plain)
    expected = by_definition(plain, P3, light_of)
    np.testing.assert_allclose(decode_image(told(12, 13), "a.avif"), expected, atol=1.1)
    with refused("a.avif is an HDR picture"):
        decode_image(told(9, 16), "a.avif")


def test_cameras_say_adobe_rgb_in_exif():
    """Three directories of tags, of which the last one's text says it."""
    picture = ramps()[..., :3]

    def told(text: bytes) -> bytes:
        head = b"II*\0" + struct.pack("<I", 8)
        first = struct.pack("<HHHIII", 1, 0x8769, 4, 1, 26, 0)
        second = struct.pack("<HHHIIHHIII", 2, 0xA001, 3, 1, 65535, 0xA005, 4, 1, 56, 0)
        third = struct.pack("<HHHI4sI", 1, 1, 2, 4, text, 0)
        exif = b"Exif\0\0" + head + first + second + third
        options = {"quality": 100, "subsampling": 0, "exif": exif}
        return encoded(Image.fromarray(picture), "JPEG", **options)

    plain = decode_image(told(b"R98\0"), "a.jpg")
    found = decode_image(told(b"R03\0"), "a.jpg")
    expected = by_definition(plain, ADOBE, lambda v: v**2.19921875)
    np.testing.assert_allclose(found, expected, atol=1)
    assert np.abs(found.astype(int) - plain).max() > 20


# Profiles that are kept


def test_a_profile_can_be_kept(tmp_path):
    profile = profile_of(P3, 2.2)
    path = tmp_path / "wide.png"
    for pixels in depths(ramps()):
        path.write_bytes(png_of(pixels, icc_chunk(profile)))
        found, kept = load_with_profile(path)
        same(found, pixels)
        assert kept == profile
        path.write_bytes(png_of(pixels, gama(1.0)))
        found, made = load_with_profile(path)
        same(found, pixels)
        path.write_bytes(png_of(found, icc_chunk(made)))
        converted = load_image(path)
        path.write_bytes(png_of(pixels, gama(1.0)))
        same(load_image(path), converted)
        path.write_bytes(png_of(pixels))
        assert load_with_profile(path)[1] == srgb()


def test_cmyk_s_profile_is_not_kept(tmp_path):
    inks = np.full((4, 5, 4), 51, np.uint8)
    (tmp_path / "inks.tif").write_bytes(tiff(inks, photometric="separated"))
    found, profile = load_with_profile(tmp_path / "inks.tif")
    assert found.shape == (4, 5, 3)
    assert profile == srgb()


def test_large_chunks_of_text_do_not_hide_the_profile():
    text = chunk(b"zTXt", b"prompt\0\0" + zlib.compress(bytes(2**21)))
    profile = icc_chunk(profile_of(P3, 2.2))
    pixels = deep(ramps())
    same(
        decode_image(png_of(pixels, text, profile), "p.png"),
        decode_image(png_of(pixels, profile), "p.png"),
    )
