"""Degraded LR in training: in samples, in what is held out, in the dry run and the validation."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from esrgan.errors import UserError
from esrgan.pictures.degradations import DegradationName
from esrgan.pictures.degrade import jpeg
from esrgan.pictures.resize import imresize
from tests.train.commands import ended
from tests.train.samples import noise, same, save
from train.config import make_config
from train.data import PairDataset, batches
from train.settings import load_preset
from train.stages import PSNRStage, build_stage


@pytest.mark.parametrize("name", ["photo", "real"])
def test_a_sample_depends_on_seed_and_number_only(
    name: DegradationName, training_pictures: Path
) -> None:
    folders = [str(training_pictures)]
    first, second, other = (
        PairDataset(folders, 32, 4, seed=seed, degradation=name) for seed in (5, 5, 6)
    )
    forwards = [first[number] for number in range(8)]
    assert all(same(forwards[number], second[number]) for number in reversed(range(8)))
    assert not any(same(forwards[number], other[number]) for number in range(8))
    cpu = torch.device("cpu")
    resumed = list(batches(first, 2, 2, 4, num_workers=1, device=cpu))
    assert torch.equal(resumed[1][0], torch.stack([forwards[6][0], forwards[7][0]]))


def test_hr_is_the_same_whatever_becomes_of_lr(training_pictures: Path) -> None:
    plain, spoilt = (
        PairDataset([str(training_pictures)], 32, 4, seed=0, degradation=name)
        for name in ("bicubic", "real")
    )
    for number in range(6):
        (clean, hr), (lr, same_hr) = plain[number], spoilt[number]
        assert torch.equal(hr, same_hr)
        assert not torch.equal(clean, lr)


def test_pictures_held_out_are_degraded_alike_each_time(tmp_path: Path) -> None:
    for seed in range(8):
        save(tmp_path / f"{seed}.png", noise(40, 44, seed))
    first, second = (
        PairDataset([str(tmp_path)], 32, 4, seed=0, degradation="real").hold_out(2)
        for _ in range(2)
    )
    assert len(first) == 2
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.lr, other.lr)
        assert (one.lr != imresize(one.hr, 1 / 4)).any()


def test_a_dry_run_shows_samples(training_pictures: Path, tmp_path: Path) -> None:
    options = ["--data", training_pictures, "--out", tmp_path / "run", "--dry-run"]
    code, out, err = ended("psnr", "--preset", "tiny", *options, "--set", "degradation=photo")
    assert code == 0, err
    shown = tmp_path / "run-samples.png"
    assert str(shown) in out
    assert list(tmp_path.iterdir()) == [shown]
    picture = np.asarray(Image.open(shown))
    assert picture.shape == (4 * 32, 3 * 2 * 32, 3)
    lr, hr = PairDataset([str(training_pictures)], 32, 4, 0, degradation="photo")[0]
    np.testing.assert_array_equal(picture[:32:4, :32:4], lr.permute(1, 2, 0))
    np.testing.assert_array_equal(picture[:32, 32:64], hr.permute(1, 2, 0))


def test_an_unknown_degradation_is_named(training_pictures: Path, tmp_path: Path) -> None:
    options = ["--data", training_pictures, "--out", tmp_path / "run"]
    code, _, err = ended("psnr", "--preset", "tiny", *options, "--set", "degradation=jpeg")
    assert code == 2
    assert "degradation" in err
    with pytest.raises(UserError, match="divide"):
        PairDataset([str(training_pictures)], 30, 4, seed=0, degradation="photo")


def test_validation_is_on_degraded_lr(training_pictures: Path) -> None:
    files = {"data": [str(training_pictures)], "validation": str(training_pictures)}
    settings = {**load_preset("psnr", "tiny"), **files}
    clean, spoilt = (
        build_stage(make_config("psnr", {**settings, **more}), torch.device("cpu"))
        for more in ({}, {"validation_degrade": "jpeg:30"})
    )
    assert isinstance(clean, PSNRStage)
    assert isinstance(spoilt, PSNRStage)
    for before, after in zip(clean.validation, spoilt.validation, strict=True):
        np.testing.assert_array_equal(after.lr, jpeg(before.lr, 30))
    with pytest.raises(UserError, match="quality"):
        make_config("psnr", {**settings, "validation_degrade": "jpeg:200"})
