"""train/losses.py against Eqs. 1 and 2 written out in NumPy, and the laws of Secs. 3.2 and 3.3."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor

from esrgan.networks import VGGFeatures
from train.losses import (
    PerceptualLoss,
    RelativisticAverageGANLoss,
    StandardGANLoss,
    penalised_logits,
    penalised_logits_in_one_graph,
)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def eq_1(real: np.ndarray, fake: np.ndarray) -> float:
    """L_D^Ra, halved."""
    d_real, d_fake = sigmoid(real - fake.mean()), sigmoid(fake - real.mean())
    return (-np.log(d_real).mean() - np.log(1 - d_fake).mean()) / 2


def eq_2(real: np.ndarray, fake: np.ndarray) -> float:
    """L_G^Ra, halved."""
    d_real, d_fake = sigmoid(real - fake.mean()), sigmoid(fake - real.mean())
    return (-np.log(1 - d_real).mean() - np.log(d_fake).mean()) / 2


@pytest.fixture
def logits(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """C(x_r) and C(x_f) of a mini-batch, float64."""
    real, fake = rng.normal(1, 2, (6, 1)), rng.normal(-1, 2, (6, 1))
    return torch.tensor(real, requires_grad=True), torch.tensor(fake, requires_grad=True)


def test_the_discriminator_s_gradient_is_that_of_eq_1(logits: tuple[Tensor, Tensor]) -> None:
    """By finite differences of all logits, those in E[·] too. Of BasicSR's, which detaches E[·],
    the absolute values sum to half of it, whatever the logits."""
    loss = RelativisticAverageGANLoss()
    assert torch.autograd.gradcheck(loss.discriminator, logits)
    assert torch.autograd.gradcheck(loss.generator, logits)
    for real, fake in (logits, [torch.zeros(6, 1, requires_grad=True) for _ in range(2)]):
        ours = torch.autograd.grad(loss.discriminator(real, fake), (real, fake))
        on_real = torch.nn.functional.softplus(-(real - fake.detach().mean())).mean()
        on_fake = torch.nn.functional.softplus(fake - real.detach().mean()).mean()
        theirs = torch.autograd.grad((on_real + on_fake) / 2, (real, fake))
        own, other = (sum(each.abs().sum() for each in found) for found in (ours, theirs))
        torch.testing.assert_close(own, 2 * other)


@pytest.fixture
def features() -> VGGFeatures:
    torch.manual_seed(0)
    return VGGFeatures((4, 4, 4, 4, 4)).requires_grad_(False)


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)


def test_relativistic_losses_are_equations_1_and_2(logits: tuple[Tensor, Tensor]) -> None:
    loss = RelativisticAverageGANLoss()
    real, fake = (each.detach().numpy() for each in logits)
    assert loss.discriminator(*logits).item() == pytest.approx(eq_1(real, fake), rel=1e-12)
    assert loss.generator(*logits).item() == pytest.approx(eq_2(real, fake), rel=1e-12)


def test_standard_losses_are_srgan_s(logits: tuple[Tensor, Tensor]) -> None:
    loss = StandardGANLoss()
    real, fake = (sigmoid(each.detach().numpy()) for each in logits)
    of_discriminator = (-np.log(real).mean() - np.log(1 - fake).mean()) / 2
    assert loss.discriminator(*logits).item() == pytest.approx(of_discriminator, rel=1e-12)
    assert loss.generator(*logits).item() == pytest.approx(-np.log(fake).mean(), rel=1e-12)


def test_swapping_real_and_fake_swaps_the_relativistic_losses(
    logits: tuple[Tensor, Tensor],
) -> None:
    loss = RelativisticAverageGANLoss()
    real, fake = logits
    assert loss.discriminator(real, fake) == loss.generator(fake, real)
    assert loss.discriminator(real, fake) != loss.generator(real, fake)


def test_only_differences_of_logits_matter_to_the_relativistic_loss(
    logits: tuple[Tensor, Tensor],
) -> None:
    loss = RelativisticAverageGANLoss()
    real, fake = logits
    torch.testing.assert_close(loss.generator(real + 5, fake + 5), loss.generator(real, fake))


@pytest.mark.parametrize("of", ["generator", "discriminator"])
def test_a_relativistic_loss_has_gradients_from_both(
    logits: tuple[Tensor, Tensor], of: str
) -> None:
    """Sec. 3.2: the generator benefits from generated and real data."""
    getattr(RelativisticAverageGANLoss(), of)(*logits).backward()
    assert all(bool((each.grad != 0).all()) for each in logits)


def test_the_standard_generator_loss_has_gradients_from_fakes_only(
    logits: tuple[Tensor, Tensor],
) -> None:
    StandardGANLoss().generator(*logits).backward()
    real, fake = logits
    assert real.grad is None
    assert bool((fake.grad < 0).all())


def test_losses_stay_finite_for_huge_logits() -> None:
    sure = torch.full((2, 1), 1e4)
    for loss in (RelativisticAverageGANLoss(), StandardGANLoss()):
        assert loss.generator(sure, -sure).item() == pytest.approx(
            1e4 if isinstance(loss, StandardGANLoss) else 2e4
        )
        assert loss.discriminator(sure, -sure).item() == 0


@pytest.mark.parametrize("before_activation", [True, False])
def test_perceptual_loss_is_the_weighted_l1_of_the_features(
    features: VGGFeatures, pair: tuple[Tensor, Tensor], before_activation: bool
) -> None:
    loss = PerceptualLoss(features, {"conv1_2": 0.25, "conv5_4": 2.0}, before_activation)
    expected = 0.0
    for name, weight in (("conv1_2", 0.25), ("conv5_4", 2.0)):
        sr, hr = (features(each, [name])[name].numpy().astype(float) for each in pair)
        if not before_activation:
            sr, hr = np.maximum(sr, 0), np.maximum(hr, 0)
        expected += weight * np.abs(sr - hr).mean()
    assert loss(*pair).item() == pytest.approx(expected, rel=1e-5)


def scaled_in_sequence(features: VGGFeatures, pictures: Tensor) -> VGGFeatures:
    """The network, each layer of which is divided by the mean of its ReLU, by its weights."""
    scaled, before = deepcopy(features), 1.0
    for name, _ in features.named_children():
        relu = name.replace("conv", "relu")
        mean = float(features(pictures, [relu])[relu].mean())
        conv = scaled.get_submodule(name)
        conv.weight.mul_(before / mean)
        conv.bias.div_(mean)
        before = mean
    return scaled


@pytest.mark.parametrize("before_activation", [True, False])
def test_normalised_layers_are_those_of_a_network_scaled_in_sequence(
    pair: tuple[Tensor, Tensor], before_activation: bool
) -> None:
    torch.manual_seed(3)
    features = VGGFeatures((16, 16, 16, 16, 16), depth=16).requires_grad_(False)
    pictures = torch.rand(5, 3, 32, 32)
    layers = {"conv1_2": 0.1, "conv3_3": 0.2, "conv5_3": 0.05}
    scaled = scaled_in_sequence(features, pictures)
    means = scaled(pictures, [name.replace("conv", "relu") for name in layers])
    for each in means.values():
        assert each.mean().item() == pytest.approx(1, rel=1e-4)
    loss = PerceptualLoss(features, layers, before_activation)
    loss.normalise(pictures)
    expected = PerceptualLoss(scaled, layers, before_activation)(*pair)
    assert loss(*pair).item() == pytest.approx(expected.item(), rel=1e-4)


def test_a_silent_layer_can_t_be_normalised(features: VGGFeatures, refused) -> None:
    features.conv2_2.weight.zero_()
    features.conv2_2.bias.fill_(-1)
    with refused("normalise_features", "relu2_2"):
        PerceptualLoss(features, {"conv1_2": 1, "conv2_2": 1}).normalise(torch.rand(2, 3, 32, 32))


def test_layers_are_those_of_the_network_that_was_loaded(refused) -> None:
    with refused("conv5_4", "VGG16"):
        PerceptualLoss(VGGFeatures((2, 2, 2, 2, 2), depth=16), {"conv5_4": 1.0})


def test_a_logit_a_pixel_is_as_many_pictures(logits: tuple[Tensor, Tensor]) -> None:
    """Eqs. 1 and 2 take each pixel's logit as they take each picture's."""
    loss = RelativisticAverageGANLoss()
    real, fake = (each.detach().view(2, 1, 1, 3) for each in logits)
    for of in (loss.discriminator, loss.generator):
        torch.testing.assert_close(of(real, fake), of(*logits))


def test_features_before_activation_supervise_more_densely(
    features: VGGFeatures, pair: tuple[Tensor, Tensor]
) -> None:
    """The ReLU can only bring two features closer (Sec. 3.3)."""
    before, after = (
        PerceptualLoss(features, {"conv3_1": 1.0}, kind)(*pair) for kind in (True, False)
    )
    assert 0 < after < before


def test_perceptual_loss_of_equal_pictures_is_zero(
    features: VGGFeatures, pair: tuple[Tensor, Tensor]
) -> None:
    assert PerceptualLoss(features, {"conv2_2": 1.0})(pair[0], pair[0].clone()) == 0


def test_perceptual_gradients_reach_sr_only(
    features: VGGFeatures, pair: tuple[Tensor, Tensor]
) -> None:
    sr, hr = (each.requires_grad_() for each in pair)
    PerceptualLoss(features, {"conv2_2": 1.0})(sr, hr).backward()
    assert bool((sr.grad != 0).any())
    assert hr.grad is None
    assert all(parameter.grad is None for parameter in features.parameters())


@pytest.mark.parametrize("penalised", [penalised_logits, penalised_logits_in_one_graph])
def test_the_penalty_of_a_linear_discriminator_is_its_squared_slope(penalised) -> None:
    torch.manual_seed(2)
    slope = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
    pictures = torch.rand(6, 3, 4, 5, dtype=torch.float64)

    def discriminator(x: Tensor) -> Tensor:
        return (x * slope).sum(dim=(1, 2, 3)).unsqueeze(1)

    logits, penalty = penalised(discriminator, pictures)
    assert torch.equal(logits, discriminator(pictures))
    assert penalty.item() == pytest.approx(slope.square().sum().item())
    (towards_steeper,) = torch.autograd.grad(penalty, slope)
    torch.testing.assert_close(towards_steeper, 2 * slope)
