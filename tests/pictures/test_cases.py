"""The odd files of `../shared/cases`, each as its README says."""

from pathlib import Path

import numpy as np
import pytest

from esrgan.pictures.folders import list_images
from esrgan.pictures.images import image_size, load_image
from tests.pictures.samples import deep, ramps, same
from tests.pictures.test_profiles import BT709, P3, by_definition

RGB, RGBA = ramps()[..., :3], ramps()
GREY, ALPHA = RGB[..., 1], RGBA[..., 3]


def grey_with(alpha: np.ndarray) -> np.ndarray:
    return np.dstack([GREY, GREY, GREY, alpha])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("miniswhite16.tif", deep(GREY)),
        ("rgbx16.tif", deep(RGB)),
        ("rgb16_planar.tif", deep(RGB)),
        ("greyalpha16.tif", deep(grey_with(ALPHA))),
        ("n16.ppm", deep(RGB)),
        ("comfy.png", RGB),
    ],
)
def test_files_that_are_read_exactly(cases: Path, name: str, expected: np.ndarray) -> None:
    same(load_image(cases / name), expected)
    assert image_size(cases / name) == expected.shape[:2]


def test_profiles(cases: Path) -> None:
    for name, primaries, curve in (
        ("p3_16.png", P3, lambda v: v**2.2),
        ("linear_named_srgb_8.png", BT709, lambda v: v),
    ):
        found = load_image(cases / name)
        expected = by_definition(RGB, primaries, curve)
        levels = found / (257 if found.dtype == np.uint16 else 1)
        np.testing.assert_allclose(levels, expected, atol=1)


def test_alpha_and_floating_point(cases: Path) -> None:
    found = load_image(cases / "rgba16_assoc.tif")
    np.testing.assert_allclose(found / 257, RGBA, atol=0.1)
    found = load_image(cases / "g16_trns.png")
    assert found.dtype == np.uint16
    same(found[..., :3], deep(np.dstack([GREY] * 3)))
    assert set(np.unique(found[..., 3])) == {0, 65535}
    found = load_image(cases / "grey_float_slightly_over1.tif")
    off = np.abs(found / 257 - GREY)
    assert (off > 0.1).sum() <= 1  # the pixel that is over 1
    assert found.max() == 65535


def test_a_jpeg_of_another_suffix_is_found(cases: Path) -> None:
    assert cases / "j.jfif" in list_images(cases, recursive=False)
    assert load_image(cases / "j.jfif").shape == (20, 28, 3)
