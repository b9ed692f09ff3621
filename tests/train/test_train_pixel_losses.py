"""train/pixel_losses.py against NumPy, SciPy and scikit-image, and their laws."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, generic_filter
from skimage.metrics import structural_similarity
from torch import Tensor

from train.pixel_losses import LOSSES, SCALES, LossName, OwnLoss, loss_called


@pytest.fixture
def pair(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """SR and HR, alike: 2×3×48×40, float64."""
    hr = rng.random((2, 3, 6, 5)).repeat(8, 2).repeat(8, 3)
    sr = (hr + 0.1 * rng.standard_normal(hr.shape)).clip(0, 1)
    return torch.tensor(sr, requires_grad=True), torch.tensor(hr)


def value(name: OwnLoss, sr: Tensor, hr: Tensor, averaged: Tensor | None = None) -> float:
    return LOSSES[name](sr, hr, lambda: sr if averaged is None else averaged).item()


@pytest.mark.parametrize("name", LOSSES)
def test_equal_pictures_cost_nothing_and_others_are_drawn_nearer(
    name: OwnLoss, pair: tuple[Tensor, Tensor]
) -> None:
    sr, hr = pair
    assert value(name, hr, hr) == pytest.approx(0, abs=2e-6)
    loss = LOSSES[name](sr, hr, lambda: sr)
    (gradient,) = torch.autograd.grad(loss, sr)
    nearer = sr.detach() - 0.01 * gradient / gradient.abs().max()
    assert 0 < value(name, nearer, hr) < loss.item()


def test_charbonnier_and_l1(pair: tuple[Tensor, Tensor]) -> None:
    sr, hr = (each.detach().numpy() for each in pair)
    assert value("l1", *pair) == pytest.approx(np.abs(sr - hr).mean())
    assert value("charbonnier", *pair) == pytest.approx(np.sqrt((sr - hr) ** 2 + 1e-12).mean())


def test_fft(pair: tuple[Tensor, Tensor]) -> None:
    sr, hr = (np.fft.rfft2(each.detach().numpy(), norm="ortho") for each in pair)
    expected = (np.abs((sr - hr).real).mean() + np.abs((sr - hr).imag).mean()) / 2
    assert value("fft", *pair) == pytest.approx(expected)


def halved(picture: np.ndarray) -> np.ndarray:
    return picture.reshape(picture.shape[0] // 2, 2, picture.shape[1] // 2, 2).mean(axis=(1, 3))


def similarity(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """SSIM, and its contrast and structure alone: SSIM of pictures that share their local means
    would be the latter, which scikit-image has not; so it is SSIM over the luminance."""
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    _, whole = structural_similarity(first, second, data_range=1, full=True, **options)
    means = [gaussian_filter(each, 1.5, truncate=3.5) for each in (first, second)]
    luminance = (2 * means[0] * means[1] + 1e-4) / (means[0] ** 2 + means[1] ** 2 + 1e-4)
    inside = (slice(5, -5), slice(5, -5))
    return float(whole[inside].mean()), float((whole / luminance)[inside].mean())


@pytest.mark.parametrize("side", [40, 9])
def test_filtered_l1_is_scipys_filter(side: int) -> None:
    sr, hr = torch.rand(2, 3, side, side), torch.rand(2, 3, side, side)
    reach = min(12, side - 1)
    filtered = gaussian_filter((sr - hr).numpy(), (0, 0, 3, 3), mode="mirror", radius=reach)
    assert value("filtered_l1", sr, hr) == pytest.approx(np.abs(filtered).mean(), rel=1e-4)


def test_filtered_l1_sees_a_cast_and_not_a_texture() -> None:
    hr = torch.full((1, 3, 64, 64), 0.5)
    texture = 0.1 * (torch.arange(64) % 2 * 2 - 1).expand_as(hr)
    assert value("filtered_l1", hr + 0.1, hr) == pytest.approx(0.1, rel=1e-4)
    assert value("filtered_l1", hr + texture, hr) < 1e-3


def test_ms_ssim(pair: tuple[Tensor, Tensor]) -> None:
    """48×40 has room for two scales: 40 and 20 pixels, but not 10."""
    weights = np.array(SCALES[:2]) / sum(SCALES[:2])
    found = []
    for sr, hr in zip(*(each.detach().numpy().reshape(-1, 48, 40) for each in pair), strict=True):
        contrast = similarity(sr, hr)[1]
        whole = similarity(halved(sr), halved(hr))[0]
        found.append(contrast ** weights[0] * whole ** weights[1])
    assert value("ms_ssim", *pair) == pytest.approx(1 - np.mean(found), rel=1e-4)


def unbiased(values: np.ndarray) -> float:
    return float(values.var(ddof=1))


def test_ldl(pair: tuple[Tensor, Tensor]) -> None:
    """Where the averaged network is farther from HR, nothing is an artifact."""
    sr, hr = pair
    averaged = sr.detach().clone()
    averaged[..., 20:] = 2.0  # far off
    sr_, hr_ = (each.detach().numpy() for each in pair)
    residual = np.abs(hr_ - sr_).sum(axis=1)
    expected = []
    for number in range(2):
        spread = generic_filter(residual[number], unbiased, 7, mode="mirror")
        weight = spread * residual[number].var(ddof=1) ** 0.2
        weight[:, 20:] = 0
        expected.append((weight * np.abs(sr_[number] - hr_[number])).mean())
    assert value("ldl", sr, hr, averaged) == pytest.approx(np.mean(expected))


class Distance(torch.nn.Module):
    """A stand-in for pyiqa's: the mean square, times a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(2.0))

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        return self.weight * (sr - hr).square().mean()


@pytest.mark.parametrize("name", ["lpips", "dists"])
def test_learned_losses_are_pyiqas_with_weights_at_rest(
    name: LossName, pair: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, dict[str, object]]] = []

    def create_metric(name: str, **options: object) -> Distance:
        asked.append((name, options))
        return Distance()

    monkeypatch.setitem(sys.modules, "pyiqa", SimpleNamespace(create_metric=create_metric))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: True)
    monkeypatch.setattr("esrgan.evaluation.learned_metrics._fetch", lambda *_: None)
    sr, hr = pair
    sr = sr.detach().float().requires_grad_()
    hr = hr.float()
    loss = loss_called(name, torch.device("cpu"))(sr, hr, lambda: sr)
    (found,) = torch.autograd.grad(loss, sr)
    torch.testing.assert_close(found, 4 * (sr - hr).detach() / sr.numel())
    assert asked == [(name, {"as_loss": True, "device": torch.device("cpu")})]


def test_a_learned_loss_that_cannot_be_had_is_told(refused, monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with refused("lpips", "pyiqa not installed"):
        loss_called("lpips", torch.device("cpu"))
