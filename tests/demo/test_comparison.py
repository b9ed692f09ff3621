"""What the page computes, without a browser."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from esrgan.demo import comparison as compute
from esrgan.demo.comparison import Trio
from esrgan.demo.limits import MAX_LR_PIXELS
from esrgan.errors import UserError
from esrgan.inference import precision
from esrgan.inference.upscale import Upscaler
from esrgan.models.checkpoints import save_generator
from esrgan.models.interpolation import interpolate_images, interpolate_networks
from esrgan.networks import RRDBConfig, RRDBNet, SRResNet, SRResNetConfig
from esrgan.pictures.resize import imresize
from tests.tiny import related_models


@pytest.fixture
def trio(tmp_path: Path, tiny_network: RRDBNet) -> Trio:
    """Three related tiny networks as files."""
    return Trio(tuple(related_models(tmp_path, tiny_network, *compute.RESULTS, factor=1.01)))


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


@pytest.mark.parametrize("bears", [False, True])
def test_precision_between_models_is_tried_out_where_they_bear_it(
    tmp_path: Path, upload: str, monkeypatch: pytest.MonkeyPatch, bears: bool
) -> None:
    network = SRResNet(SRResNetConfig(8, 1, 4))
    trio = Trio(tuple(related_models(tmp_path, network, *compute.RESULTS, factor=1.01)))
    tried: list[object] = []

    def stays_unseen(network: object, *_: object) -> bool:
        tried.append(network)
        return bears

    monkeypatch.setattr(precision, "native_dtype", lambda _: torch.bfloat16)
    monkeypatch.setattr(precision, "stays_unseen", stays_unseen)
    *_, done = compute.run(compute.begin(upload, is_hr=True, trio=trio))
    own = [compute.upscaler(file) for file in trio.files]
    assert {end.precision for end in own} == {"bf16" if bears else "fp32"}
    tried.clear()
    compute.network_interpolated(done, 0.25)
    assert len(tried) == int(bears)
    assert not any(end.network in tried for end in own)


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
    Image.new("1", (10_000, 5_001)).save(wide)
    with pytest.raises(UserError, match=r"10000×5001 pixels; the limit is 50 megapixels"):
        compute.begin(str(wide), is_hr=False, trio=trio)


@pytest.mark.parametrize("is_hr", [True, False])
def test_a_large_picture_is_compared_where_it_has_most_detail(
    tmp_path: Path, trio, is_hr: bool
) -> None:
    picture = np.zeros((1500, 2600, 3), np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    picture[900:1200, 2100:2500] = noise
    Image.fromarray(picture).save(tmp_path / "large.png")
    begun = compute.begin(str(tmp_path / "large.png"), is_hr, trio)
    assert begun.part
    assert begun.part.whole == (1500, 2600)
    width, height = (1600, 1200) if is_hr else (400, 300)
    x, y, *size = begun.part.place
    assert size == [width, height]
    shown = begun.lr if begun.hr is None else begun.hr
    np.testing.assert_array_equal(shown, picture[y : y + height, x : x + width])
    assert begun.lr.shape == (300, 400, 3)
    assert np.count_nonzero(shown) >= 0.9 * np.count_nonzero(noise)


def test_a_part_that_is_wished_for_is_taken_as_far_as_there_is_picture(
    tmp_path: Path, trio
) -> None:
    large = tmp_path / "large.png"
    picture = np.arange(2600 * 1500, dtype=np.uint32).astype(np.uint8).reshape(1500, 2600)
    Image.fromarray(picture).save(large)
    part = compute.begin(str(large), False, trio, (30, 40, 200, 120)).part
    assert part
    assert part.place == (30, 40, 200, 120)
    np.testing.assert_array_equal(part.taken_from(picture), picture[40:160, 30:230])
    beyond = compute.begin(str(large), False, trio, (2500, 1490, 300, 200)).part
    assert beyond
    assert beyond.place == (2300, 1300, 300, 200)
    most = compute.begin(str(large), False, trio, (0, 0, 10**9, 10**9)).part
    assert most
    assert most.width * most.height <= MAX_LR_PIXELS
    assert most.width / most.height == pytest.approx(2600 / 1500, rel=0.01)
    least = compute.begin(str(large), False, trio, (0, 0, 0, 0)).part
    assert least
    assert least.place == (0, 0, 16, 16)


def test_what_is_small_enough_is_compared_whole(tmp_path: Path, trio) -> None:
    Image.new("L", (1600, 1500)).save(tmp_path / "x.png")
    begun = compute.begin(str(tmp_path / "x.png"), True, trio, (0, 0, 20, 20))
    assert begun.part is None
    assert begun.lr.shape == (375, 400)


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
