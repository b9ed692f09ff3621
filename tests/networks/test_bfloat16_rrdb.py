"""Dense blocks in bfloat16: what is added up is not rounded, and nobody sees the rest."""

import numpy as np
import pytest
import torch
from torch import Tensor

from esrgan.models import zoo
from esrgan.networks import BFloat16RRDBNet, RRDBConfig, RRDBNet
from esrgan.pictures.images import to_tensor


def through(network: RRDBNet, x: Tensor) -> Tensor:
    way = BFloat16RRDBNet(network)
    return way.enlarged(way.features(x))


@torch.inference_mode()
def test_without_what_the_blocks_add_it_is_the_network_to_the_bit() -> None:
    network = RRDBNet(RRDBConfig(8, 2, 4)).eval()
    for name, parameter in network.named_parameters():
        if "conv5" in name:
            parameter.zero_()
    x = torch.rand(1, 3, 20, 24)
    assert torch.equal(BFloat16RRDBNet(network).features(x), network.features(x))


@torch.inference_mode()
def test_the_blocks_are_rounded_and_no_more_than_bfloat16_is() -> None:
    network = RRDBNet(RRDBConfig(8, 1, 4)).eval()
    for parameter in network.body.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    x = torch.rand(1, 3, 20, 24)
    added = network.body(network.shallow(x)) - network.shallow(x)
    difference = BFloat16RRDBNet(network).features(x) - network.features(x)
    assert 0 < difference.norm() < 0.02 * added.norm()


@torch.inference_mode()
@pytest.mark.parametrize("name", ["psnr", "gan", "gan-after", "photo-psnr", "photo-gan"])
@pytest.mark.slow
def test_in_a_photograph_no_pixel_differs_by_a_grey_level(name: str, photo: np.ndarray) -> None:
    network, x = zoo.load(name).network.eval(), to_tensor(photo[:64, :64])
    assert isinstance(network, RRDBNet)
    expected = network(x).clamp(0, 1)
    assert (through(network, x).clamp(0, 1) - expected).abs().max() < 1 / 255
    with torch.autocast("cpu", torch.bfloat16):
        by_autocast = network(x).float().clamp(0, 1)
    assert (by_autocast - expected).abs().max() > 1 / 255


@torch.inference_mode()
def test_the_weights_are_those_of_the_moment() -> None:
    network, x = RRDBNet(RRDBConfig(8, 1, 4)).eval(), torch.rand(1, 3, 9, 9)
    way = BFloat16RRDBNet(network)
    before = way.features(x)
    for parameter in network.body.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    assert not torch.equal(way.features(x), before)
    assert torch.equal(way.features(x), BFloat16RRDBNet(network).features(x))
