"""`evaluate`: pairs by name, protocol scores, means."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from esrgan.errors import UserError
from esrgan.evaluate import Pair, Score, load_pair, mean_score, pair_files, score
from esrgan.resize import imresize


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
    perfect = score("oracle", lambda _: pair.hr, pair, 4)
    assert (perfect.psnr_y, perfect.ssim_y, perfect.rmse_y) == (np.inf, 1, 0)


def test_mean_rmse_is_the_root_of_the_mean_squared_error() -> None:
    mean = mean_score([Score("m", "a", 30, 0.8, 3), Score("m", "b", 20, 0.6, 4)])
    assert mean == Score("m", "mean", 25, pytest.approx(0.7), pytest.approx(12.5**0.5))


def test_published_bicubic_scores(benchmark_data: Path) -> None:
    """PSNR-Y 28.43 / 26.09 dB, from MATLAB's own LR files."""
    for name, expected in (("Set5", 28.43), ("Set14", 26.09)):
        folder = benchmark_data / name
        pairs = load_pairs(folder / "HR", folder / "LRbicx4")
        scores = [score("bicubic", lambda lr: imresize(lr, 4), pair, 4) for pair in pairs]
        assert mean_score(scores).psnr_y == pytest.approx(expected, abs=0.005)
