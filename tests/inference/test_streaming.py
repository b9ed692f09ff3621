"""Strips after the upsampling give the network's own output."""

import pytest
import torch

from esrgan.inference.streaming import run_in_strips
from esrgan.networks import RRDBConfig, RRDBNet, SRResNet, SRResNetConfig

NETWORKS = {
    **{
        f"rrdb x{scale}/{unshuffle}": RRDBConfig(8, 1, 4, scale=scale, unshuffle=unshuffle)
        for scale, unshuffle in ((1, 1), (2, 1), (3, 1), (4, 1), (8, 1), (2, 2), (1, 4))
    },
    **{f"srresnet x{scale}": SRResNetConfig(8, 1, scale) for scale in (1, 2, 4, 8)},
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("strip_bytes", [1, 3000, 20_000])
def test_strips_equal_the_whole(name: str, strip_bytes: int) -> None:
    torch.manual_seed(1)
    config = NETWORKS[name]
    network = RRDBNet(config) if isinstance(config, RRDBConfig) else SRResNet(config)  # type: ignore[arg-type]
    network.eval()
    x = torch.rand(2, 3, 19, 13)
    heights = []
    network.conv_last.register_forward_pre_hook(lambda _, given: heights.append(given[0].shape[2]))
    with torch.inference_mode():
        whole = network(x)
    assert whole.std() > 1e-4
    found = run_in_strips(network, x, strip_bytes)
    torch.testing.assert_close(found, whole, rtol=1e-5, atol=1e-6)
    assert len(heights) > 1 + (strip_bytes < 3000)
    reach = network.reach * network.scale * getattr(config, "unshuffle", 1)
    if strip_bytes == 1:
        assert max(heights[1:]) <= 2 * reach + network.scale * getattr(config, "unshuffle", 1)


@pytest.mark.parametrize("name", ["rrdb x1/1", "rrdb x4/1", "rrdb x8/1", "srresnet x1"])
def test_the_reach_is_not_larger_than_it_must_be(name: str) -> None:
    """One row of features less around a strip, and the strips no longer join."""
    torch.manual_seed(1)
    config = NETWORKS[name]
    network = RRDBNet(config) if isinstance(config, RRDBConfig) else SRResNet(config)  # type: ignore[arg-type]
    network.eval()
    for parameter in network.parameters():
        parameter.data.mul_(2)
    network.reach -= 1
    x = torch.rand(1, 3, 19, 13)
    with torch.inference_mode():
        assert (run_in_strips(network, x, 1) - network(x)).abs().max() > 1e-6
