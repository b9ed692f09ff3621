"""esrgan/pictures/degradations.py and esrgan/pictures/blur_kernels.py: how LR is made from HR."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from esrgan.pictures.blur_kernels import (
    BlurLaw,
    drawn_kernel,
    gaussian,
    generalised,
    plateau,
    sinc,
    squared_radii,
)
from esrgan.pictures.degradations import (
    DEGRADATIONS,
    FIRST,
    PHOTO,
    SECOND,
    Degradation,
    DegradationName,
    Order,
    PhotoLaw,
    applied,
    drawn_jpeg,
    photo,
)
from esrgan.pictures.resize import imresize
from tests.train.samples import noise


def photographs(law: PhotoLaw) -> Degradation:
    return replace(DEGRADATIONS["photo"], steps=partial(photo, law=law))


def covariance(kernel: np.ndarray) -> np.ndarray:
    """Of x and y, the kernel taken for a density."""
    y, x = np.indices(kernel.shape) - len(kernel) // 2
    return np.array([[(kernel * a * b).sum() for a in (x, y)] for b in (x, y)])


# ---------------------------------------------------------------- kernels


@pytest.mark.parametrize("law", [FIRST.blur, SECOND.blur, PHOTO.blur])
def test_a_drawn_kernel_sums_to_1_and_moves_nothing(law: BlurLaw) -> None:
    rng = np.random.default_rng(0)
    sizes = set()
    for _ in range(300):
        kernel = drawn_kernel(law, rng)
        sizes.add(len(kernel))
        assert kernel.sum() == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-6)
    assert sizes == set(range(law.sizes[0], law.sizes[1] + 1, 2))


def test_a_gaussian_has_its_variances_along_its_axes() -> None:
    angle = 0.6
    found = covariance(gaussian(squared_radii(41, 3.0, 1.5, angle)))
    axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(found, axes @ np.diag([9, 2.25]) @ axes.T, atol=0.02)


def test_bells_are_what_their_equations_say() -> None:
    squares = squared_radii(21, 2.0, 2.0, 0.0)
    np.testing.assert_allclose(generalised(squares, 1.0), gaussian(squares), rtol=1e-6)
    shelf, steep = plateau(squares, 2.0), generalised(squares, 4.0)
    assert shelf[10, 12] == pytest.approx(shelf[10, 10] / 2)  # r = 1
    assert steep[10, 12] == pytest.approx(steep[10, 10] * np.exp(-0.5))
    assert steep[10, 11] == pytest.approx(steep[10, 10], rel=0.01)  # flat within
    assert steep[10, 15] < 1e-6 * steep[10, 10]


def test_a_sinc_passes_what_is_below_its_cutoff() -> None:
    cutoff = np.pi / 2
    response = np.abs(np.fft.fft2(sinc(101, cutoff), (256, 256)))[0, :128]
    frequencies = np.arange(128) * 2 * np.pi / 256
    assert response[frequencies < 0.8 * cutoff] == pytest.approx(1, abs=0.06)
    assert response[frequencies > 1.2 * cutoff] == pytest.approx(0, abs=0.06)


# ---------------------------------------------------------------- the whole


@pytest.mark.parametrize("name", DEGRADATIONS)
@pytest.mark.parametrize("shape", [(96, 128), (32, 36), (8, 4)])
@pytest.mark.parametrize("scale", [2, 4])
def test_lr_is_uint8_of_its_size_and_the_generator_s(
    name: DegradationName, shape: tuple[int, int], scale: int
) -> None:
    hr, make = noise(*shape), DEGRADATIONS[name].make
    for seed in range(6):
        first, second = (make(hr, scale, np.random.default_rng(seed)) for _ in range(2))
        assert first.dtype == np.uint8
        assert first.shape == (shape[0] // scale, shape[1] // scale, 3)
        np.testing.assert_array_equal(first, second)


def test_bicubic_is_matlab_s_and_so_are_clean_photographs() -> None:
    hr, rng = noise(64, 64), np.random.default_rng(0)
    expected = imresize(hr, 1 / 4)
    np.testing.assert_array_equal(DEGRADATIONS["bicubic"].make(hr, 4, rng), expected)
    np.testing.assert_array_equal(photographs(PhotoLaw(clean=1)).make(hr, 4, rng), expected)
    clean = [bool((photographs(PHOTO).make(hr, 4, rng) == expected).all()) for _ in range(600)]
    assert np.mean(clean) == pytest.approx(PHOTO.clean, abs=0.05)


@pytest.mark.parametrize(
    ("degradation", "off"),
    [(photographs(PhotoLaw(clean=0, noises=0, saves=0)), 0.05), (DEGRADATIONS["real"], 0.25)],
)
def test_nothing_moves_and_brightness_stays(degradation: Degradation, off: float) -> None:
    y, x = np.indices((96, 128))
    blob = 40 + 160 * np.exp(-((x - 68.5) ** 2 + (y - 44.5) ** 2) / 300)
    hr = np.repeat(blob[..., None].round().astype(np.uint8), 3, axis=2)
    rng, places, means = np.random.default_rng(1), [], []
    for _ in range(40):
        lr = degradation.make(hr, 4, rng).astype(float).mean(axis=2)
        means.append(lr.mean())
        weight = np.clip(lr - 100, 0, None)  # the blob without what is around it
        y, x = np.indices(lr.shape)
        places.append([(weight * y).sum() / weight.sum(), (weight * x).sum() / weight.sum()])
    centre = (44.5 + 0.5) / 4 - 0.5, (68.5 + 0.5) / 4 - 0.5
    np.testing.assert_allclose(np.mean(places, axis=0), centre, atol=off)
    assert np.mean(means) == pytest.approx(hr.mean(), abs=1.5)


def test_blocks_of_jpeg_begin_anywhere() -> None:
    y, x = np.indices((64, 64))
    slope = np.repeat((2 * x + y)[..., None].astype(np.float32), 3, axis=2)
    rng, found = np.random.default_rng(0), set()
    for _ in range(120):
        saved = applied(drawn_jpeg((1, 1), rng), slope, rng).astype(int)
        steps = np.abs(np.diff(saved, axis=1)).sum((0, 2))
        by_phase = [steps[16 + phase : 56 : 8].sum() for phase in range(8)]
        found.add(int(np.argmax(by_phase)))
    assert found == set(range(8))


@pytest.mark.parametrize("order", [FIRST, SECOND])
def test_sizes_are_drawn_as_often_as_published(order: Order) -> None:
    rng = np.random.default_rng(0)
    factors = np.array([order.drawn_factor(rng) for _ in range(4000)])
    assert order.sizes[0] <= factors.min() < factors.max() <= order.sizes[1]
    shares = [(factors > 1).mean(), (factors < 1).mean(), (factors == 1).mean()]
    np.testing.assert_allclose(shares, order.resizes, atol=0.03)
