"""Colours: ΔE of CIE 2000 against published values, and flat pictures that must stay."""

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from esrgan.evaluation.colour import BAND, FLAT_LEVELS, colour_difference, flat_deviation
from esrgan.pictures.resize import imresize


def flat(colour: tuple[int, int, int], height: int = 20) -> np.ndarray:
    return np.full((height, 30, 3), colour, np.uint8)


def test_flat_colours_differ_by_their_cie_2000_difference() -> None:
    red, orange = (200, 30, 30), (210, 60, 30)
    lab = [rgb2lab(np.array([[colour]], np.uint8)) for colour in (red, orange)]
    expected = float(deltaE_ciede2000(*lab)[0, 0])
    assert 3 < expected < 20
    np.testing.assert_allclose(colour_difference(flat(red), flat(orange)), expected)
    assert colour_difference(flat(red), flat(red)).max() == 0


def test_black_and_white_are_a_hundred_apart() -> None:
    black, white = flat((0, 0, 0)), flat((255, 255, 255))
    np.testing.assert_allclose(colour_difference(black, white), 100, atol=0.01)


def test_texture_is_filtered_away_and_a_cast_is_not(photo: np.ndarray) -> None:
    checks = np.indices(photo.shape[:2]).sum(0)[..., None] % 2 * 20 - 10
    mid = photo // 2 + 60
    textured = (mid + checks).astype(np.uint8)
    cast = (mid + np.array([0, 0, 8])).astype(np.uint8)
    assert colour_difference(textured, mid).mean() < 0.2
    assert colour_difference(cast, mid).mean() > 2


def test_grey_deep_and_transparent_pictures_are_compared(photo: np.ndarray) -> None:
    opaque = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
    assert colour_difference(opaque, photo).max() == 0
    assert colour_difference(photo.astype(np.uint16) * 257, photo).max() < 1e-9
    assert colour_difference(photo[..., 0], photo[..., 0]).shape == photo.shape[:2]


def test_tall_pictures_are_compared_in_bands() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, (BAND + 9, 12, 3), np.uint8) for _ in range(2))
    whole = colour_difference(first, second)
    assert whole.shape == (BAND + 9, 12)
    lower = colour_difference(first[200:], second[200:])
    np.testing.assert_allclose(whole[230:], lower[30:])  # beyond the reach of the filter


def test_bicubic_leaves_flat_pictures_as_they_are() -> None:
    assert flat_deviation(lambda lr: imresize(lr, 4)) == 0


@pytest.mark.parametrize("level", FLAT_LEVELS)
def test_the_largest_deviation_of_any_channel_counts(level: int) -> None:
    def tinted(lr: np.ndarray) -> np.ndarray:
        sr = imresize(lr, 4).astype(int)
        sr[0] = 99  # at the border, which is not looked at
        if lr[0, 0, 0] == level:
            sr[..., 2] += 3 if level < 128 else -3
        return sr.astype(np.uint8)

    assert flat_deviation(tinted) == 3
