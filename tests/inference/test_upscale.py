"""Pictures through a network: layouts, tiles, precision."""

import copy
import sys
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from esrgan.inference.tiles import WHOLE_PIXELS
from esrgan.inference.upscale import Upscaler, keep_clear_and_opaque
from esrgan.networks import RRDBConfig, RRDBNet, SRResNet, SRResNetConfig
from tests.processes import Forked


def small_reach(scale: int = 4, unshuffle: int = 1) -> RRDBNet:
    """A network that sees less far than the tiles overlap, with outputs in mid-range."""
    torch.manual_seed(0)
    blocks = 1 if unshuffle == 1 else 0
    network = RRDBNet(RRDBConfig(8, blocks, 4, scale=scale, unshuffle=unshuffle))
    network.conv_last.weight.data.mul_(20)
    network.conv_last.bias.data.fill_(0.5)
    return network


@pytest.fixture
def upscaler() -> Upscaler:
    return Upscaler(small_reach(), device="cpu")


def test_rgb_is_the_network_rounded_to_nearest(upscaler, photo):
    x = torch.from_numpy(photo / 255).float().permute(2, 0, 1)[None]
    with torch.no_grad():
        expected = upscaler.network(x)[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255
    found = upscaler(photo)
    assert found.shape == (256, 192, 3)
    assert found.dtype == np.uint8
    assert expected.std() > 5
    assert np.abs(found - expected).max() < 0.51


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3), (6, 5, 4), (1, 1), (1, 1, 3), (1, 9, 4)])
def test_layout_and_dtype_are_kept(upscaler, rng, dtype, shape):
    image = rng.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)
    found = upscaler(image)
    assert found.dtype == dtype
    assert found.shape == (4 * shape[0], 4 * shape[1], *shape[2:])


def test_sixteen_bits_agree_with_eight_but_are_finer(upscaler, photo):
    eight, sixteen = upscaler(photo), upscaler(photo.astype(np.uint16) * 257)
    assert np.abs(sixteen / 257 - eight).max() <= 0.51
    assert len(np.unique(sixteen)) > 256


def test_grey_is_the_mean_of_its_three_channels(upscaler, photo):
    grey = photo[..., 0]
    rgb = upscaler(np.dstack([grey] * 3))
    np.testing.assert_array_equal(upscaler(grey), np.rint(rgb.mean(axis=2)))


def test_colour_and_transparency_are_upscaled_apart(upscaler, photo):
    alpha = photo[::-1, :, 2]
    found = upscaler(np.dstack([photo, alpha]))
    np.testing.assert_array_equal(found[..., :3], upscaler(photo))
    expected = keep_clear_and_opaque(upscaler(alpha), alpha, 4)
    np.testing.assert_array_equal(found[..., 3], expected)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_pil(upscaler, photo, mode):
    picture = Image.fromarray(photo).convert(mode)
    found = upscaler.pil(picture)
    assert found.mode == mode
    np.testing.assert_array_equal(np.asarray(found), upscaler(np.asarray(picture)))


def test_other_pil_modes_are_refused(upscaler, refused):
    with refused("not CMYK"):
        upscaler.pil(Image.new("CMYK", (4, 4)))


# Tiles


@pytest.mark.parametrize(("tile", "size"), [(7, (6, 90)), (19, (75, 9)), (30, (44, 40))])
@pytest.mark.parametrize(("scale", "unshuffle"), [(4, 1), (3, 1), (2, 2), (1, 4)])
def test_tiled_equals_whole(rng, tile, size, scale, unshuffle):
    network = small_reach(scale, unshuffle)
    lr = torch.from_numpy(rng.random((1, 3, *size), dtype=np.float32))
    whole = Upscaler(network, "cpu", tile=0).tensor(lr)
    tiled = Upscaler(network, "cpu", tile=tile).tensor(lr)
    assert whole.std() > 0.01
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-5)


def test_tiles_are_really_used(photo, monkeypatch):
    sizes = []
    network = small_reach()
    network.conv_first.register_forward_pre_hook(
        lambda _, inputs: sizes.append(tuple(inputs[0].shape[-2:]))
    )
    lr = torch.rand(1, 3, 200, 100)
    for tile in (None, 0, 200):
        Upscaler(network, "cpu", tile=tile).tensor(lr)
    assert sizes == [(200, 100)] * 3
    sizes.clear()
    Upscaler(network, "cpu", tile=50).tensor(lr)
    assert len(sizes) == 8
    assert max(height * width for height, width in sizes) <= (50 + 32 + 36) ** 2


def test_large_pictures_are_tiled_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr("esrgan.inference.on_cpu.WHOLE_PIXELS", 30 * 30)
    monkeypatch.setattr("esrgan.inference.on_cpu.DEFAULT_TILE", 20)
    assert WHOLE_PIXELS >= 256 * 256
    calls = []
    network = small_reach()
    network.conv_first.register_forward_pre_hook(lambda *_: calls.append(1))
    for tile, shape, expected in (
        (None, (30, 30), 1),
        (None, (30, 31), 4),
        (0, (30, 31), 1),
    ):
        calls.clear()
        Upscaler(network, "cpu", tile=tile).tensor(torch.rand(1, 3, *shape))
        assert len(calls) == expected


def test_batches_in_tiles(upscaler):
    lr = torch.rand(2, 3, 40, 20)
    tiled = Upscaler(upscaler.network, "cpu", tile=16).tensor(lr)
    assert not tiled.requires_grad
    torch.testing.assert_close(tiled[1:], upscaler.tensor(lr[1:]), rtol=0, atol=1e-5)


# Networks and precision


def test_the_network_is_put_in_evaluation_mode(photo):
    network = SRResNet(SRResNetConfig(8, 1)).train()
    before = copy.deepcopy(network.state_dict())
    Upscaler(network, "cpu")(photo)
    after = network.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)


@pytest.mark.parametrize("channels", [(1, 3), (3, 1), (4, 4)])
def test_models_that_are_not_for_rgb_are_refused(channels, refused):
    config = RRDBConfig(8, 1, 4, in_channels=channels[0], out_channels=channels[1])
    with refused(f"takes {channels[0]} channels and gives {channels[1]}"):
        Upscaler(RRDBNet(config), "cpu")


def test_negative_tiles_and_unknown_devices_are_refused(refused):
    with refused("0 or more, not -1"):
        Upscaler(small_reach(), "cpu", tile=-1)
    with refused("no device 'abacus'"):
        Upscaler(small_reach(), "abacus")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_close(photo, dtype):
    network = small_reach()
    exact = Upscaler(network, "cpu")(photo).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Upscaler(network, "cpu", dtype=dtype)(photo)
    assert 0 < np.abs(found - exact).max() <= 4


def test_overflow_in_half_precision_falls_back_with_a_warning(photo):
    network = small_reach()
    with torch.no_grad():  # beyond float16 inside, and back in range at the end
        network.conv_hr.weight.mul_(1e7)
        network.conv_last.weight.mul_(1e-7)
    with pytest.warns(UserWarning, match="float16 overflowed"):
        found = Upscaler(network, "cpu", dtype=torch.float16)(photo)
    np.testing.assert_array_equal(found, Upscaler(network, "cpu")(photo))


@pytest.mark.parametrize(("scale", "unshuffle"), [(4, 1), (3, 1), (8, 1), (2, 2), (1, 4)])
def test_openvino_gives_the_same(rng, scale, unshuffle):
    pytest.importorskip("openvino", reason="openvino is not installed")
    network = small_reach(scale, unshuffle)
    lr = torch.from_numpy(rng.random((2, 3, 44, 230), dtype=np.float32))
    expected = Upscaler(network, "cpu", tile=0).tensor(lr)
    found = Upscaler(network, "cpu", backend="openvino").tensor(lr)
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_openvino_is_refused_where_it_can_not_run(monkeypatch, refused):
    with refused("in fp32"):
        Upscaler(small_reach(), "cpu", torch.bfloat16, backend="openvino")
    with refused("runs RRDBNets"):
        Upscaler(SRResNet(SRResNetConfig(8, 1)), "cpu", backend="openvino")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with refused("pip install openvino"):
        Upscaler(small_reach(), "cpu", backend="openvino")


@pytest.mark.slow
def test_openvino_sends_nothing_home(tmp_path, monkeypatch):
    """Nor does it keep a number for this machine, as it would in the home folder."""
    pytest.importorskip("openvino", reason="openvino is not installed")
    monkeypatch.delenv("CI", raising=False)
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    code, out, err = Forked(_compiled_by_openvino, environment=home).ended()
    assert code == 0, err
    assert out == "[]"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_clear_or_opaque_stays_exactly_so(dtype: type, tiny_network: RRDBNet) -> None:
    most = np.iinfo(dtype).max
    alpha: np.ndarray = np.full((24, 24), most, dtype)
    alpha[:, :12] = 0
    alpha[10:14, 10:14] = most // 3
    picture = np.dstack([np.full((24, 24, 3), most // 2, dtype), alpha])
    found = Upscaler(tiny_network)(picture)[..., 3]
    # A pixel whose neighbours are all clear, or all opaque.
    assert (found[:, : 4 * 9] == 0).all()
    assert (found[:, 4 * 15 :] == most).all()
    # The edge between them is the network's.
    raw = Upscaler(tiny_network)(alpha)
    np.testing.assert_array_equal(found[:, 4 * 11 : 4 * 13], raw[:, 4 * 11 : 4 * 13])


def _compiled_by_openvino() -> None:
    from esrgan.inference.openvino import OpenVINORRDBNet

    OpenVINORRDBNet(RRDBNet(RRDBConfig(num_features=8, num_blocks=1, growth_channels=4)))
    told = [name for name in sys.modules if name.startswith("openvino_telemetry.")]
    sys.stdout.write(str(told))
