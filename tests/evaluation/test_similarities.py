"""Similarities: on piq's own scale, of what is said, and known answers."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr

from esrgan import assets
from esrgan.evaluation.evaluate import Measures, measure
from esrgan.evaluation.niqe import load_pristine
from esrgan.evaluation.similarities import SIMILARITIES, similarity
from esrgan.pictures.images import load_image


@pytest.fixture(scope="module")
def hr() -> np.ndarray:
    return load_image(assets.EXAMPLES / "chelsea.png")[:180, :200]


@pytest.fixture
def sr(hr: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (hr + rng.normal(0, 12, hr.shape)).clip(0, 255).round().astype(np.uint8)


def luma(picture: np.ndarray) -> torch.Tensor:
    y = rgb2ycbcr(picture)[4:-4, 4:-4, 0] / 255
    return torch.from_numpy(y)[None, None]


def colours(picture: np.ndarray) -> torch.Tensor:
    planes = picture[4:-4, 4:-4].transpose(2, 0, 1) / 255.0
    return torch.from_numpy(planes)[None]


@pytest.mark.slow
def test_they_equal_piqs_own_of_luma_and_of_colours(hr: np.ndarray, sr: np.ndarray) -> None:
    import piq  # only here: it takes seconds

    ys, all_colours = (luma(sr), luma(hr)), (colours(sr), colours(hr))
    expected = {
        "ms_ssim": piq.multi_scale_ssim(*ys),
        "vif": piq.vif_p(*ys),
        "fsim": piq.fsim(*all_colours),
        "gmsd": piq.gmsd(*all_colours),
        "haarpsi": piq.haarpsi(*all_colours),
    }
    assert expected.keys() == SIMILARITIES.keys()
    for name, value in expected.items():
        assert similarity(name, sr, hr) == pytest.approx(float(value), abs=1e-9), name


@pytest.mark.parametrize("name", SIMILARITIES)
def test_equal_pictures_and_worse_ones(name: str, hr: np.ndarray, sr: np.ndarray) -> None:
    best = 0 if name == "gmsd" else 1
    worse = (np.clip(sr.astype(int) + (np.arange(hr.shape[1]) % 9 * 9)[:, None], 0, 255)).astype(
        np.uint8
    )
    apart = [similarity(name, picture, hr) for picture in (hr, sr, worse)]
    assert all(isinstance(value, float) for value in apart)
    distances = [abs(float(value) - best) for value in apart]
    assert distances[0] == pytest.approx(0, abs=1e-6)
    assert distances[0] < distances[1] < distances[2]
    assert similarity(name, sr[:36, :36], hr[:36, :36]) == "too small"


def test_only_those_that_are_asked_for_are_measured(hr: np.ndarray, sr: np.ndarray) -> None:
    pristine = load_pristine()
    few = Measures(pristine, similarities=["vif"])
    found = measure(sr, hr, 4, few)
    assert found["vif"] == similarity("vif", sr, hr)
    assert not {"fsim", "gmsd"} & found.keys()
    assert few.digest != Measures(pristine).digest
