"""`evaluate`: protocol scores, means, what is computed and what is taken over."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from esrgan import assets
from esrgan.errors import UserError
from esrgan.evaluation.colour import colour_difference
from esrgan.evaluation.evaluate import Measures, evaluate, measure
from esrgan.evaluation.methods import Method, bicubic, ground_truth
from esrgan.evaluation.metrics import psnr, rmse, ssim
from esrgan.evaluation.niqe import load_pristine, niqe
from esrgan.evaluation.pairs import Pair, load_pair, pair_files
from esrgan.evaluation.results import Score, mean_score, picture_path
from esrgan.pictures.images import load_image
from esrgan.pictures.resize import imresize


def load_pairs(hr_folder: Path, lr_folder: Path | None) -> list[Pair]:
    return [load_pair(hr, lr, 4) for hr, lr in pair_files(hr_folder, lr_folder)]


@pytest.fixture
def hr_folder(tmp_path: Path, photo: np.ndarray) -> Path:
    folder = tmp_path / "HR"
    folder.mkdir()
    Image.fromarray(photo[:63, :47]).save(folder / "a.png")
    return folder


def test_lr_is_made_from_the_cropped_hr(hr_folder: Path, photo: np.ndarray) -> None:
    (pair,) = load_pairs(hr_folder, None)
    np.testing.assert_array_equal(pair.hr, photo[:60, :44])
    np.testing.assert_array_equal(pair.lr, imresize(photo[:60, :44], 1 / 4))


def test_wrong_size_of_lr_names_both_files(hr_folder: Path, photo: np.ndarray) -> None:
    lr_folder = hr_folder.parent / "LR"
    lr_folder.mkdir()
    Image.fromarray(photo[:10, :10]).save(lr_folder / "a.png")
    with pytest.raises(UserError, match=r"LR.a\.png is 10×10 .*HR.a\.png .* 11×15"):
        load_pairs(hr_folder, lr_folder)


def test_missing_lr_is_named(hr_folder: Path) -> None:
    with pytest.raises(UserError, match=r"lacks a\.png"):
        pair_files(hr_folder, hr_folder.parent)


def test_perfect_upscaling_scores_perfectly(hr_folder: Path) -> None:
    (pair,) = load_pairs(hr_folder, None)
    perfect = measure(pair.hr, pair.hr, 4, Measures(load_pristine()))
    same = ("rmse_y", "brightness", "delta_e", "delta_e_95")
    expected = {"psnr_y": np.inf, "psnr_rgb": np.inf, "ssim_y": 1, **dict.fromkeys(same, 0)}
    assert {name: perfect[name] for name in expected} == expected


def test_mean_rmse_is_the_root_of_the_mean_squared_error() -> None:
    mean = mean_score([Score("m", "a", 30, 0.8, 3), Score("m", "b", 20, 0.6, 4)])
    assert mean == Score("m", "mean", 25, pytest.approx(0.7), pytest.approx(12.5**0.5), count=2)  # type: ignore[arg-type]


@pytest.mark.slow
def test_published_bicubic_scores(benchmark_data: Path, measures: Measures) -> None:
    """PSNR-Y 28.43 / 26.09 dB, from MATLAB's own LR files."""
    for name, expected in (("Set5", 28.43), ("Set14", 26.09)):
        folder = benchmark_data / name
        files = pair_files(folder / "HR", folder / "LRbicx4")
        scores = list(evaluate(files, [bicubic(4)], 4, measures))
        assert mean_score(scores).psnr_y == pytest.approx(expected, abs=0.005)


# What is measured


@pytest.fixture(scope="module")
def measures() -> Measures:
    return Measures(load_pristine(), {"ma": "not here", "lpips": "not here"})


@pytest.fixture
def natural() -> Pair:
    hr = load_image(assets.EXAMPLES / "chelsea.png")[:240, :320]
    return Pair("cat.png", imresize(hr, 1 / 4), hr)


def test_every_number_or_its_reason(measures: Measures, natural: Pair) -> None:
    sr = imresize(natural.lr, 4)
    found = measure(sr, natural.hr, 4, measures)
    assert found["niqe"] == niqe(sr, measures.pristine)
    darker = measure(np.maximum(sr, 3) - 3, natural.hr, 4, measures)
    assert isinstance(found["brightness"], float)
    assert darker["brightness"] == pytest.approx(found["brightness"] - 3, abs=0.1)
    reasons = {name: value for name, value in found.items() if isinstance(value, str)}
    assert reasons == dict.fromkeys(("ma", "lpips", "pi"), "not here")
    small = natural.hr[:80, :80]
    assert measure(sr[:80, :80], small, 4, measures)["niqe"] == "too small"
    flat = np.full_like(sr, 90)
    assert measure(flat, natural.hr, 4, measures)["niqe"] == "too flat"


def test_colours_are_told_by_the_mean_and_the_95th_percentile(
    measures: Measures, natural: Pair
) -> None:
    tinted = natural.hr.copy()
    tinted[:24, :, 2] //= 2  # a tenth of the picture
    found = measure(tinted, natural.hr, 4, measures)
    differences = colour_difference(tinted, natural.hr)
    assert found["delta_e"] == pytest.approx(differences.mean())
    assert (differences > found["delta_e_95"]).mean() == pytest.approx(0.05, abs=0.001)
    assert found["delta_e_95"] > 5 * found["delta_e"]


def test_a_row_says_what_its_method_does_to_flat_pictures(
    files: Sequence[tuple[Path, Path | None]], measures: Measures
) -> None:
    tried = []

    def dimming(lr: np.ndarray) -> np.ndarray:
        tried.append(lr)
        return imresize(np.minimum(lr, 250), 4)

    method = Method("dim", lambda pair: dimming(pair.lr), lambda _: "", upscale=dimming)
    rows = list(evaluate(files, [method, ground_truth()], 4, measures))
    assert [row.flat for row in rows] == [5, None, 5, None]
    assert rows[1].reasons["flat"] == "pictures only"
    assert len(tried) == 2 + 3  # the pictures, and black, grey and white once


def test_perceptual_index_is_half_of_ten_minus_ma_plus_niqe(
    measures: Measures, natural: Pair
) -> None:
    learned = {"ma": lambda *_: 8.5, "lpips": lambda sr, hr: float(np.mean(sr != hr))}
    found = measure(natural.hr, natural.hr, 4, Measures(measures.pristine, learned))
    assert isinstance(found["niqe"], float)
    assert (found["ma"], found["lpips"]) == (8.5, 0)
    assert found["pi"] == pytest.approx((1.5 + found["niqe"]) / 2)
    broken = Measures(measures.pristine, {**learned, "ma": lambda *_: math.nan})
    refused = measure(natural.hr, natural.hr, 4, broken)
    assert (refused["ma"], refused["pi"]) == ("not a number", "not a number")


def test_grey_and_transparent_results_are_measured(measures: Measures, natural: Pair) -> None:
    grey = natural.hr[..., 0]
    assert measure(grey, grey, 4, measures)["psnr_rgb"] == math.inf
    opaque = np.dstack([natural.hr, np.full_like(grey, 255)])
    assert measure(opaque, natural.hr, 4, measures)["psnr_y"] == math.inf


def test_grey_pictures_are_measured_as_is_said(measures: Measures, natural: Pair) -> None:
    grey, sr = natural.hr[..., 0], imresize(natural.lr[..., 0], 4)
    matlab = Measures(measures.pristine, measures.learned, "matlab")
    for name, channel in (("psnr_y", psnr), ("ssim_y", ssim), ("rmse_y", rmse)):
        assert measure(sr, grey, 4, measures)[name] == channel(sr, grey, 4)
        assert measure(sr, grey, 4, matlab)[name] == channel(sr, grey, 4, "grey")
        assert measure(natural.hr, sr, 4, matlab)[name] != 0
    colour = imresize(natural.lr, 4)
    assert measure(colour, natural.hr, 4, matlab) == measure(colour, natural.hr, 4, measures)
    assert matlab.digest != measures.digest


# Runs


class Counted:
    """A method that counts its work."""

    def __init__(self, model: str, level: int) -> None:
        self.calls = 0
        self.level = level
        self.method = Method(model, self.result, lambda _: f"level {self.level}")

    def result(self, pair: Pair) -> np.ndarray:
        self.calls += 1
        return np.minimum(pair.hr, self.level)


@pytest.fixture
def files(tmp_path: Path, photo: np.ndarray) -> Sequence[tuple[Path, Path | None]]:
    folder = tmp_path / "HR"
    folder.mkdir()
    for number in range(2):
        Image.fromarray(photo[number * 4 :]).save(folder / f"{number}.png")
    return pair_files(folder, None)


def test_rows_come_picture_by_picture(
    files: Sequence[tuple[Path, Path | None]], measures: Measures
) -> None:
    rows = list(evaluate(files, [bicubic(4), ground_truth()], 4, measures))
    assert [(row.model, row.picture) for row in rows] == [
        ("bicubic", "0.png"),
        ("HR", "0.png"),
        ("bicubic", "1.png"),
        ("HR", "1.png"),
    ]
    assert rows[1].psnr_rgb == math.inf
    numbers = measure(load_pair(*files[0], 4).hr, load_pair(*files[0], 4).hr, 4, measures)
    for name, value in numbers.items():
        shown = rows[1].reasons[name] if isinstance(value, str) else getattr(rows[1], name)
        assert shown == value, name


def test_only_what_has_changed_is_computed_again(
    files: Sequence[tuple[Path, Path | None]], measures: Measures, tmp_path: Path
) -> None:
    dark, bright = Counted("dark", 50), Counted("bright", 200)

    def run(**changes: object) -> tuple[int, int]:
        settings = {"scale": 4, "measures": measures, "known": known, "folder": tmp_path, **changes}
        dark.calls = bright.calls = 0
        known[:] = evaluate(files, [dark.method, bright.method], **settings)  # type: ignore
        return dark.calls, bright.calls

    known: list[Score] = []
    assert run() == (2, 2)
    first = list(known)
    assert run() == (0, 0)
    assert known == first
    picture_path(tmp_path, known[0]).unlink()
    assert run() == (1, 0)
    bright.level = 210
    assert run() == (0, 2)
    Image.fromarray(load_image(files[1][0])[::-1]).save(files[1][0])
    assert run() == (1, 1)
    learned = {**measures.learned, "ma": lambda *_: 9.0}
    assert run(measures=Measures(measures.pristine, learned)) == (2, 2)
    assert run(scale=2) == (2, 2)


def test_kept_pictures_are_the_results(
    files: Sequence[tuple[Path, Path | None]], measures: Measures, tmp_path: Path
) -> None:
    for row in evaluate(files, [bicubic(4)], 4, measures, folder=tmp_path):
        hr_file, _ = next(pair for pair in files if pair[0].name == row.picture)
        expected = imresize(load_pair(hr_file, None, 4).lr, 4)
        np.testing.assert_array_equal(load_image(picture_path(tmp_path, row)), expected)
