"""Files of pictures say of which colours they are, and can be read by others."""

import io

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from esrgan.pictures.colour import srgb
from esrgan.pictures.encoding import encode_image, save_image
from esrgan.pictures.images import load_image, load_with_profile
from tests.pictures.samples import deep, ramps, same

RGBA, RGB, GREY = ramps(), ramps()[..., :3], ramps()[..., 1]
GAMMA = imagecodecs.cms_profile("rgb", gamma=1.8)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_results_are_marked_as_srgb(tmp_path, suffix):
    for pixels in (GREY, RGB, deep(RGB), RGBA):
        if suffix == ".jpg" and pixels is RGBA:
            continue
        path = tmp_path / f"a{suffix}"
        save_image(pixels, path)
        with Image.open(path) as picture:
            told = picture.info
            assert told.get("icc_profile") == (None if suffix == ".png" else srgb())
            assert ("srgb" in told) == (suffix == ".png")
        if suffix in (".png", ".tif"):
            same(load_image(path), np.ascontiguousarray(pixels))
        assert b"sRGB" not in encode_image(pixels, ".png")
        assert srgb() not in encode_image(pixels, suffix)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_a_profile_that_is_kept_is_that_of_the_result(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    for pixels in (RGB, deep(RGB)):
        save_image(pixels, path, GAMMA)
        found, profile = load_with_profile(path)
        assert profile == GAMMA
        if suffix in (".png", ".tif"):
            same(found, pixels)


def test_the_same_picture_is_the_same_file():
    for suffix in (".png", ".tif", ".webp", ".jpg"):
        assert encode_image(RGB, suffix, srgb()) == encode_image(RGB, suffix, srgb())
    assert srgb()[24:36] == bytes(12)  # where the time would stand


def test_others_read_what_was_written():
    for pixels in (GREY, RGB, RGBA, deep(GREY), deep(RGB), deep(RGBA)):
        same(imagecodecs.png_decode(encode_image(pixels, ".png")), np.ascontiguousarray(pixels))
        same(
            tifffile.imread(io.BytesIO(encode_image(pixels, ".tif"))), np.ascontiguousarray(pixels)
        )
    for pixels in (GREY, RGB, RGBA):
        for suffix in (".png", ".tif"):
            same(np.asarray(Image.open(io.BytesIO(encode_image(pixels, suffix)))), pixels)
