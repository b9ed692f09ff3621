"""Scores of models over a folder of HR pictures (Sec. 4.2)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from esrgan.errors import UserError
from esrgan.images import crop_to_multiple, list_images, load_image, to_uint8
from esrgan.metrics import psnr, rmse, ssim
from esrgan.resize import imresize

Upscale = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Pair:
    """A ground truth (cut to a multiple of the scale) and its LR picture, `uint8`."""

    name: str
    lr: np.ndarray
    hr: np.ndarray


@dataclass(frozen=True)
class Score:
    """A model's result on one picture, or the mean of a folder: Y channel, cropped by the scale."""

    model: str
    picture: str
    psnr_y: float
    ssim_y: float
    rmse_y: float


def pair_files(hr_folder: Path, lr_folder: Path | None) -> list[tuple[Path, Path | None]]:
    """The HR pictures of a folder, each with the LR picture of the same name if a folder is given.

    Raises:
        UserError: a folder is missing or empty, or an LR picture is missing.
    """
    hr_files = list_images(hr_folder)
    if lr_folder is None:
        return [(file, None) for file in hr_files]
    missing = [file.name for file in hr_files if not (lr_folder / file.name).is_file()]
    if missing:
        raise UserError(f"{lr_folder} lacks {missing[0]}, which is in {hr_folder}.")
    return [(file, lr_folder / file.name) for file in hr_files]


def load_pair(hr_file: Path, lr_file: Path | None, scale: int) -> Pair:
    """Decode an HR picture and its LR; without a file, LR is made by our resize.

    Raises:
        UserError: a file can't be decoded, or the LR's size is not 1/scale of the HR's.
    """
    hr = crop_to_multiple(to_uint8(load_image(hr_file)), scale)
    if lr_file is None:
        return Pair(hr_file.name, imresize(hr, 1 / scale), hr)
    lr = to_uint8(load_image(lr_file))
    expected = (hr.shape[0] // scale, hr.shape[1] // scale)
    if lr.shape[:2] != expected:
        raise UserError(
            f"{lr_file} is {lr.shape[1]}×{lr.shape[0]} pixels, but {hr_file} at 1/{scale} "
            f"makes {expected[1]}×{expected[0]}."
        )
    return Pair(hr_file.name, lr, hr)


def score(model: str, upscale: Upscale, pair: Pair, scale: int) -> Score:
    """Upscale one pair's LR and measure it against its HR."""
    sr = upscale(pair.lr)
    figures = [metric(sr, pair.hr, crop_border=scale) for metric in (psnr, ssim, rmse)]
    return Score(model, pair.name, *figures)


def mean_score(scores: Sequence[Score]) -> Score:
    """The means over pictures; RMSE is the root of the mean squared error, as in PIRM."""
    return Score(
        scores[0].model,
        "mean",
        float(np.mean([s.psnr_y for s in scores])),
        float(np.mean([s.ssim_y for s in scores])),
        float(np.sqrt(np.mean([s.rmse_y**2 for s in scores]))),
    )


def format_table(scores: Sequence[Score]) -> str:
    """A text table, one line a score."""
    width = max(len(s.picture) for s in scores) + 2
    model_width = max(len(s.model) for s in scores) + 2
    head = f"{'model':{model_width}}{'picture':{width}}{'PSNR-Y':>8}{'SSIM-Y':>9}{'RMSE-Y':>9}"
    lines = [
        f"{s.model:{model_width}}{s.picture:{width}}{s.psnr_y:8.2f}{s.ssim_y:9.4f}{s.rmse_y:9.3f}"
        for s in scores
    ]
    return "\n".join([head, *lines])
