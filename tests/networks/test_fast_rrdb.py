"""The forward pass with fewer multiplications equals the plain one."""

import copy

import pytest
import torch

from esrgan.inference.streaming import run_in_strips
from esrgan.inference.upscale import Upscaler
from esrgan.models.interpolation import alpha_weights, interpolate_networks
from esrgan.networks import FastRRDBNet, RRDBConfig, RRDBNet
from esrgan.networks.fast_rrdb import WINOGRAD_FEATURES
from esrgan.networks.rrdb import RRDB

WIDE = WINOGRAD_FEATURES
CONFIGS = {
    "narrow": RRDBConfig(8, 2, 4),
    "wide": RRDBConfig(WIDE, 2, 4),
    "paper's block": RRDBConfig(64, 1, 32),
    **{
        f"wide x{scale}/{unshuffle}": RRDBConfig(WIDE, 1, 4, scale=scale, unshuffle=unshuffle)
        for scale, unshuffle in ((1, 1), (2, 1), (3, 1), (8, 1), (2, 2), (1, 4))
    },
}


def lively(config: RRDBConfig) -> RRDBNet:
    """With features and biases of the size of trained ones, which a fresh network has not."""
    torch.manual_seed(3)
    network = RRDBNet(config).eval()
    for name, parameter in network.named_parameters():
        torch.nn.init.normal_(parameter, std=0.1 if name.endswith("bias") else 0.05)
    return network


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("size", [(1, 1), (4, 5), (9, 6), (7, 12), (18, 3)])
def test_it_equals_the_plain_forward_pass(name: str, size: tuple[int, int]) -> None:
    network = lively(CONFIGS[name])
    x = torch.rand(2, 3, *size)
    with torch.inference_mode():
        expected = network(x)
        found = run_in_strips(FastRRDBNet(network), x)
    assert expected.std() > 1e-3
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_features_and_enlarged_are_those_of_the_network() -> None:
    network = lively(RRDBConfig(64, 2, 32))
    fast, x = FastRRDBNet(network), torch.rand(1, 3, 21, 10)
    features = network.features(x)
    assert features.std() > 0.1
    torch.testing.assert_close(fast.features(x), features, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        fast.enlarged(features), network.enlarged(features), atol=1e-5, rtol=1e-4
    )


def test_it_is_as_near_to_the_truth_as_the_plain_pass_nearly() -> None:
    """Rounding: both against float64, with as many blocks as the paper's network."""
    network = lively(RRDBConfig(64, 23, 8))
    x = torch.rand(1, 3, 12, 12)
    with torch.inference_mode():
        truth = copy.deepcopy(network).double()(x.double())
        found = run_in_strips(FastRRDBNet(network), x)
    assert truth.std() > 1e-3
    assert (found - truth).abs().max() < 1e-4 * max(1, truth.abs().max())


def test_weights_that_change_in_place_are_used() -> None:
    network = lively(RRDBConfig(WIDE, 1, 4))
    upscaler, x = Upscaler(network, "cpu"), torch.rand(1, 3, 6, 7)
    before = upscaler.tensor(x)
    other = lively(RRDBConfig(WIDE, 1, 4))
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.1)
    between = interpolate_networks([network, other], alpha_weights(0.4))
    network.load_state_dict(between.state_dict())
    with torch.inference_mode():
        expected = network(x)
    assert (expected - before).abs().max() > 1e-2
    torch.testing.assert_close(upscaler.tensor(x), expected, rtol=1e-4, atol=1e-5)


def test_the_upscaler_uses_it_on_the_cpu_and_training_does_not(monkeypatch) -> None:
    plain = []
    monkeypatch.setattr(RRDB, "forward", lambda _, x: plain.append(1) or x)
    network = RRDBNet(RRDBConfig(WIDE, 1, 4))
    x = torch.rand(1, 3, 4, 4)
    Upscaler(network, "cpu").tensor(x)
    assert not plain
    network.train()(x)
    assert plain
    plain.clear()
    Upscaler(network, "cpu", dtype=torch.float16).tensor(x)
    assert plain


def test_nothing_of_the_network_is_changed_and_no_gradient_is_kept() -> None:
    network = lively(RRDBConfig(WIDE, 1, 4))
    before = copy.deepcopy(network.state_dict())
    out = Upscaler(network, "cpu").tensor(torch.rand(1, 3, 5, 5))
    assert not out.requires_grad
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    network(torch.rand(1, 3, 5, 5)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_tiles_equal_the_whole() -> None:
    upscalers = [Upscaler(lively(RRDBConfig(WIDE, 1, 4)), "cpu", tile=tile) for tile in (0, 10)]
    x = torch.rand(1, 3, 50, 13)
    whole, tiled = (upscaler.tensor(x) for upscaler in upscalers)
    assert whole.std() > 1e-2
    torch.testing.assert_close(tiled, whole, rtol=1e-4, atol=1e-5)
