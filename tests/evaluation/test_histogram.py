"""Fig. 9a: brightness does not depend on texture, and shares sum to 1."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2gray

from esrgan.evaluation.histogram import (
    brightness,
    brightness_histogram,
    brightness_shift,
    darker_share,
)


def test_flat_grey_is_one_bar_at_its_level() -> None:
    flat = np.full((20, 30, 3), 100, np.uint8)
    np.testing.assert_allclose(brightness(flat), 100)
    shares = brightness_histogram(flat, bins=255)
    assert shares[100] == 1


def test_the_darker_share_counts_pixels(photo: np.ndarray) -> None:
    found, levels = darker_share(photo), brightness(photo)
    assert found.shape == (255,)
    for level in (1, 100, 128, 255):
        assert found[level - 1] == np.mean(levels < level)
    darker = darker_share(np.maximum(photo, 9) - 9) - darker_share(np.maximum(photo, 9))
    assert (darker >= 0).all()


def test_brightness_is_the_filtered_grey_picture(photo: np.ndarray) -> None:
    # scikit-image's grey weights are those of BT.709: equal channels make them agree
    grey = np.repeat(photo[..., :1], 3, axis=2)
    expected = gaussian_filter(rgb2gray(grey) * 255, 2.0, mode="reflect")
    np.testing.assert_allclose(brightness(grey, sigma=2.0), expected, atol=1e-9)


def test_texture_does_not_move_the_mean_but_dimming_does(photo: np.ndarray) -> None:
    checks = np.indices(photo.shape[:2]).sum(0)[..., None] % 2 * 20 - 10
    mid = (photo // 2 + 60).astype(int)
    textured, dimmed = (mid + checks).astype(np.uint8), (mid - 5).astype(np.uint8)
    level = brightness(mid.astype(np.uint8)).mean()
    assert brightness(textured).mean() == pytest.approx(level, abs=0.01)
    assert brightness(dimmed).mean() == pytest.approx(level - 5, abs=0.01)


def test_the_shift_is_below_zero_for_what_is_darker(photo: np.ndarray) -> None:
    mid = (photo // 2 + 60).astype(np.uint8)
    checks = np.indices(mid.shape[:2]).sum(0)[..., None] % 2 * 20
    assert brightness_shift(mid - 5, mid) == pytest.approx(-5)
    assert brightness_shift(mid.astype(np.uint16) * 257, mid) == pytest.approx(0)
    assert brightness_shift((mid + checks - 10).astype(np.uint8), mid) == pytest.approx(0, abs=0.01)
    expected = [np.mean(rgb2gray(np.repeat(p[..., :1], 3, axis=2))) * 255 for p in (photo, mid)]
    assert brightness_shift(photo[..., 0], mid[..., 0]) == pytest.approx(expected[0] - expected[1])


def test_histogram_sums_to_one_and_depth_does_not_matter(photo: np.ndarray) -> None:
    shares = brightness_histogram(photo)
    assert shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(shares, brightness_histogram(photo.astype(np.uint16) * 257))
