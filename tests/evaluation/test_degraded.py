"""evaluation/degraded.py and `evaluate --degrade`: LR that is spoilt before it is enlarged."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from esrgan.evaluation.degraded import degradation_table, degraded, with_degradations
from esrgan.evaluation.evaluate import Measures, evaluate
from esrgan.evaluation.methods import bicubic, ground_truth
from esrgan.evaluation.metrics import psnr
from esrgan.evaluation.niqe import load_pristine
from esrgan.evaluation.pairs import Pair, pair_files
from esrgan.evaluation.results import Results
from esrgan.pictures.degrade import Recipe, jpeg
from esrgan.pictures.resize import imresize

RECIPES = [Recipe.of(text) for text in ("clean", "jpeg:30", "noise:9+jpeg:70")]


@pytest.fixture
def folder(tmp_path: Path, photo: np.ndarray) -> Path:
    (tmp_path / "HR").mkdir()
    for name in ("a", "b"):
        Image.fromarray(np.roll(photo, len(name), axis=0)).save(tmp_path / "HR" / f"{name}.png")
    return tmp_path / "HR"


def measured(folder: Path) -> Results:
    methods = with_degradations([bicubic(4), ground_truth()], RECIPES)
    files = pair_files(folder, None, 4)
    return Results(tuple(evaluate(files, methods, 4, Measures(load_pristine()))))


def test_a_method_gets_the_spoilt_lr(photo: np.ndarray) -> None:
    lr = imresize(photo, 1 / 4)
    pair = Pair("a.png", lr, photo)
    method = degraded(bicubic(4), RECIPES[1])
    assert method.model == "bicubic jpeg:30"
    np.testing.assert_array_equal(method.result(pair), imresize(jpeg(lr, 30), 4))
    assert method.digest("a.png") != bicubic(4).digest("a.png")


def test_what_is_clean_or_needs_no_lr_stays_as_it_is() -> None:
    plain, truth = bicubic(4), ground_truth()
    assert degraded(plain, RECIPES[0]) is plain
    assert degraded(truth, RECIPES[1]) is truth
    models = [method.model for method in with_degradations([plain, truth], RECIPES)]
    assert models == ["bicubic", "bicubic jpeg:30", "bicubic noise:9+jpeg:70", "HR"]


def test_it_is_the_same_each_time_and_worse_than_clean(folder: Path) -> None:
    first, second = (measured(folder).scores for _ in range(2))
    assert first == second
    clean, spoilt, _, _ = (score for score in first if score.picture == "a.png")
    hr = np.asarray(Image.open(folder / "a.png"))
    expected = psnr(imresize(jpeg(imresize(hr, 1 / 4), 30), 4), hr, 4)
    assert spoilt.psnr_y == pytest.approx(expected)
    assert clean.psnr_y is not None
    assert clean.psnr_y > expected


def test_the_table_has_a_column_a_degradation(folder: Path) -> None:
    results = measured(folder)
    table = degradation_table(results, RECIPES)
    assert table.head[:4] == ["model", *(f"PSNR-Y {recipe.text}" for recipe in RECIPES)]
    bicubic_row, hr_row = table.rows
    means = {mean.model: mean.psnr_y for mean in results.means()}
    names = ("bicubic", "bicubic jpeg:30", "bicubic noise:9+jpeg:70")
    assert bicubic_row[:4] == ["bicubic", *(f"{means[name]:.2f}" for name in names)]
    assert hr_row[:4] == ["HR", "inf", "inf", "inf"]
