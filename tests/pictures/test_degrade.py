"""pictures/degrade.py: blur, noise and JPEG against their laws and other libraries."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from esrgan.errors import UserError
from esrgan.pictures.degrade import (
    Recipe,
    Subsampling,
    blurred,
    gaussian_noise,
    jpeg,
    poisson_noise,
)


def ramp(height: int = 3000) -> np.ndarray:
    """All levels, a column each: height×256×3."""
    return np.tile(np.arange(256, dtype=np.float32)[None, :, None], (height, 1, 3))


def photograph_like(height: int = 96, width: int = 112) -> np.ndarray:
    noise = np.random.default_rng(0).uniform(0, 255, (height, width, 3))
    smooth = ndimage.gaussian_filter(noise, (3, 3, 0))
    return ((smooth - smooth.min()) / np.ptp(smooth) * 255).astype(np.uint8)


def test_blur_is_scipy_s_correlation() -> None:
    picture = photograph_like().astype(np.float32)
    kernel = np.random.default_rng(1).uniform(size=(7, 7)).astype(np.float32)
    kernel += kernel[::-1, ::-1]
    kernel /= kernel.sum()
    expected = ndimage.correlate(picture, kernel[..., None], mode="mirror")
    np.testing.assert_allclose(blurred(picture, kernel), expected, atol=1e-3)


@pytest.mark.parametrize("sigma", [1.0, 5.0, 30.0])
def test_gaussian_noise_has_its_variance_and_no_mean(sigma: float) -> None:
    flat = np.full((400, 400, 3), 100, np.float32)
    added = gaussian_noise(flat, sigma, np.random.default_rng(0)) - flat
    assert added.var() == pytest.approx(sigma**2, rel=0.02)
    assert abs(added.mean()) < 0.01 * sigma
    assert abs(np.corrcoef(added[..., 0].ravel(), added[..., 1].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("strength", [0.5, 3.0])
def test_poisson_noise_has_the_variance_of_counted_light(strength: float) -> None:
    picture = ramp()
    added = poisson_noise(picture, strength, np.random.default_rng(0)) - picture
    expected = strength**2 * 255 * np.arange(1, 256) / 256  # 256 levels: white counts 256 photons
    ratios = added[:, 1:].var(axis=(0, 2)) / expected
    assert ratios.mean() == pytest.approx(1, rel=0.02)
    assert (np.abs(ratios - 1) < 0.1).all()
    assert np.abs(added.mean(axis=(0, 2))).max() < 0.1 * strength * 16
    assert (added[:, 0] == 0).all()  # black counts nothing


def test_grey_noise_is_the_same_in_all_channels() -> None:
    flat = np.full((64, 64, 3), (50, 100, 200), np.float32)
    for noisy in (
        gaussian_noise(flat, 9, np.random.default_rng(0), grey=True),
        poisson_noise(flat, 1, np.random.default_rng(0), grey=True),
    ):
        added = noisy - flat
        assert added.std() > 1
        np.testing.assert_allclose(added - added[..., :1], 0, atol=1e-4)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
@pytest.mark.parametrize("quality", [30, 70, 95])
def test_jpeg_is_what_another_encoder_writes(quality: int, subsampling: Subsampling) -> None:
    picture = photograph_like()
    factors = {
        "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    }
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factors[subsampling]]
    _, data = cv2.imencode(".jpg", picture[..., ::-1], settings)
    expected = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].astype(int)
    found = jpeg(picture, quality, subsampling)
    assert np.abs(found - expected).max() <= 2
    assert (found != picture).any()


def test_jpeg_rounds_and_clips() -> None:
    beyond = np.full((16, 16, 3), 300.0, np.float32)
    assert (jpeg(beyond, 95) == 255).all()
    assert (jpeg(np.full((16, 16, 3), 99.6, np.float32), 100) == 100).all()


# ---------------------------------------------------------------- by name


def test_clean_is_the_picture_itself() -> None:
    picture = photograph_like()
    assert Recipe.of("clean")(picture, "a.png") is picture


def test_steps_are_done_one_after_the_other() -> None:
    picture = photograph_like()
    once = Recipe.of("jpeg:30")(picture, "a.png")
    np.testing.assert_array_equal(once, jpeg(picture, 30))
    blurred_first = Recipe.of("blur:1.5+jpeg:30")(picture, "a.png")
    soft = ndimage.gaussian_filter(picture.astype(float), (1.5, 1.5, 0), mode="mirror")
    assert np.abs(blurred_first.astype(int) - jpeg(soft, 30)).mean() < 0.5
    assert (blurred_first != Recipe.of("jpeg:30+blur:1.5")(picture, "a.png")).any()


def test_noise_depends_on_the_picture_s_name_only() -> None:
    picture, recipe = np.full((200, 200, 3), 128, np.uint8), Recipe.of("noise:5")
    first = recipe(picture, "a.png")
    np.testing.assert_array_equal(first, Recipe.of("noise:5")(picture, "a.png"))
    assert (first != recipe(picture, "b.png")).any()
    assert first.astype(float).std() == pytest.approx(5, rel=0.02)


@pytest.mark.parametrize("text", ["jpeg:50", "noise:9", "poisson:1", "blur:1", "noise:3+jpeg:70"])
def test_grey_stays_grey_and_transparency_as_it_is(text: str) -> None:
    colours = photograph_like()
    grey = Recipe.of(text)(colours[..., 0], "a.png")
    assert (grey.shape, str(grey.dtype)) == (colours.shape[:2], "uint8")
    assert (grey != colours[..., 0]).any()
    clear = np.dstack((colours, colours[..., 1]))
    found = Recipe.of(text)(clear, "a.png")
    np.testing.assert_array_equal(found[..., 3], clear[..., 3])
    np.testing.assert_array_equal(found[..., :3], Recipe.of(text)(colours, "a.png"))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "''"),
        ("jpg:70", "jpg:70"),
        ("jpeg", "quality, 1 to 100"),
        ("jpeg:0", "quality"),
        ("noise:5+jpeg:x", "jpeg:x"),
        ("noise:nan", "noise"),
        ("clean+jpeg:70", "clean"),
    ],
)
def test_what_is_no_degradation_is_named(text: str, named: str) -> None:
    with pytest.raises(UserError, match=named):
        Recipe.of(text)
