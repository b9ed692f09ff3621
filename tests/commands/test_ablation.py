"""`python -m esrgan ablation`: it really trains, goes on where it was, and passes Ctrl-C on."""

import signal
import subprocess
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from esrgan.__main__ import start as esrgan_command
from esrgan.commands import ablation, cli
from esrgan.evaluation.methods import model_settings
from esrgan.models import zoo
from esrgan.models.checkpoints import load_generator, read_facts
from esrgan.networks import SRResNet
from tests.conftest import PATIENCE
from tests.processes import Forked, forked_trainings

PSNR, GAN = "ablation-no-bn-psnr", "ablation-before-activation-gan"


@pytest.fixture(scope="module")
def arguments(
    training_pictures: Path, perceptual_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    """All but --out: a column whose PSNR model is another column's."""
    picture = tmp_path_factory.mktemp("hr") / "picture.png"
    pixels = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(picture)
    words = ["ablation", "--tiny", "--iterations", 2, "--columns", "before-activation"]
    words += ["--data", training_pictures, "--perceptual", perceptual_file, "--device", "cpu"]
    return [str(word) for word in (*words, "--pictures", picture, "--crop", 8, 4, 24, 16)]


@pytest.fixture(scope="module")
def trained(arguments: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished ablation."""
    out = tmp_path_factory.mktemp("ablation")
    with forked_trainings():
        assert cli.main([*arguments, "--out", str(out)]) == 0
    return out / "tiny"


@pytest.mark.slow
def test_each_column_is_trained_from_its_psnr_model(trained: Path) -> None:
    folders = {path.name for path in trained.iterdir() if path.is_dir()}
    assert folders == {PSNR, GAN}
    for folder in folders:
        facts = read_facts(trained / folder / "generator.safetensors")
        assert facts["iterations"] == 2
    assert model_settings(zoo.load(trained / GAN / "generator.safetensors")) == {
        "BN?": "no",
        "Activation": "before",
        "GAN": "standard",
        "Blocks": "4 residual",
    }
    assert isinstance(load_generator(trained / PSNR / "generator.safetensors"), SRResNet)


@pytest.mark.slow
def test_the_figure_is_drawn(trained: Path) -> None:
    with Image.open(trained / "ablation.png") as picture:
        assert picture.width == 2100
    assert (trained / "ablation.pdf").stat().st_size > 1000


@pytest.mark.slow
def test_what_is_finished_is_not_trained_again(
    trained: Path,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    assert cli.main([*arguments, "--out", str(trained.parent)]) == 0
    assert capsys.readouterr().out.count("finished before") == 2
    (run, *_) = ablation.plan(["ablation-no-bn"], trained)
    assert not ablation.finished(run, iterations=3)
    assert not ablation.finished(ablation.Run("psnr", "x", trained / "x"), None)


def test_the_columns_are_those_of_fig_8(tmp_path: Path) -> None:
    runs = ablation.plan(list(ablation.COLUMNS), tmp_path)
    assert [run.stage for run in runs] == ["psnr", "gan"] * 2 + ["gan"] * 2 + ["psnr", "gan"]
    trained_before = set()
    for run in runs:
        assert run.init is None or run.init in trained_before
        trained_before.add(run.weights)


def test_tiny_changes_sizes_and_iterations_only(tmp_path: Path) -> None:
    """What the columns differ in stays: the last of several settings of one key counts."""
    options = Namespace(tiny=True, iterations=7, device="cpu", data=["d"], perceptual=None)
    for run in ablation.plan(list(ablation.COLUMNS), tmp_path):
        words = ablation.training_words(run, options)
        given = [word.removeprefix("--set=") for word in words if word.startswith("--set=")]
        assert given[-1] == "iterations=7"
        keys = {setting.partition("=")[0] for setting in given}
        assert not keys & {"before_activation", "adversarial", "generator", "gan_weight"}
        assert ("builtin" in words) == (run.stage == "gan")


@pytest.mark.slow
def test_ctrl_c_reaches_the_training(arguments: list[str], tmp_path: Path) -> None:
    words = [*arguments, "--iterations", "100000", "--out", str(tmp_path)]
    process = Forked(esrgan_command, *words)
    run = tmp_path / "tiny" / PSNR
    until = time.monotonic() + PATIENCE
    while not (run / "checkpoint.pt").exists() and time.monotonic() < until:
        assert process.poll() is None, process.ended()[2]
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)  # to the command alone, not to its group
    code, out, err = process.ended()
    assert code == 130
    assert "stopped; go on with --resume at iteration" in out
    assert err.splitlines()[-1] == "python -m esrgan: stopped."
    assert 0 < read_facts(run / "generator.safetensors")["iterations"] < 100000


def test_a_termination_is_a_ctrl_c() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), ablation._terminate_as_interrupt():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.slow
def test_a_run_that_fails_ends_the_command(
    arguments: list[str], tmp_path: Path, refused, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [*arguments, "--out", str(tmp_path), "--data", str(tmp_path)]
    with refused("ablation-no-bn (psnr) failed"):
        cli.main(words)
    assert "holds no pictures" in capfd.readouterr().err
