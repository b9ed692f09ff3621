"""The distances, against scikit-image on its own Y and an SSIM written out with SciPy."""

import math

import numpy as np
import pytest
from scipy.ndimage import correlate1d
from skimage.color import rgb2ycbcr
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

from esrgan.evaluation.metrics import psnr, rmse, ssim


@pytest.fixture
def noisy(photo, rng) -> np.ndarray:
    return (photo + rng.normal(0, 12, photo.shape)).clip(0, 255).round().astype(np.uint8)


def wang_ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Wang et al. 2004: an 11×11 Gaussian window, only where it fits whole."""
    window = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def local(values: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(values, window, axis=0), window, axis=1)[5:-5, 5:-5]

    mean1, mean2 = local(first), local(second)
    var1, var2 = local(first**2) - mean1**2, local(second**2) - mean2**2
    covariance = local(first * second) - mean1 * mean2
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean1 * mean2 + c1) / (mean1**2 + mean2**2 + c1)
    return float((luminance * (2 * covariance + c2) / (var1 + var2 + c2)).mean())


@pytest.mark.parametrize("border", [0, 4])
def test_y_metrics_equal_the_references(photo, noisy, border):
    inside = slice(border, -border or None)
    ys = [rgb2ycbcr(picture)[inside, inside, 0] for picture in (noisy, photo)]
    assert psnr(noisy, photo, border) == pytest.approx(
        peak_signal_noise_ratio(ys[1], ys[0], data_range=255), abs=1e-6
    )
    assert rmse(noisy, photo, border) == pytest.approx(mean_squared_error(*ys) ** 0.5, abs=1e-6)
    assert ssim(noisy, photo, border) == pytest.approx(wang_ssim(*ys), abs=1e-6)


def test_rgb_metrics_take_all_channels(photo, noisy):
    first, second = noisy.astype(float), photo.astype(float)
    assert rmse(noisy, photo, 0, "rgb") == pytest.approx(mean_squared_error(first, second) ** 0.5)
    channels = [wang_ssim(first[..., c], second[..., c]) for c in range(3)]
    assert ssim(noisy, photo, 0, "rgb") == pytest.approx(np.mean(channels), abs=1e-6)


def test_grey_levels_of_grey_pictures_and_luma_squeezed_to_studio_range(photo, noisy):
    grey = [picture[..., 1] for picture in (noisy, photo)]
    own = peak_signal_noise_ratio(grey[1], grey[0], data_range=255)
    assert psnr(grey[0], grey[1], 0, "grey") == pytest.approx(own)
    assert psnr(grey[0], grey[1], 0) == pytest.approx(own + 20 * math.log10(255 / 219))  # 1.3 dB


def test_known_distance():
    black, one_level = np.zeros((8, 8, 3), np.uint8), np.ones((8, 8, 3), np.uint8)
    assert rmse(black, one_level, 0, "rgb") == 1
    assert psnr(black, one_level, 0, "rgb") == pytest.approx(48.1308, abs=1e-4)


@pytest.mark.parametrize("metric", [psnr, rmse, ssim])
@pytest.mark.parametrize("channel", ["y", "rgb"])
def test_symmetric(metric, channel, photo, noisy):
    assert metric(photo, noisy, channel=channel) == metric(noisy, photo, channel=channel)


@pytest.mark.parametrize(("metric", "perfect"), [(psnr, math.inf), (rmse, 0.0), (ssim, 1.0)])
def test_identical_pictures(metric, perfect, photo):
    assert metric(photo, photo.copy()) == pytest.approx(perfect)


@pytest.mark.parametrize("metric", [psnr, rmse, ssim])
def test_layout_and_depth_make_no_difference(metric, photo, noisy):
    expected = metric(noisy, photo)
    deep = [picture.astype(np.uint16) * 257 for picture in (noisy, photo)]
    assert metric(*deep) == pytest.approx(expected)
    grey = [picture[..., 0] for picture in (noisy, photo)]
    repeated = [np.stack([plane] * 3, axis=2) for plane in grey]
    assert metric(*grey) == pytest.approx(metric(*repeated))


def test_border_is_not_measured(photo):
    framed = photo.copy()
    framed[:4], framed[-4:], framed[:, :4], framed[:, -4:] = 0, 0, 0, 0
    assert psnr(framed, photo, 4) == math.inf
    assert math.isfinite(psnr(framed, photo, 3))


@pytest.mark.parametrize("metric", [psnr, rmse, ssim])
def test_what_cannot_be_compared_is_refused(metric, photo, refused):
    with refused("differ in size: 48×64 and 47×64"):
        metric(photo, photo[:, 1:])
    with refused("border of 24 pixels"):
        metric(photo, photo, crop_border=24)
    with refused("'y', 'grey' or 'rgb'", "'v'"):
        metric(photo, photo, channel="v")


def test_ssim_needs_room_for_its_window(photo, refused):
    assert ssim(photo[:19, :19], photo[:19, :19], 4) == pytest.approx(1)
    with refused("11×11"):
        ssim(photo[:18], photo[:18], 4)
