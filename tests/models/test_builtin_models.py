"""The weights in assets/: what is promised of them."""

from pathlib import Path

import numpy as np
import pytest

from esrgan import assets
from esrgan.evaluation.metrics import psnr
from esrgan.evaluation.pairs import load_pair, pair_files
from esrgan.inference.upscale import Upscaler
from esrgan.models import zoo
from esrgan.models.checkpoints import read_facts
from esrgan.models.interpolation import alpha_weights, interpolate_networks, share_ancestor
from esrgan.networks import Generator
from esrgan.pictures.images import load_image
from esrgan.pictures.resize import imresize

EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"


@pytest.fixture(scope="module")
def networks() -> dict[str, Generator]:
    return {name: zoo.load(name).network for name in ("psnr", "gan", "gan-after")}


@pytest.fixture(scope="module")
def lr() -> np.ndarray:
    return imresize(load_image(EXAMPLES / "chelsea.png"), 1 / 4)[8:64, 24:88]  # the cat's face


def sharpness(picture: np.ndarray) -> float:
    return float(np.abs(np.diff(picture.astype(float), axis=1)).mean())


def test_alpha_goes_from_one_end_to_the_other(networks, lr) -> None:
    ends = [networks["psnr"], networks["gan"]]
    first, last = (Upscaler(network)(lr).astype(float) for network in ends)
    between = [
        Upscaler(interpolate_networks(ends, alpha_weights(alpha)))(lr)
        for alpha in np.linspace(0, 1, 11)
    ]
    np.testing.assert_array_equal(between[0], first)
    np.testing.assert_array_equal(between[-1], last)
    away = [np.abs(picture - first).mean() for picture in between]
    left = [np.abs(picture - last).mean() for picture in between]
    assert (np.diff(away) > 0).all()
    assert (np.diff(left) < 0).all()


def test_what_lies_between_is_not_darker(networks, lr) -> None:
    for other in ("gan", "gan-after"):
        ends = [networks["psnr"], networks[other]]
        assert share_ancestor(*ends)
        levels = [Upscaler(network)(lr).mean() for network in ends]
        middle = Upscaler(interpolate_networks(ends, [0.5, 0.5]))(lr).mean()
        assert min(levels) - 1 < middle < max(levels) + 1


def test_the_gan_models_sharpen(networks, lr) -> None:
    plain, before, after = (
        sharpness(Upscaler(networks[name])(lr)) for name in ("psnr", "gan", "gan-after")
    )
    assert before > 1.4 * plain
    assert before > after > plain  # features after activation supervise weakly (Sec. 3.2)


@pytest.mark.parametrize(
    ("name", "promised"), [("Set5", 31.34), pytest.param("Set14", 28.10, marks=pytest.mark.slow)]
)
def test_the_psnr_model_is_as_good_as_its_card_says(
    networks, benchmark_data: Path, name: str, promised: float
) -> None:
    upscaler = Upscaler(networks["psnr"])
    pairs = [load_pair(hr, lr, 4) for hr, lr in pair_files(benchmark_data / name, None, 4)]
    assert np.mean([psnr(upscaler(pair.lr), pair.hr, 4) for pair in pairs]) >= promised


def test_the_two_gan_models_differ_in_activation_only() -> None:
    facts = [read_facts(assets.MODELS / f"{name}.safetensors") for name in ("gan", "gan-after")]
    assert [each["loss"].pop("before_activation") for each in facts] == [True, False]
    for key in ("loss", "preset", "data", "seed", "iterations"):
        assert facts[0][key] == facts[1][key]


def test_every_file_says_how_it_was_made() -> None:
    for file in assets.MODELS.glob("*.safetensors"):
        facts = read_facts(file)
        assert facts["command"].startswith("python -m train ")
        assert {"data", "iterations", "seed"} <= facts.keys()
        assert file.stat().st_size <= 10_500_000
