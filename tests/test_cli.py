"""`python -m esrgan`, run as a user runs it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from esrgan import cli
from esrgan.checkpoints import load_generator, read_facts, save_generator
from esrgan.images import load_image
from esrgan.interpolation import interpolate_images, interpolate_networks
from esrgan.networks import RRDBConfig, RRDBNet, build_generator
from esrgan.upscale import Upscaler

ROOT = Path(__file__).parent.parent


@pytest.fixture
def models(tmp_path: Path, tiny_network: RRDBNet) -> tuple[Path, Path]:
    """Two weights files of one shape."""
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    save_generator(first, tiny_network, {})
    for parameter in tiny_network.parameters():
        parameter.data.mul_(1.1)
    save_generator(second, tiny_network, {})
    return first, second


@pytest.fixture
def pictures(tmp_path: Path, photo: np.ndarray) -> Path:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    Image.fromarray(photo[:16, :12]).save(folder / "a.png")
    Image.fromarray(photo[:8, :20]).save(folder / "sub" / "b.jpg")
    (folder / "notes.txt").write_text("not a picture")
    return folder


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "esrgan", *map(str, arguments)]
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_folder_is_upscaled_with_its_subfolders(
    tmp_path: Path, pictures: Path, models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run("upscale", pictures, "-o", out, "--model", models[0]) == 0
    upscaler = Upscaler(load_generator(models[0]))
    for source, target in (("a.png", "a.png"), ("sub/b.jpg", "sub/b.png")):
        expected = upscaler(load_image(pictures / source))
        np.testing.assert_array_equal(load_image(out / target), expected)
    printed = capsys.readouterr()
    assert "notes.txt is no picture by its name; left out" in printed.err
    assert "2 written" in printed.out


@pytest.mark.parametrize("mode", ["network", "image", None])
def test_alpha_between_two_models(
    tmp_path: Path, pictures: Path, models: tuple[Path, Path], mode: str | None
) -> None:
    out = tmp_path / "out"
    options = ["--mode", mode] if mode else []
    assert (
        run("upscale", pictures / "a.png", "-o", out, "--models", *models, "--alpha", 0.3, *options)
        == 0
    )
    networks = [load_generator(model) for model in models]
    lr = load_image(pictures / "a.png")
    if mode == "image":
        expected = interpolate_images([Upscaler(n)(lr) for n in networks], [0.7, 0.3])
    else:
        expected = Upscaler(interpolate_networks(networks, [0.7, 0.3]))(lr)
    np.testing.assert_array_equal(load_image(out / "a.png"), expected)


def test_bad_files_are_listed_and_the_rest_is_done(
    tmp_path: Path, pictures: Path, models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "broken.png").write_text("no picture")
    (pictures / "a.bmp").write_bytes((pictures / "a.png").read_bytes())
    out = tmp_path / "out"
    assert run("upscale", pictures, "missing.png", "-o", out, "--model", models[0]) == 1
    assert (out / "sub" / "b.png").is_file()
    failed = [line for line in capsys.readouterr().err.splitlines() if line.startswith("failed:")]
    assert len(failed) == 3
    for words in ("missing.png: there is no such", "is already the result", "broken.png is not a"):
        assert any(words in line for line in failed)


def test_a_result_never_replaces_its_input(
    pictures: Path, models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    before = (pictures / "a.png").read_bytes()
    assert run("upscale", pictures / "a.png", "-o", pictures, "--model", models[0]) == 1
    assert (pictures / "a.png").read_bytes() == before
    assert "choose another -o" in capsys.readouterr().err


def test_interpolated_model_is_the_weighted_sum(tmp_path: Path, models: tuple[Path, Path]) -> None:
    out = tmp_path / "between.safetensors"
    assert run("interpolate", *models, "--alpha", 0.8, "-o", out) == 0
    first, second, between = (load_generator(path).state_dict() for path in (*models, out))
    for key, tensor in between.items():
        np.testing.assert_allclose(tensor, 0.2 * first[key] + 0.8 * second[key], atol=1e-6)
    names = ["first.safetensors", "second.safetensors"]
    assert read_facts(out) == {"interpolation": {"models": names, "alpha": 0.8}}


def test_evaluate_prints_a_line_a_picture_and_the_means(
    tmp_path: Path, photo: np.ndarray, models: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(photo).save(tmp_path / "x.png")
    assert run("evaluate", tmp_path, "--models", "bicubic", models[0]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-4] for line in lines[1:]] == ["x.png", "mean"] * 2
    assert lines[1].split()[2:] == lines[2].split()[2:]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["upscale", "x.png"], "-o/--out"),
        (["upscale", "x.png", "-o", "out", "--model", "nothing"], "no model 'nothing'"),
        (["upscale", "x.png", "-o", "out", "--alpha", "1.5"], "between 0 and 1"),
        (["upscale", "x.png", "-o", "out", "--mode", "image"], "need --alpha"),
        (["upscale", "x.png", "-o", "out", "--model", "official-gan"], "could not be downloaded"),
        (["evaluate", "nowhere"], "nowhere is not a folder"),
    ],
)
def test_a_wrong_command_is_one_line_and_exit_code_2(arguments: list[str], words: str) -> None:
    ended = command(*arguments)
    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1
    assert words in ended.stderr


def test_models_of_different_shape_name_the_difference(
    tmp_path: Path, models: tuple[Path, Path]
) -> None:
    wider = tmp_path / "wider.safetensors"
    config = RRDBConfig(num_features=16, num_blocks=2, growth_channels=4)
    save_generator(wider, build_generator(config), {})
    ended = command(
        "interpolate", models[0], wider, "--alpha", 0.5, "-o", tmp_path / "x.safetensors"
    )
    assert ended.returncode == 2
    assert "num features (8 and 16)" in ended.stderr
    assert not (tmp_path / "x.safetensors").exists()
