"""What the page computes, without a browser."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from esrgan.demo import comparison as compute
from esrgan.demo.comparison import Trio
from esrgan.errors import UserError
from esrgan.inference.upscale import Upscaler
from esrgan.models.checkpoints import save_generator
from esrgan.models.interpolation import interpolate_images, interpolate_networks
from esrgan.networks import RRDBConfig, RRDBNet
from esrgan.pictures.resize import imresize


@pytest.fixture
def trio(tmp_path: Path, tiny_network: RRDBNet) -> Trio:
    """Three related tiny networks as files."""
    files = [tmp_path / f"{name}.safetensors" for name in ("psnr", "gan", "after")]
    for file in files:
        save_generator(file, tiny_network, {})
        for parameter in tiny_network.parameters():
            parameter.data.mul_(1.01)
    return Trio(tuple(files))


@pytest.fixture
def upload(tmp_path: Path, photo: np.ndarray) -> str:
    Image.fromarray(photo).save(tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


def test_hr_is_shrunk_and_every_result_is_the_models_own(trio, upload, photo) -> None:
    begun = compute.begin(upload, is_hr=True, trio=trio)
    np.testing.assert_array_equal(begun.lr, imresize(photo, 1 / 4))
    *_, done = compute.run(begun)
    for name, file in zip(compute.RESULTS, trio.files, strict=True):
        np.testing.assert_array_equal(done.results[name], compute.upscaler(file)(begun.lr))


def test_lr_has_no_hr(trio, upload, photo) -> None:
    begun = compute.begin(upload, is_hr=False, trio=trio)
    np.testing.assert_array_equal(begun.lr, photo)
    assert begun.hr is None


def test_alpha_on_networks_and_on_images(trio, upload) -> None:
    *_, done = compute.run(compute.begin(upload, is_hr=True, trio=trio))
    networks = [compute.upscaler(file).network for file in trio.ends]
    expected = Upscaler(interpolate_networks(networks, [0.25, 0.75]))(done.lr)
    np.testing.assert_array_equal(compute.network_interpolated(done, 0.75), expected)
    ends = [done.results["psnr"], done.results["gan"]]
    blend = interpolate_images(ends, [0.25, 0.75])
    np.testing.assert_array_equal(compute.image_interpolated(done, 0.75), blend)
    for alpha, end in ((0, ends[0]), (1, ends[1])):
        np.testing.assert_array_equal(compute.network_interpolated(done, alpha), end)
        np.testing.assert_array_equal(compute.image_interpolated(done, alpha), end)


def test_too_large_uploads_are_refused_before_decoding(tmp_path: Path, trio) -> None:
    wide = tmp_path / "wide.png"
    Image.new("1", (2000, 1000)).save(wide)
    with pytest.raises(UserError, match=r"2000×1000 pixels; the limit is 1\.05 megapixels"):
        compute.begin(str(wide), is_hr=False, trio=trio)
    assert compute.begin(str(wide), is_hr=True, trio=trio).lr.shape == (250, 500)


def test_results_too_large_for_the_page_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "x8.safetensors"
    config = RRDBConfig(num_features=8, num_blocks=1, growth_channels=4, scale=8)
    save_generator(file, RRDBNet(config), {})
    Image.new("1", (1000, 1000)).save(tmp_path / "wide.png")
    with pytest.raises(UserError, match=r"At ×8, wide\.png would become too large"):
        compute.begin(str(tmp_path / "wide.png"), is_hr=False, trio=Trio((file, file)))


def test_three_models_blend_as_networks_and_as_images(trio, upload) -> None:
    *_, done = compute.run(compute.begin(upload, is_hr=True, trio=trio))
    networks = [compute.upscaler(file).network for file in trio.files]
    shares = [0.75 * 0.4, 0.75 * 0.6, 0.25]
    expected = Upscaler(interpolate_networks(networks, shares))(done.lr)
    np.testing.assert_array_equal(compute.network_interpolated(done, 0.6, 0.25), expected)
    blend = interpolate_images([done.results[name] for name in compute.RESULTS], shares)
    np.testing.assert_array_equal(compute.image_interpolated(done, 0.6, 0.25), blend)
    third = done.results["after"]
    np.testing.assert_array_equal(compute.network_interpolated(done, 0.6, 1), third)
    np.testing.assert_array_equal(compute.image_interpolated(done, 0.6, 1), third)


def saved_network(file: Path, **shape: int) -> Path:
    config = {"num_features": 8, "num_blocks": 1, "growth_channels": 4, **shape}
    save_generator(file, RRDBNet(RRDBConfig(**config)), {})
    return file


def test_what_cant_be_interpolated_is_explained(trio, tmp_path: Path) -> None:
    wider = saved_network(tmp_path / "wider.safetensors", num_features=16)
    assert compute.obstacle(trio.files) is None
    told = compute.obstacle((trio.files[0], wider)) or ""
    assert "num features (8 and 16)" in told


def test_models_of_different_scales_are_refused(trio, upload, tmp_path: Path) -> None:
    double = saved_network(tmp_path / "x2.safetensors", scale=2)
    mixed = Trio((trio.files[0], double))
    with pytest.raises(UserError, match="one scale can be compared, not of ×4, ×2"):
        compute.begin(upload, is_hr=True, trio=mixed)


def test_strangers_are_noticed_in_any_place(trio, tmp_path: Path) -> None:
    torch.manual_seed(5)
    stranger = tmp_path / "stranger.safetensors"
    network = RRDBNet(compute.upscaler(trio.files[0]).network.config)  # type: ignore[arg-type]
    network.conv_last.bias.data.fill_(0.5)
    for parameter in network.parameters():
        parameter.data.mul_(3)
    save_generator(stranger, network, {})
    assert not compute.strangers(trio.files)
    assert compute.strangers((*trio.ends, stranger))
