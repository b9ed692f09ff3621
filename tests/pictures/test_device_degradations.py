"""esrgan/pictures/device_degradations.py: each step, and all together, against the CPU's."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from esrgan.pictures import degradations, device_degradations
from esrgan.pictures.blur_kernels import BlurLaw, drawn_kernel
from esrgan.pictures.degradations import (
    DEGRADATIONS,
    FIRST,
    PHOTO,
    PLAIN_FILTERS,
    SMOOTH_FILTERS,
    Blur,
    Degradation,
    DegradationName,
    GaussianNoise,
    Jpeg,
    MatlabResize,
    PlainResize,
    PoissonNoise,
    SmoothResize,
    Step,
)
from esrgan.pictures.device_degradations import gaussian_noise, made, poisson_noise

PHOTOGRAPH = data.chelsea()[100:220, 150:286]  # 120×136
NOISE = GaussianNoise, PoissonNoise


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def planes(picture: np.ndarray) -> Tensor:
    return torch.tensor(picture).permute(2, 0, 1)


def differences(step: Step, picture: np.ndarray) -> np.ndarray:
    """Of the device's result from the CPU's, which are of the picture's dtype."""
    expected = degradations.applied(step, picture, np.random.default_rng(0))
    made_there = device_degradations.applied(step, planes(picture), generator())
    found = made_there.permute(1, 2, 0).numpy()
    assert found.dtype == expected.dtype == picture.dtype
    return np.abs(found.astype(float) - expected)


# ---------------------------------------------------------------- steps


@pytest.mark.parametrize("law", [FIRST.blur, PHOTO.blur])
def test_blur_is_opencv_s(law: BlurLaw) -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        step = Blur(drawn_kernel(law, rng))
        assert differences(step, PHOTOGRAPH.astype(np.float32)).max() < 0.01
        off = differences(step, PHOTOGRAPH)
        assert off.max() <= 1
        assert off.mean() < 1e-3


@pytest.mark.parametrize("sides", [(1, 1), (1, 6), (4, 3), (11, 5)])
def test_blur_goes_on_mirrored_beyond_small_pictures(sides: tuple[int, int]) -> None:
    step = Blur(np.random.default_rng(0).uniform(size=(21, 21)).astype(np.float32) / 220)
    small = np.ascontiguousarray(PHOTOGRAPH[: sides[0], : sides[1]], np.float32)
    assert differences(step, small).max() < 0.01


@pytest.mark.parametrize("chosen", PLAIN_FILTERS)
@pytest.mark.parametrize(
    "sides", [(120, 136), (60, 68), (30, 34), (17, 21), (119, 137), (121, 150), (240, 204), (1, 1)]
)
def test_plain_resizing_is_opencv_s(chosen: int, sides: tuple[int, int]) -> None:
    assert differences(PlainResize(*sides, chosen), PHOTOGRAPH.astype(np.float32)).max() < 0.01


def test_plain_resizing_of_bytes_is_rounded_once() -> None:
    step = PlainResize(50, 190, cv2.INTER_CUBIC)
    off = differences(step, PHOTOGRAPH)
    assert off.max() <= 1
    assert off.mean() < 0.02  # OpenCV has weights of 11 bits for bytes


@pytest.mark.parametrize("chosen", SMOOTH_FILTERS)
@pytest.mark.parametrize("sides", [(120, 136), (60, 68), (30, 34), (24, 27), (13, 15)])
def test_smooth_resizing_is_pillow_s(chosen: Image.Resampling, sides: tuple[int, int]) -> None:
    off = differences(SmoothResize(*sides, chosen), PHOTOGRAPH)
    assert off.max() <= 1
    assert off.mean() < 0.03  # a tie here and there


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_the_paper_s_resizing_is_matlab_s(factor: int) -> None:
    assert differences(MatlabResize(factor), PHOTOGRAPH).max() == 0


@pytest.mark.parametrize("place", [(0, 0), (5, 11), (15, 1)])
def test_blocks_of_jpeg_begin_where_the_cpu_s_do(place: tuple[int, int]) -> None:
    step = Jpeg(40, "4:2:0", *place)
    assert differences(step, PHOTOGRAPH).max() == 0
    assert differences(step, PHOTOGRAPH + np.float32(0.5)).max() == 0  # rounded to even first


@pytest.mark.parametrize("sigma", [1.0, 5.0, 30.0])
@pytest.mark.parametrize("grey", [False, True])
def test_gaussian_noise_has_its_variance_and_no_mean(sigma: float, grey: bool) -> None:
    flat = torch.full((3, 400, 400), 120.0)
    noise = gaussian_noise(flat, sigma, generator(), grey) - flat
    assert float(noise.var()) == pytest.approx(sigma**2, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0, abs=0.01 * sigma)
    assert bool((noise[0] - noise[1]).abs().max() < 1e-4) is grey


@pytest.mark.parametrize("strength", [0.3, 2.0])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("count", [256, 33])  # of levels, of which 256 and 64 photons are made
def test_poisson_noise_has_the_variance_of_counted_light(
    strength: float, grey: bool, count: int
) -> None:
    levels = torch.linspace(0, 255, count).round()
    ramp = levels.repeat(3, 8_000, 1)
    noise = poisson_noise(ramp, strength, generator(), grey) - ramp
    photons = 256 if count == 256 else 64
    expected = strength**2 * 255 * levels[1:] / photons
    ratio = noise.var(dim=(0, 1))[1:] / expected
    assert float(ratio.mean()) == pytest.approx(1, abs=0.02)
    assert ratio.numpy() == pytest.approx(1, abs=0.1)  # at each level
    assert float(noise.mean()) == pytest.approx(0, abs=0.12 * strength)  # some σ
    assert bool((noise[0] == noise[1]).all()) is grey


@pytest.mark.parametrize("step", [GaussianNoise(90.0, False), PoissonNoise(9.0, False)])
def test_noise_is_clipped_to_levels_and_of_the_picture_s_dtype(step: Step) -> None:
    for picture in (planes(PHOTOGRAPH), planes(PHOTOGRAPH).float()):
        noisy = device_degradations.applied(step, picture, generator())
        assert noisy.dtype == picture.dtype
        assert noisy.min() == 0
        assert noisy.max() == 255


# ---------------------------------------------------------------- the whole


def drawn(degradation: Degradation, seed: int) -> list[Step]:
    return list(degradation.steps(PHOTOGRAPH.shape[:2], 4, np.random.default_rng(seed)))


def by_cpu(degradation: Degradation, steps: Sequence[Step], seed: int) -> np.ndarray:
    fixed = replace(degradation, steps=lambda *_: iter(steps))
    return fixed.make(PHOTOGRAPH, 4, np.random.default_rng(seed)).astype(float)


def by_device(degradation: Degradation, steps: Sequence[Step], seed: int) -> np.ndarray:
    lr = made(planes(PHOTOGRAPH), degradation, steps, generator(seed))
    assert lr.dtype == torch.uint8
    assert lr.shape == (3, 30, 34)
    return lr.permute(1, 2, 0).numpy().astype(float)


def standard_error(values: list[float]) -> float:
    return float(np.std(values, ddof=1) / len(values) ** 0.5)


@pytest.mark.parametrize(("name", "mean"), [("bicubic", 0), ("photo", 0.02), ("real", 0.02)])
def test_without_noise_it_is_the_cpu_s_but_for_rounding(name: DegradationName, mean: float) -> None:
    degradation, found = DEGRADATIONS[name], []
    for seed in range(40):
        steps = [step for step in drawn(degradation, seed) if not isinstance(step, NOISE)]
        off = np.abs(by_cpu(degradation, steps, 0) - by_device(degradation, steps, 0))
        found.append(off.mean())
    assert np.mean(found) <= mean
    assert np.max(found) <= 25 * mean  # where a coefficient of JPEG was between two quanta


@pytest.mark.parametrize("name", ["photo", pytest.param("real", marks=pytest.mark.slow)])
def test_with_noise_its_statistics_are_the_cpu_s(name: DegradationName) -> None:
    """Of the noise that is left in LR: LR less its mean over many drawings of the noise."""
    degradation, ratios, means = DEGRADATIONS[name], [], []
    for seed in range(16):
        steps = drawn(degradation, seed)
        if not any(isinstance(step, NOISE) for step in steps):
            continue
        cpu, device = (
            np.stack([by(degradation, steps, 10 * seed + draw) for draw in range(10)])
            for by in (by_cpu, by_device)
        )
        ratios.append(device.var(axis=0, ddof=1).mean() / cpu.var(axis=0, ddof=1).mean())
        means.append(device.mean() - cpu.mean())
    assert len(ratios) >= 6
    assert np.mean(ratios) == pytest.approx(1, abs=4 * standard_error(ratios))
    assert np.mean(means) == pytest.approx(0, abs=4 * standard_error(means))
    assert standard_error(ratios) < 0.03
    assert standard_error(means) < 0.2


@pytest.mark.parametrize("name", ["photo", "real"])
def test_the_same_seed_gives_the_same_picture(name: DegradationName) -> None:
    degradation, others = DEGRADATIONS[name], 0
    for seed in range(10):
        steps = drawn(degradation, seed)
        first, second, other = (by_device(degradation, steps, noise) for noise in (1, 1, 2))
        np.testing.assert_array_equal(first, second)
        others += bool((first != other).any())
    assert others >= 3


def test_products_are_exact_meanwhile_and_as_before_afterwards() -> None:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn

    def state() -> tuple[bool, ...]:
        return matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, cudnn.enabled

    def watched() -> Iterator[Step]:
        seen.append(state())
        yield MatlabResize(4)

    before = state()
    try:
        for wanted in (True, False):
            matmul.allow_tf32 = cudnn.allow_tf32 = cudnn.benchmark = wanted
            seen: list[tuple[bool, ...]] = []
            made(planes(PHOTOGRAPH), DEGRADATIONS["bicubic"], watched(), generator())
            assert seen == [(False, False, False, True)]
            assert state() == (wanted, wanted, wanted, True)
    finally:
        matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, _ = before
