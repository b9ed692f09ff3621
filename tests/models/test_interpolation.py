"""Between models: Eq. 4 and its endpoints, and the detection of strangers."""

import copy

import numpy as np
import pytest
import torch

from esrgan.models import zoo
from esrgan.models.checkpoints import load_generator
from esrgan.models.interpolation import (
    alpha_weights,
    interpolate_images,
    interpolate_networks,
    share_ancestor,
)
from esrgan.networks import RRDBConfig, RRDBNet, SRResNet, SRResNetConfig


@pytest.fixture
def networks() -> list[RRDBNet | SRResNet]:
    """Three SRResNets: with batch normalisation, they have integer buffers too."""
    torch.manual_seed(0)
    made: list[RRDBNet | SRResNet] = [SRResNet(SRResNetConfig(8, 2)).eval() for _ in range(3)]
    for network in made:
        for name, buffer in network.named_buffers():
            if not name.endswith("num_batches_tracked"):
                buffer.uniform_(0.5, 2)
    return made


# Networks


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_endpoints_are_the_models_bit_for_bit(networks, alpha):
    psnr, gan = networks[:2]
    psnr.conv_last.bias.data[0] = float("inf")  # times a weight of 0 it would be NaN
    gan.conv_last.bias.data[1] = float("inf")
    expected = (psnr, gan)[int(alpha)].state_dict()
    found = interpolate_networks([psnr, gan], alpha_weights(alpha)).state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)


@pytest.mark.parametrize("alpha", [0.2, 0.5, 0.8])
def test_parameters_are_equation_4(networks, alpha):
    psnr, gan = (network.state_dict() for network in networks[:2])
    found = interpolate_networks(networks[:2], alpha_weights(alpha)).state_dict()
    for key, value in found.items():
        if value.is_floating_point():
            assert torch.equal(value, (1 - alpha) * psnr[key] + alpha * gan[key]), key
        else:
            assert torch.equal(value, psnr[key]), key


def test_three_models(networks):
    weights = [0.5, 0.2, 0.3]
    found = interpolate_networks(networks, weights).state_dict()
    states = [network.state_dict() for network in networks]
    for key in ("conv_first.weight", "norm_body.running_var"):
        expected = sum(w * state[key] for w, state in zip(weights, states, strict=True))
        torch.testing.assert_close(found[key], expected)


def test_extrapolation_is_allowed(networks):
    found = interpolate_networks(networks[:2], [1.5, -0.5]).conv_last.weight
    expected = 1.5 * networks[0].conv_last.weight - 0.5 * networks[1].conv_last.weight
    torch.testing.assert_close(found, expected)


def test_networks_are_neither_changed_nor_shared(networks):
    before = [copy.deepcopy(network.state_dict()) for network in networks]
    for weights in ([0.4, 0.3, 0.3], [1, 0, 0]):
        result = interpolate_networks(networks, weights)
        for tensor in result.state_dict().values():
            tensor.zero_()
        for network, old in zip(networks, before, strict=True):
            now = network.state_dict()
            assert all(torch.equal(now[key], old[key]) for key in old)


@pytest.mark.parametrize("weights", [[0.5, 0.4], [1.0, 1.0], [float("nan"), 0.5]])
def test_weights_sum_to_one(networks, photo, weights, refused):
    for interpolate, things in ((interpolate_networks, networks), (interpolate_images, [photo])):
        with refused("must sum to 1"):
            interpolate((things * 2)[:2], weights)


def test_one_weight_a_model(networks, photo, refused):
    with refused("2 models need 2 weights, not 3"):
        interpolate_networks(networks[:2], [0.2, 0.2, 0.6])
    with refused("0 models"):
        interpolate_images([], [])


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_lies_between_0_and_1(alpha, refused):
    with refused("between 0 and 1", str(alpha)):
        alpha_weights(alpha)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (RRDBNet(RRDBConfig(16, 2, 4, scale=2)), "num features (8 and 16)"),
        (RRDBNet(RRDBConfig(8, 3, 4)), "num blocks (2 and 3)"),
        (RRDBNet(RRDBConfig(8, 2, 6)), "growth channels (4 and 6)"),
        (RRDBNet(RRDBConfig(8, 2, 4, scale=2)), "scale (4 and 2)"),
        (SRResNet(SRResNetConfig(8, 2)), "RRDBNet and SRResNet"),
    ],
)
def test_the_first_difference_is_named(tiny_network, other, difference, refused):
    with refused(difference.partition(" and ")[0], difference.partition(" and ")[2]):
        interpolate_networks([tiny_network, tiny_network, other], [0.2, 0.3, 0.5])


# Images


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_images_are_blended_and_rounded_to_nearest(rng, dtype):
    white = np.iinfo(dtype).max
    first, second = rng.integers(0, white + 1, (2, 9, 7, 3)).astype(dtype)
    found = interpolate_images([first, second], alpha_weights(0.3))
    assert found.dtype == dtype
    assert np.abs(found - (0.7 * first + 0.3 * second)).max() <= 0.5 + 1e-6
    for alpha, expected in ((0, first), (1, second)):
        blended = interpolate_images([first, second], alpha_weights(alpha))
        np.testing.assert_array_equal(blended, expected)


def test_images_are_clipped():
    black, white = np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)
    np.testing.assert_array_equal(interpolate_images([black, white], [-0.5, 1.5]), white)


def test_images_of_different_kinds_are_refused(photo, refused):
    for other in (photo[:-1], photo[..., 0], photo.astype(np.uint16)):
        with refused("one size and depth"):
            interpolate_images([photo, other], [0.5, 0.5])


# Ancestry


def nearest_neighbour_network(scale: int) -> RRDBNet:
    """Repeats each pixel (nearly: its dense blocks are random), so that flat pictures stay flat."""
    torch.manual_seed(0)
    network = RRDBNet(RRDBConfig(8, 2, 4, scale=scale)).eval()
    with torch.no_grad():
        for name, module in network.named_children():
            if name == "body":
                continue
            nn_identity = torch.zeros_like(module.weight)  # type: ignore[arg-type]
            if name != "conv_body":
                nn_identity[:, :, 1, 1] = torch.eye(*module.weight.shape[:2])
            module.weight.copy_(nn_identity)
            module.bias.zero_()
    return network


def with_permuted_channels(network: RRDBNet) -> RRDBNet:
    """The same function with the trunk's channels in another order."""
    permuted = copy.deepcopy(network)
    features = network.config.num_features
    order = torch.arange(features).roll(3)

    def permute(conv: torch.nn.Conv2d, inputs: bool, outputs: bool) -> None:
        if inputs:  # in a dense block, the trunk's channels come first
            trunk = conv.weight.data[:, :features]
            conv.weight.data[:, :features] = trunk[:, order].clone()
        if outputs:
            conv.weight.data, conv.bias.data = conv.weight.data[order], conv.bias.data[order]

    for name, module in permuted.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            grown = ".rdb" in name and not name.endswith("conv5")
            permute(module, name != "conv_first", name != "conv_last" and not grown)
    return permuted


def assert_strangers_are_told_from_relatives(network: RRDBNet) -> None:
    relative, stranger = copy.deepcopy(network), with_permuted_channels(network)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in relative.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(0.01 * parameter.abs().mean() * noise)
        x = torch.rand(1, 3, 12, 12, generator=generator)
        torch.testing.assert_close(stranger(x), network(x), rtol=1e-4, atol=1e-4)
        assert not torch.equal(relative(x), network(x))
    assert share_ancestor(network, network)
    assert share_ancestor(network, relative)
    assert not share_ancestor(network, stranger)


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 8])
def test_ancestry_at_every_scale(scale):
    assert_strangers_are_told_from_relatives(nearest_neighbour_network(scale))


def test_ancestry_of_the_builtin_model():
    if not zoo.find("psnr").is_file():
        pytest.skip("the built-in models are not trained yet")
    assert_strangers_are_told_from_relatives(load_generator(zoo.find("psnr")))  # type: ignore[arg-type]
