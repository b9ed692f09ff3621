"""train/gain.py: what is said of a gain, and what a run with pictures held out leaves."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import ttest_1samp

from esrgan.inference.upscale import Upscaler
from esrgan.models import zoo
from esrgan.models.checkpoints import load_generator, read_facts
from esrgan.pictures.folders import list_images
from esrgan.pictures.images import load_image
from esrgan.pictures.resize import imresize
from esrgan.run_folder import read_metrics
from tests.train.commands import ended
from tests.train.samples import noise, save
from train.data import PairDataset
from train.gain import Gain
from train.prepare import prepare
from train.prepared import Cut


def gained(*differences: float, figure: str = "psnr_y") -> Gain:
    before = {str(n): 30.0 + n for n in range(len(differences))}
    after = {name: before[name] + differences[int(name)] for name in before}
    return Gain(figure, before, {**after, **({"only afterwards": 1.0} if any(differences) else {})})


def test_the_interval_is_that_of_the_t_test() -> None:
    differences = np.random.default_rng(0).normal(0.1, 0.3, 30)
    expected = ttest_1samp(differences, 0).confidence_interval(0.95)
    assert gained(*differences).interval() == pytest.approx(tuple(expected))


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (gained(0.1, 0.12, 0.11, 0.1), "Better on the pictures held out: PSNR +0.11 dB"),
        (gained(0.1, 0.12, 0.11, 0.1), "(+0.09 to +0.12), better on 4 of 4."),
        (gained(0.3, -0.3, 0.1, -0.2), "No real gain on the pictures held out: PSNR"),
        (gained(0.3, -0.3, 0.1, -0.2), "better on 2 of 4."),
        (gained(-0.1, -0.12, -0.11), "Worse on the pictures held out: PSNR -0.11 dB"),
        (gained(-0.1, -0.12, -0.11, figure="niqe"), "Better on the pictures held out: NIQE -0.11"),
        (gained(0.0, 0.0), "No real gain; the start is kept"),
        (gained(0.1), "Too few"),
        (gained(), "Too few"),
    ],
)
def test_it_is_said_in_words(gain: Gain, words: str) -> None:
    assert words in gain.words()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of eight, each of one level, but for noise."""
    for number in range(8):
        level = 30 * number
        save(tmp_path / "pictures" / f"{number}.png", noise(52, 61, number) // 16 + level)
    return tmp_path / "pictures"


def test_pictures_held_out_are_never_drawn(pictures: Path) -> None:
    dataset = PairDataset([str(pictures)], 32, 4, seed=0)
    pairs = dataset.hold_out(20)
    assert len(pairs) == 2  # a quarter
    held = {int(pair.hr.mean()) // 30 for pair in pairs}
    drawn = {int(dataset[n][1].float().mean()) // 30 for n in range(200)}
    assert drawn == set(range(8)) - held
    assert len(held) == 2
    for pair in pairs:
        assert pair.hr.shape == (52, 60, 3)
        np.testing.assert_array_equal(pair.lr, imresize(pair.hr, 1 / 4))
    assert len(PairDataset([str(pictures)], 32, 4, seed=0).hold_out(1)) == 1


def test_pairs_are_held_out_with_their_lr(pictures: Path, tmp_path: Path) -> None:
    for file in list_images(pictures):
        save(tmp_path / "lr" / file.name, load_image(file)[:52:4, :60:4] ^ 255)
    dataset = PairDataset([str(pictures)], 32, 4, 0, lr=[str(tmp_path / "lr")])
    for pair in dataset.hold_out(2):
        np.testing.assert_array_equal(pair.lr, pair.hr[::4, ::4] ^ 255)


def test_of_large_pictures_the_middle_is_held_out(tmp_path: Path) -> None:
    whole = noise(301, 402)
    for number in range(4):
        save(tmp_path / "pictures" / f"{number}.png", whole)
    (pair,) = PairDataset([str(tmp_path / "pictures")], 32, 4, seed=0).hold_out(1)
    np.testing.assert_array_equal(pair.hr, whole[20:276, 72:328])


def test_sub_images_are_not_held_out(pictures: Path, tmp_path: Path) -> None:
    prepare([pictures], tmp_path / "prepared", Cut(smallest=32), workers=1)
    assert PairDataset([str(tmp_path / "prepared")], 32, 4, seed=0).hold_out(5) == []


def test_a_run_says_what_it_gained_and_keeps_the_best(pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    start = ["psnr", "--preset", "tiny", "--data", pictures, "--out", run, "--iterations", 15]
    code, out, err = ended(*start, "--set", "hold_out=2", "--set", "ema_decay=0.5")
    assert code == 0, err
    assert "note: 2 of the training pictures are held out" in out
    gain = json.loads((run / "gain.json").read_text("utf-8"))
    assert gain["words"] in out
    assert gain["words"] == read_facts(run / "generator.safetensors")["gain"]
    assert gain["words"] == Gain("psnr_y", gain["before"], gain["after"]).words()
    result, best = (
        load_generator(folder / "generator.safetensors") for folder in (run, run / "best")
    )
    for name, tensor in best.state_dict().items():
        assert (result.state_dict()[name] == tensor).all()
    means = [np.mean(list(gain[when].values())) for when in ("before", "after")]
    facts = read_facts(run / "best" / "generator.safetensors")
    assert means[1] == pytest.approx(facts["validation/psnr_y"], abs=0.05)  # kept as float16
    assert means[0] < means[1]
    shown = np.asarray(Image.open(run / "gain.png"))
    assert shown.shape == (2 * 52, 3 * 52, 3)
    dataset = PairDataset([str(pictures)], 32, 4, seed=0)
    pair = dataset.hold_out(2)[0]
    np.testing.assert_array_equal(shown[:52, 104:], pair.hr[:, 4:56])
    np.testing.assert_array_equal(shown[:52, 52:104], Upscaler(best, "cpu")(pair.lr)[:, 4:56])


def ruinous(pictures: Path, run: Path, iterations: int, *more: object) -> list[object]:
    """A command that trains a model with a learning rate that it does not survive."""
    start = ["psnr", "--preset", "finetune", "--data", pictures, "--out", run]
    settings = ["crop_size=32", "batch_size=2", "save_every=2", "schedule.learning_rate=0.01"]
    settings += ["schedule.warmup=0", "hold_out=2"]
    told = [part for setting in settings for part in ("--set", setting)]
    return [*start, "--iterations", iterations, *told, *more]


@pytest.mark.slow
def test_a_run_that_only_gets_worse_keeps_its_start(pictures: Path, tmp_path: Path) -> None:
    """Also where it goes on, and where what it then keeps is chosen by another figure."""
    run = tmp_path / "run"
    by_another = ["--set", "best_by=ssim_y", "--allow-changes"]
    for iterations, more in ((2, []), (4, ["--resume"]), (6, ["--resume", *by_another])):
        code, out, err = ended(*ruinous(pictures, run, iterations, *more))
        assert code == 0, err
        assert "No real gain; the start is kept" in out
        facts = read_facts(run / "generator.safetensors")
        assert facts["iterations"] == 0
        assert facts["gain"] in out
        start, result = zoo.load("psnr").network, load_generator(run / "generator.safetensors")
        for name, tensor in start.state_dict().items():
            assert (result.state_dict()[name] == tensor).all()
        gain = json.loads((run / "gain.json").read_text("utf-8"))
        assert gain["before"] == gain["after"]
        shown = np.asarray(Image.open(run / "gain.png"))
        np.testing.assert_array_equal(shown[:, :52], shown[:, 52:104])
    measured = [line for line in read_metrics(run) if "validation/psnr_y" in line]
    assert [line["iteration"] for line in measured] == [0, 2, 4, 6]
    assert measured[0]["validation/psnr_y"] > max(
        each["validation/psnr_y"] for each in measured[1:]
    )


def test_the_start_is_the_best_of_a_validation_of_one_s_own_too(
    pictures: Path, training_pictures: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    code, _, err = ended(*ruinous(pictures, run, 2, "--validation", training_pictures))
    assert code == 0, err
    best = read_facts(run / "best" / "generator.safetensors")
    assert best["iterations"] == 0
    assert best["validation/psnr_y"] == read_metrics(run)[0]["validation/psnr_y"]


def test_too_few_pictures_are_said_to_be_so(training_pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    start = ["psnr", "--preset", "tiny", "--data", training_pictures, "--out", run]
    code, out, err = ended(*start, "--iterations", 1, "--set", "hold_out=2")
    assert code == 0, err
    assert "too few pictures" in out
    assert not (run / "gain.json").exists()
