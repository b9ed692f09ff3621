"""train/device_degradation.py: LR made by the device, from samples to whole runs."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from esrgan.errors import UserError
from esrgan.pictures.degradations import (
    DEGRADATIONS,
    DegradationName,
    GaussianNoise,
    MatlabResize,
    PhotoLaw,
    photo,
)
from tests.train.commands import ended
from tests.train.samples import noise, same, save
from train.config import make_config
from train.data import PairDataset
from train.device_degradation import DeviceDegradedPairs
from train.loop import loaded
from train.settings import load_preset
from train.stages import build_stage

CPU = torch.device("cpu")
ON_DEVICE = ["--set", "degradation=photo", "--set", "degrade_on_device=true"]


def on_device(folder: Path, name: DegradationName, seed: int = 0) -> DeviceDegradedPairs:
    return DeviceDegradedPairs([str(folder)], 32, 4, seed, (), (), name, device=CPU)


def on_cpu(folder: Path, name: DegradationName) -> PairDataset:
    return PairDataset([str(folder)], 32, 4, 0, degradation=name)


# ---------------------------------------------------------------- samples


def test_lr_is_of_the_crop_that_is_turned_and_flipped(training_pictures: Path) -> None:
    """With nothing but bicubic, samples are the loader's, bit for bit."""
    plain, made = on_cpu(training_pictures, "bicubic"), on_device(training_pictures, "bicubic")
    for number in range(24):
        assert same(made[number], plain[number])


def test_the_same_is_drawn_as_by_the_cpu(training_pictures: Path) -> None:
    quiet = replace(
        DEGRADATIONS["photo"], steps=partial(photo, law=PhotoLaw(clean=0, noises=0, full_colour=0))
    )
    cpu, device = on_cpu(training_pictures, "photo"), on_device(training_pictures, "photo")
    cpu.degradation = device.degradation = quiet
    for number in range(12):
        (expected, hr), (lr, same_hr) = cpu[number], device[number]
        assert torch.equal(hr, same_hr)
        assert (lr.float() - expected).abs().mean() < 0.5


@pytest.mark.parametrize("name", ["photo", "real"])
def test_a_sample_depends_on_seed_and_number_only(
    name: DegradationName, training_pictures: Path
) -> None:
    first, second, other = (on_device(training_pictures, name, seed) for seed in (5, 5, 6))
    alone = [first[number] for number in range(12)]
    assert all(same(alone[number], second[number]) for number in reversed(range(12)))
    assert not any(same(alone[number], other[number]) for number in range(12))
    for size, workers in ((2, 0), (3, 1)):  # whichever batch it is in
        start = 6 // size
        batches = list(first.batches(size, start, 12 // size, workers))
        assert len(batches) == 12 // size - start
        low, high = (torch.cat(parts) for parts in zip(*batches, strict=True))
        assert low.dtype == high.dtype == torch.uint8
        assert all(same((low[n], high[n]), alone[6 + n]) for n in range(6))


def test_each_sample_has_noise_of_its_own(tmp_path: Path) -> None:
    save(tmp_path / "grey.png", np.full((32, 32, 3), 128, np.uint8))  # one place for a crop
    dataset = on_device(tmp_path, "photo")
    steps = MatlabResize(4), GaussianNoise(10.0, grey=False)
    dataset.degradation = replace(dataset.degradation, steps=lambda *_: iter(steps))
    noises = torch.stack([dataset[number][0].flatten() for number in range(12)]).float() - 128
    assert float(noises.std()) == pytest.approx(10, rel=0.1)
    between = torch.corrcoef(noises) - torch.eye(12)
    assert float(between.abs().max()) < 0.35  # 0.07 by chance; 1 if turned alike


def test_each_process_takes_its_share(
    training_pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = on_device(training_pictures, "photo")
    monkeypatch.setattr("train.distributed.world_size", lambda: 3)
    monkeypatch.setattr("train.distributed.rank", lambda: 2)
    ((low, high),) = dataset.batches(2, 1, 2, 0)
    assert all(same((low[n], high[n]), dataset[3 * (2 + n) + 2]) for n in range(2))


def test_pictures_of_all_sizes_make_a_batch(tmp_path: Path) -> None:
    for number, sides in enumerate([(33, 50), (47, 32), (200, 180)]):
        save(tmp_path / f"{number}.png", noise(*sides, number))
    ((low, high),) = on_device(tmp_path, "real").batches(16, 0, 1, 0)
    assert low.shape == (16, 3, 8, 8)
    assert high.shape == (16, 3, 32, 32)


# ---------------------------------------------------------------- runs


def test_in_a_run_the_training_process_makes_lr(
    training_pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loader, whose processes have no GPU, asks for no whole sample."""
    settings = {**load_preset("psnr", "tiny"), "data": [str(training_pictures)], "iterations": 3}
    config = make_config("psnr", {**settings, "degradation": "photo", "degrade_on_device": True})
    stage = build_stage(config, CPU)
    expected = [stage.dataset[number] for number in range(6)]
    monkeypatch.delattr(DeviceDegradedPairs, "__getitem__")
    monkeypatch.delattr(PairDataset, "__getitem__")
    batches = list(loaded(stage, config, 0, CPU))
    assert len(batches) == 3
    for number, (lr, hr) in enumerate(expected):
        low, high = (part[number % 2] for part in batches[number // 2])
        assert same((low, high), (lr, hr))


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoint.pt", weights_only=True)["modules"]["generator"]


@pytest.mark.parametrize("name", ["photo", "real"])
def test_a_run_that_goes_on_equals_one_without_a_stop(
    name: DegradationName, training_pictures: Path, tmp_path: Path
) -> None:
    whole, halves, loader = (tmp_path / each for each in ("whole", "halves", "loader"))
    common = ["psnr", "--preset", "tiny", "--data", training_pictures, "--set"]
    common += [f"degradation={name}", "--set", "degrade_on_device=true"]
    assert ended(*common, "--iterations", 6, "--out", whole)[0] == 0
    assert ended(*common, "--iterations", 3, "--out", halves)[0] == 0
    code, _, err = ended("psnr", "--out", halves, "--resume", "--iterations", 6)
    assert code == 0, err
    own = ["--set", "degrade_on_device=false", "--iterations", 6, "--out", loader]
    assert ended(*common, *own)[0] == 0
    first, second, other = weights(whole), weights(halves), weights(loader)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


def test_a_run_does_not_change_from_one_to_the_other(
    training_pictures: Path, tmp_path: Path
) -> None:
    run, begin = tmp_path / "run", ["psnr", "--preset", "tiny", "--data", training_pictures]
    assert ended(*begin, "--iterations", 2, "--out", run, *ON_DEVICE)[0] == 0
    go_on = ["psnr", "--out", run, "--resume", "--iterations", 4]
    code, _, err = ended(*go_on, "--set", "degrade_on_device=false")
    assert code == 2
    assert "degrade_on_device True → False" in err
    checkpoint = torch.load(run / "checkpoint.pt", weights_only=True)
    assert checkpoint["pictures"].endswith(", LR by cpu")
    checkpoint["pictures"] = checkpoint["pictures"].replace("cpu", "cuda")
    torch.save(checkpoint, run / "checkpoint.pt")
    code, _, err = ended(*go_on)
    assert code == 2
    assert "LR by cuda" in err
    assert "LR by cpu" in err
    code, out, err = ended(*go_on, "--allow-changes")
    assert code == 0, err
    assert "LR by cuda" in out


def test_a_dry_run_shows_its_samples(training_pictures: Path, tmp_path: Path) -> None:
    options = ["--data", training_pictures, "--out", tmp_path / "run", "--dry-run", *ON_DEVICE]
    code, _, err = ended("psnr", "--preset", "tiny", *options)
    assert code == 0, err
    picture = np.asarray(Image.open(tmp_path / "run-samples.png"))
    lr, hr = on_device(training_pictures, "photo")[0]
    np.testing.assert_array_equal(picture[:32:4, :32:4], lr.permute(1, 2, 0))
    np.testing.assert_array_equal(picture[:32, 32:64], hr.permute(1, 2, 0))


def test_what_it_is_not_for_is_said(
    training_pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**load_preset("psnr", "tiny"), "degrade_on_device": True}
    with pytest.raises(UserError, match="photo and real"):
        make_config("psnr", settings)
    with pytest.raises(UserError, match="leave out --lr"):
        make_config("psnr", {**settings, "degradation": "photo", "data": ["a"], "lr": ["b"]})

    def missing(*_: object) -> torch.Tensor:
        raise NotImplementedError("aten::poisson")

    monkeypatch.setattr("torch.poisson", missing)
    with pytest.raises(UserError, match="degrade_on_device: cpu lacks"):
        on_device(training_pictures, "photo")
