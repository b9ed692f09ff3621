"""`python -m esrgan compare`: what stands in the page, and what is refused."""

import base64
import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from esrgan.commands import cli
from esrgan.models.checkpoints import save_generator
from esrgan.networks import RRDBConfig, RRDBNet
from esrgan.pictures.encoding import save_image
from esrgan.pictures.images import decode_image
from tests.conftest import assert_only_its_own

Refused = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def models(tmp_path: Path, tiny_network: RRDBNet) -> list[str]:
    """Two tiny related models as files."""
    files = [tmp_path / f"{name}.safetensors" for name in ("soft", "sharp")]
    for file in files:
        save_generator(file, tiny_network, {})
        tiny_network.conv_last.bias.data.add_(0.1)
    return [str(file) for file in files]


@pytest.fixture
def picture(tmp_path: Path, photo: np.ndarray) -> Path:
    save_image(photo, tmp_path / "photo.png")
    return tmp_path / "photo.png"


def compare(picture: Path, models: list[str], *options: str) -> str:
    """The text of the page."""
    out = picture.with_name("page.html")
    arguments = [str(picture), "--models", *models, "-o", str(out), *options]
    assert cli.main(["compare", *arguments]) == 0
    return out.read_text("utf-8")


def data(page: str, name: str) -> bytes:
    """What an element of the page holds."""
    found = re.search(rf'<script type="text/plain" id="{name}">([\w+/=]*)</script>', page)
    assert found is not None
    return base64.b64decode(found[1])


def views(page: str) -> list[dict[str, Any]]:
    return list(json.loads(data(page, "comparisons")))


def file_of(page: str, entry: dict[str, Any]) -> np.ndarray:
    return decode_image(data(page, entry["file"]["url"]), "picture")


def test_models_have_their_names_and_alpha_its_values(picture: Path, models: list[str]) -> None:
    (view,) = views(compare(picture, models, "--frames", "5"))
    assert view["titles"] == {"psnr": "soft (α = 0)", "gan": "sharp (α = 1)"}
    assert [frame["alpha"] for frame in view["frames"]] == [0, 0.25, 0.5, 0.75, 1]
    assert view["start"] == {"network": 0.75, "image": 0.75, "third": 0}
    assert view["name"] == "photo"
    assert {"network 0.25", "image 0.25", "psnr", "bicubic"} <= view["scores"].keys()
    assert view["panes"] == ["lr", "bicubic", "hr", "psnr", "gan", "network", "image"]


def test_lr_pictures_have_no_hr_and_no_scores(picture: Path, models: list[str]) -> None:
    (view,) = views(compare(picture, models, "--frames", "2", "--lr"))
    assert (view["width"], view["height"]) == (192, 256)
    assert set(view["scores"].values()) == {"48×64", "192×256"}
    assert "hr" not in view["panes"]


def test_a_crop_is_one_place_of_all_pictures(
    picture: Path, models: list[str], photo: np.ndarray
) -> None:
    whole = compare(picture, models, "--frames", "2")
    crop = compare(picture, models, "--frames", "2", "--crop", "30")
    (view,) = views(crop)
    assert (view["width"], view["height"]) == (28, 28)  # whole pixels of LR
    places = set()
    for before, after in zip(
        views(whole)[0]["pictures"] + views(whole)[0]["frames"],
        view["pictures"] + view["frames"],
        strict=True,
    ):
        large, small = file_of(whole, before), file_of(crop, after)
        scale = 28 // small.shape[0]
        side = small.shape[0]
        places |= {
            (scale * y, scale * x)
            for y in range(large.shape[0] - side + 1)
            for x in range(large.shape[1] - side + 1)
            if np.array_equal(large[y : y + side, x : x + side], small)
        }
    assert len(places) == 1


def test_networks_of_different_shapes_are_compared_with_the_reason(
    picture: Path, models: list[str], tmp_path: Path
) -> None:
    other = RRDBNet(RRDBConfig(num_features=8, num_blocks=1, growth_channels=4)).eval()
    save_generator(tmp_path / "other.safetensors", other, {})
    (view,) = views(compare(picture, [models[0], str(tmp_path / "other.safetensors")]))
    assert [frame["alpha"] for frame in view["frames"]] == [0, 1]
    assert "network" not in view["panes"]
    assert view["obstacle"]


def test_nothing_can_be_fetched_or_run_but_what_is_in_it(picture: Path, models: list[str]) -> None:
    page = compare(picture, models, "--frames", "2")
    assert "default-src 'none'; img-src blob:" in page
    assert_only_its_own(page)
    assert not re.search(r"https?:|<[^>]* (src|href|on\w+)=", page)


def test_a_page_that_grows_too_large_is_refused_and_leaves_nothing(
    picture: Path, models: list[str], refused: Refused
) -> None:
    with refused("MB, more than the 0.01 of --max-mb", "--frames 5", "--crop 256"):
        compare(picture, models, "--max-mb", "0.01")
    assert not picture.with_name("page.html").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--frames", "1"], "--frames is from 2"),
        (["--frames", "102"], "to 101"),
        (["--crop", "8"], "16 or more"),
        (["-o", "page.txt"], "written as .html"),
        (["--models", "psnr"], "two or three models, not 1"),
    ],
)
def test_wrong_options_are_refused_at_once(
    picture: Path, models: list[str], options: list[str], words: str, refused: Refused
) -> None:
    with refused(words):
        compare(picture, models, *options)


def test_a_missing_picture_is_named(picture: Path, models: list[str], refused: Refused) -> None:
    with refused("There is no file or folder"):
        compare(picture.with_name("gone.png"), models)
