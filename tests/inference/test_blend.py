"""Between models: the ends untouched, the equations between, and what is remembered."""

import copy

import numpy as np
import pytest

from esrgan.inference.blend import MODES, Blend, Mode
from esrgan.inference.upscale import Upscaler
from esrgan.models.interpolation import alpha_weights, interpolate_images, interpolate_networks
from esrgan.networks import Generator, RRDBConfig, RRDBNet


@pytest.fixture
def networks(tiny_network: RRDBNet) -> list[Generator]:
    """Three relatives."""
    relatives: list[Generator] = []
    for factor in (1, 1.2, 0.8):
        relatives.append(copy.deepcopy(tiny_network))
        for parameter in relatives[-1].parameters():
            parameter.data.mul_(factor)
    return relatives


def on_cpu(network: Generator) -> Upscaler:
    return Upscaler(network, "cpu")


@pytest.mark.parametrize("mode", MODES)
def test_a_model_with_all_the_weight_is_untouched(
    networks: list[Generator], photo: np.ndarray, mode: Mode
) -> None:
    blend = Blend(networks, on_cpu)
    for place, network in enumerate(networks):
        weights = [float(place == other) for other in range(3)]
        np.testing.assert_array_equal(blend.by(mode, weights)(photo), on_cpu(network)(photo))


def test_between_stand_the_equations_of_the_paper(
    networks: list[Generator], photo: np.ndarray
) -> None:
    blend, weights = Blend(networks, on_cpu), (0.5, 0.2, 0.3)
    network = on_cpu(interpolate_networks(networks, weights))(photo)
    image = interpolate_images([on_cpu(end)(photo) for end in networks], weights)
    np.testing.assert_array_equal(blend.network(weights)(photo), network)
    np.testing.assert_array_equal(blend.image(weights)(photo), image)
    np.testing.assert_array_equal(blend.by("network", weights)(photo), network)
    np.testing.assert_array_equal(blend.by("image", weights)(photo), image)
    assert (network != image).any()


def test_nothing_is_made_or_run_twice(networks: list[Generator], photo: np.ndarray) -> None:
    made, runs = [], []

    def make(network: Generator) -> Upscaler:
        made.append(network)
        return on_cpu(network)

    for network in networks:
        network.conv_first.register_forward_hook(lambda *_: runs.append(1))
    blend = Blend(networks[:2], make)
    assert made == []
    for alpha in (0, 0.2, 0.8, 1):
        blend.image(alpha_weights(alpha))(photo)
    assert (made, len(runs)) == (networks[:2], 2)
    between = blend.network(alpha_weights(0.3))
    first, second = between(photo), between(photo)
    np.testing.assert_array_equal(first, second)
    assert len(made) == 3
    blend.image((1, 0))(photo[::-1].copy())
    assert len(runs) == 2 + 2 + 1  # the network between has the hook of the one it is a copy of


def test_what_can_t_be_interpolated_is_refused(networks: list[Generator], refused) -> None:
    wider = RRDBNet(RRDBConfig(num_features=12, num_blocks=2, growth_channels=4))
    doubling = RRDBNet(RRDBConfig(num_features=8, num_blocks=2, growth_channels=4, scale=2))
    with refused("num features"):
        Blend([networks[0], wider], on_cpu).network((0.5, 0.5))
    Blend([networks[0], wider], on_cpu).image((0.5, 0.5))
    with refused("×4, ×2"):
        Blend([networks[0], doubling], on_cpu).image((0.5, 0.5))
    with refused("sum to 1"):
        Blend(networks, on_cpu).image((0.5, 0.5, 0.5))
    with refused("3 models need 3 weights"):
        Blend(networks, on_cpu).network((0.5, 0.5))
    with refused("not 'both'"):
        Blend(networks, on_cpu).by("both", (1, 0, 0))
