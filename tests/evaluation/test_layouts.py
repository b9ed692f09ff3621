"""Data sets in the layouts in common use: right pairs, or a refusal that says what to name."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from esrgan.evaluation.niqe import fit_pristine
from esrgan.evaluation.pairs import load_pair, pair_files
from esrgan.pictures.images import load_image
from esrgan.pictures.resize import imresize

HR, LR = (12, 16), (3, 4)  # pixels


def written(root: Path, names: str) -> Path:
    """Pictures of these names; those marked with a `-` in front are LR, with `+` HR."""
    for number, word in enumerate(names.split()):
        file = root / word[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        shape = HR if word[0] == "+" else LR
        Image.fromarray(np.full((*shape, 3), number, np.uint8)).save(file)
    return root


def pairs(root: Path, folder: str = ".", scale: int = 4) -> list[tuple[str, str | None]]:
    found = pair_files(root / folder, None, scale)
    for hr, lr in found:
        assert load_pair(hr, lr, scale).hr.shape[:2] == HR
    return [
        (hr.relative_to(root).as_posix(), lr.relative_to(root).as_posix() if lr else None)
        for hr, lr in found
    ]


@pytest.mark.parametrize(
    ("names", "folder"),
    [
        ("+DIV2K_valid_HR/0801.png -DIV2K_valid_LR_bicubic/X4/0801x4.png "
         "-DIV2K_valid_LR_bicubic/X2/0801x2.png", "."),
        ("+Set5/HR/baby.png -Set5/LR_bicubic/X4/babyx4.png -Set5/LR_bicubic/X3/babyx3.png", "Set5"),
        ("+GTmod12/baby.png -LRbicx4/baby.png -LRbicx2/baby.png +original/baby.png", "."),
        ("+testH/baby.bmp -testL/baby.bmp", "."),
        ("+HR/Set5/x4/baby_HR_x4.png -LR/LRBI/Set5/x4/baby_LRBI_x4.png "
         "+HR/Set5/x2/baby_HR_x2.png -LR/LRBD/Set5/x3/baby_LRBD_x3.png", "."),
        ("+Set5/image_SRF_4/img_001_SRF_4_HR.png -Set5/image_SRF_4/img_001_SRF_4_LR.png "
         "+Set5/image_SRF_4/img_001_SRF_4_bicubic.png +Set5/image_SRF_2/img_001_SRF_2_HR.png "
         "-Set5/image_SRF_2/img_001_SRF_2_LR.png", "Set5"),
        ("+HR/x4/baby.png -LR/x4/baby.png +Bic/x4/baby.png +HR/x2/baby.png", "."),
        ("+Set5/baby.png -Set5_LR/x4/baby.png -Set5_LR/x2/baby.png", "."),
        ("+baby_HR.png -baby_LR.png", "."),
    ],
    ids=["DIV2K", "EDSR", "BasicSR", "KAIR", "RCAN", "SelfExSR", "MATLAB", "IMDN", "one folder"],
)  # fmt: skip
def test_the_first_picture_and_its_lr_are_a_pair(tmp_path: Path, names: str, folder: str) -> None:
    """The first two files of each."""
    written(tmp_path, names)
    high, low, *_ = (word[1:] for word in names.split())
    assert pairs(tmp_path, folder) == [(high, low)]


@pytest.mark.parametrize(
    "names", ["+a.png +b.bmp", "+train/a.png +test/b.png", "+flowers_x4/a.png +lr_days/b.png"]
)
def test_plain_folders_are_hr(tmp_path: Path, names: str) -> None:
    written(tmp_path, names)
    assert {low for _, low in pairs(tmp_path)} == {None}
    assert len(pairs(tmp_path)) == 2


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("+DIV2K_train_HR/1.png -DIV2K_train_LR_bicubic/X4/1x4.png +DIV2K_valid_HR/2.png "
         "-DIV2K_valid_LR_bicubic/X4/2x4.png",
         ["several data sets", "DIV2K_valid_HR with --lr ", "DIV2K_valid_LR_bicubic/X4"]),
        ("+Set5/HR/a.png -Set5/LR_bicubic/X4/ax4.png +Set14/HR/b.png "
         "-Set14/LR_bicubic/X4/bx4.png", ["several data sets", "Set14", "Set5"]),
        ("+HR/Set5/x4/a_HR_x4.png -LR/LRBI/Set5/x4/a_LRBI_x4.png +HR/Set14/x4/b_HR_x4.png",
         ["several data sets", "HR/Set5/x4 with --lr ", "LR/LRBI/Set5/x4"]),
        ("+Set5/a.png -Set5_LR/x4/a.png +Set14/b.png", ["several data sets", "Set14"]),
        ("+sharp/a.png -LR_bicubic/X4/ax4.png", ["LR pictures", "LR_bicubic", "sharp"]),
        ("+x2/a_HR_x2.png +x4/a_HR_x4.png", ["several scales", "x2"]),
    ],
    ids=["DIV2K", "EDSR", "RCAN", "IMDN", "unknown", "scales"],
)  # fmt: skip
def test_what_holds_several_is_refused(
    tmp_path: Path, names: str, words: list[str], refused
) -> None:
    written(tmp_path, names)
    with refused(*words):
        pair_files(tmp_path, None)


def test_a_pristine_model_is_fitted_on_hr_alone(tmp_path: Path, rng: np.random.Generator) -> None:
    """By the same layouts."""
    picture = rng.integers(0, 256, (96 * 7, 96 * 7, 3), np.uint8)
    for folder, image in (("D_HR", picture), ("D_LR_bicubic/X4", imresize(picture, 1 / 4))):
        (tmp_path / "root" / folder).mkdir(parents=True)
        Image.fromarray(image).save(tmp_path / "root" / folder / "a.png")
    alone = fit_pristine(tmp_path / "root" / "D_HR")
    np.testing.assert_array_equal(fit_pristine(tmp_path / "root").mean, alone.mean)
    assert load_image(tmp_path / "root" / "D_HR" / "a.png").shape == picture.shape


def test_linked_and_hidden_folders_are_no_data_sets(tmp_path: Path) -> None:
    written(tmp_path, "+HR/a.png -LR/a.png")
    written(tmp_path, "+.cache/HR/a.png")
    assert pairs(tmp_path) == [("HR/a.png", "LR/a.png")]
