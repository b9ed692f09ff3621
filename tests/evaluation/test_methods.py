"""What can stand in a table: networks, points between two, results of others; and pyiqa."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from esrgan.errors import UserError
from esrgan.evaluation.methods import from_folder, labels, named_folder, select
from esrgan.evaluation.pairs import Pair
from esrgan.inference.blend import MODES, Mode
from esrgan.inference.upscale import Upscaler
from esrgan.models import zoo
from esrgan.models.checkpoints import save_generator
from esrgan.models.interpolation import interpolate_images, interpolate_networks
from esrgan.networks import Generator
from esrgan.pictures.resize import imresize


@pytest.fixture
def two_files(tiny_network, tmp_path: Path) -> dict[str, str]:
    """Two models' files, each with its label."""
    files = {}
    for name in ("first", "second"):
        file = tmp_path / f"{name}.safetensors"
        save_generator(file, tiny_network, {}, half=False)
        files[str(file)] = name
        for parameter in tiny_network.parameters():
            parameter.data.mul_(1.2)
    return files


def on_cpu(network: Generator) -> Upscaler:
    return Upscaler(network, "cpu")


@pytest.fixture
def pair(photo: np.ndarray) -> Pair:
    return Pair("a.png", imresize(photo, 1 / 4), photo)


@pytest.mark.parametrize("mode", MODES)
def test_rows_are_the_models_and_the_points_between_the_first_two(
    two_files: dict[str, str], pair: Pair, mode: Mode
) -> None:
    chosen = select({**two_files, "bicubic": "bicubic"}, on_cpu, [0, 0.3, 1], [mode])
    networks = [zoo.load(file).network for file in two_files]
    ends = [Upscaler(network, "cpu")(pair.lr) for network in networks]
    if mode == "image":
        middle = interpolate_images(ends, [0.7, 0.3])
    else:
        middle = Upscaler(interpolate_networks(networks, [0.7, 0.3]), "cpu")(pair.lr)
    expected = [*ends, imresize(pair.lr, 4), ends[0], middle, ends[1]]
    for method, picture in zip(chosen.methods, expected, strict=True):
        np.testing.assert_array_equal(method.result(pair), picture)
    rows = [(method.model, method.mode, method.alpha) for method in chosen.methods]
    assert rows == [
        ("first", None, None),
        ("second", None, None),
        ("bicubic", None, None),
        *(("first–second", mode, alpha) for alpha in (0, 0.3, 1)),
    ]
    assert [model.file for model in chosen.models.values()] == list(map(Path, two_files))
    assert (ends[0] != ends[1]).any()


def test_curves_run_each_end_once_a_picture(two_files: dict[str, str], pair: Pair) -> None:
    calls = []
    chosen = select(two_files, on_cpu, [0, 0.2, 0.8, 1], ["image"])
    for network in chosen.ends:
        network.conv_first.register_forward_hook(lambda *_: calls.append(1))
    for method in chosen.methods:
        method.result(pair)
    assert len(calls) == 2


def test_refinements_are_told_in_the_name_and_change_the_digest(two_files: dict[str, str]) -> None:
    def refined(network: Generator) -> Upscaler:
        return Upscaler(network, "cpu", ensemble=True, back_projections=10)

    plain, other = (select(two_files, make).methods[0] for make in (on_cpu, refined))
    assert other.model == "first ×8 BP10"
    assert plain.digest("a.png") != other.digest("a.png")


def test_names_in_tables_are_short_where_they_can_be() -> None:
    assert labels(["psnr", "runs/a/best.pth", "x.pth"]) == ["psnr", "best", "x"]
    assert labels(["a/g.pth", "b/g.pth"]) == ["a/g.pth", "b/g.pth"]


def test_results_of_others_come_from_a_folder(tmp_path: Path, pair: Pair) -> None:
    Image.fromarray(pair.hr[::-1]).save(tmp_path / "a_SRGAN.png")
    method = from_folder("SRGAN", tmp_path)
    np.testing.assert_array_equal(method.result(pair), pair.hr[::-1])
    before = method.digest("a.png")
    Image.fromarray(pair.hr[:, :40]).save(tmp_path / "a_SRGAN.png")
    assert method.digest("a.png") != before
    with pytest.raises(UserError, match=r"a_SRGAN\.png is 40×64 .* a\.png is 48×64"):
        method.result(pair)
    with pytest.raises(UserError, match=r"lacks b\.png"):
        method.digest("b.png")
    picture = tmp_path / "c" / "c_400000.png"  # BasicSR: a folder each
    picture.parent.mkdir()
    (tmp_path / "a_SRGAN.png").rename(picture)
    from_folder("SRGAN", tmp_path).digest("c.png")
    assert named_folder("A=b=c") == ("A", Path("b=c"))
    with pytest.raises(UserError, match="NAME=DIR"):
        named_folder("folder")
