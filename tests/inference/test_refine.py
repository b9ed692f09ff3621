"""Self-ensemble and back-projection: their laws, with networks and with bicubic."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from esrgan.inference.refine import back_projection, resized, self_ensemble
from esrgan.inference.upscale import Upscaler
from esrgan.networks import RRDBConfig, RRDBNet
from esrgan.pictures.images import to_image, to_tensor
from esrgan.pictures.resize import imresize

TURNS = [
    lambda x, k=k, f=f: torch.rot90(x.flip(-1) if f else x, k, (-2, -1))
    for k in range(4)
    for f in (False, True)
]


@pytest.fixture
def network() -> RRDBNet:
    """A network whose outputs are in mid-range and depend on the direction."""
    torch.manual_seed(0)
    network = RRDBNet(RRDBConfig(8, 1, 4)).eval()
    network.conv_last.weight.data.mul_(20)
    network.conv_last.bias.data.fill_(0.5)
    return network


@pytest.fixture
def lr(photo) -> Tensor:
    return to_tensor(photo[:20, :14])


def distance(sr: Tensor, lr: Tensor) -> float:
    """RMSE between the reduced SR and LR."""
    return float((resized(sr, 1 / 4) - lr).square().mean().sqrt())


def test_tensors_are_resized_as_pictures(rng):
    x = rng.random((2, 3, 9, 7))
    found = resized(torch.from_numpy(x), 2)
    for n, c in np.ndindex(2, 3):
        np.testing.assert_allclose(found[n, c], imresize(x[n, c], 2), atol=1e-12)


@pytest.mark.parametrize("turn", TURNS)
def test_ensemble_turns_with_the_picture(network, lr, turn):
    plain, ensemble = (
        Upscaler(network, "cpu").tensor,
        self_ensemble(Upscaler(network, "cpu").tensor),
    )
    torch.testing.assert_close(ensemble(turn(lr)), turn(ensemble(lr)), rtol=0, atol=1e-5)
    if turn is not TURNS[0]:
        assert (plain(turn(lr)) - turn(plain(lr))).abs().max() > 1e-3


def test_ensemble_is_the_mean_of_eight(network, lr):
    plain = Upscaler(network, "cpu").tensor
    back = [partial(torch.rot90, k=-k, dims=(-2, -1)) for k in range(4)]
    outputs = [back[k](plain(torch.rot90(lr, k, (-2, -1)))) for k in range(4)]
    outputs += [back[k](plain(torch.rot90(lr.flip(-1), k, (-2, -1)))).flip(-1) for k in range(4)]
    expected = torch.stack(outputs).mean(0)
    torch.testing.assert_close(self_ensemble(plain)(lr), expected, rtol=0, atol=1e-6)


def test_ensemble_of_bicubic_is_bicubic(lr):
    bicubic = partial(resized, scale=4)
    torch.testing.assert_close(self_ensemble(bicubic)(lr), bicubic(lr), rtol=0, atol=1e-6)


def test_back_projection_lowers_the_distance_to_lr_each_round(network, lr):
    sr = Upscaler(network, "cpu").tensor(lr)
    distances = [distance(back_projection(sr, lr, n, 4), lr) for n in (0, 1, 2, 5, 20)]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.05 * distances[0]


def test_back_projection_leaves_what_agrees_with_lr(photo):
    sr = to_tensor(photo)
    lr = resized(sr, 1 / 4)
    torch.testing.assert_close(back_projection(sr, lr, 3, 4), sr, rtol=0, atol=1e-6)
    unchanged = to_tensor(photo[::-1])
    assert back_projection(unchanged, lr, 0, 4) is unchanged


def test_back_projection_of_bicubic_brings_it_closer_to_hr(photo):
    hr = to_tensor(photo)
    lr = resized(hr, 1 / 4)
    plain = resized(lr, 4)
    better = back_projection(plain, lr, 10, 4)
    assert (better - hr).square().mean() < (plain - hr).square().mean()


def test_upscaler_refines_before_it_rounds(network, photo):
    picture = photo[:20, :14]
    lr = to_tensor(picture)
    expected = back_projection(self_ensemble(Upscaler(network, "cpu").tensor)(lr), lr, 4, 4)
    found = Upscaler(network, "cpu", ensemble=True, back_projections=4)(picture)
    np.testing.assert_array_equal(found, to_image(expected))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 4)])
def test_grey_and_transparent_pictures_are_refined_too(network, rng, shape, dtype):
    picture = rng.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)
    found = Upscaler(network, "cpu", ensemble=True, back_projections=1)(picture)
    assert found.shape == (36, 28, *shape[2:])
    assert found.dtype == dtype


def test_rounds_that_make_no_sense_are_refused(network, refused):
    with refused("0 or more, not -1"):
        Upscaler(network, "cpu", back_projections=-1)
    with refused("scale is 1"):
        Upscaler(RRDBNet(RRDBConfig(8, 0, 4, scale=1, unshuffle=4)), "cpu", back_projections=1)
