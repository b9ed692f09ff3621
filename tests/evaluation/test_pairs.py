"""Which LR belongs to which HR, by the names in common use."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from esrgan.evaluation.pairs import Candidates, load_pair, pair_files
from esrgan.pictures.folders import list_images


def folder_of(root: Path, *names: str) -> Path:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(file)
    return root


def paired(hr: Path, lr: Path | None, scale: int = 4) -> dict[str, str | None]:
    return {h.name: None if low is None else low.name for h, low in pair_files(hr, lr, scale)}


@pytest.mark.parametrize(
    ("hr", "lr"),
    [
        ("baby.png", "baby.png"),
        ("baby.png", "baby.bmp"),
        ("0801.png", "0801x4.png"),
        ("baby_HR.png", "baby_LR.png"),
        ("baby_HR_x4.png", "baby_LRBI_x4.png"),
        ("img_001_SRF_4_HR.png", "img_001_SRF_4_LR.png"),
        ("baby_GT.png", "baby-lr-x4.jpg"),
    ],
)
def test_two_folders(tmp_path, hr, lr):
    first = folder_of(tmp_path / "first", hr, "other.png")
    second = folder_of(tmp_path / "second", lr, "other.png", "unrelated.png")
    assert paired(first, second) == {hr: lr, "other.png": "other.png"}


def test_the_same_name_goes_before_a_similar_one(tmp_path):
    first = folder_of(tmp_path / "first", "a.png", "a_x2.png")
    second = folder_of(tmp_path / "second", "a.png", "a_x2.png")
    assert paired(first, second) == {"a.png": "a.png", "a_x2.png": "a_x2.png"}


@pytest.mark.parametrize(("hr", "lr"), [("GTmod12", "LRbicx4"), ("HR", "LRbicx4"), ("HR", "LR/X4")])
def test_the_folder_of_a_data_set(tmp_path, hr, lr):
    folder_of(tmp_path, f"{hr}/a.png", f"{lr}/a.png", "LRbicx2/a.png")
    assert pair_files(tmp_path, None) == [(tmp_path / hr / "a.png", tmp_path / lr / "a.png")]


def test_a_data_set_without_lr_of_this_scale(tmp_path):
    folder_of(tmp_path, "GTmod12/a.png", "LRbicx4/a.png")
    assert paired(tmp_path, None, scale=3) == {"a.png": None}


def test_hr_and_lr_in_one_folder(tmp_path):
    folder_of(tmp_path, "a_HR.png", "a_LR.png", "a_bicubic.png", "b_HR.png", "b_LR.png")
    assert paired(tmp_path, None) == {"a_HR.png": "a_LR.png", "b_HR.png": "b_LR.png"}


def test_hr_alone(tmp_path):
    folder_of(tmp_path, "a_HR.png", "b.png")
    assert paired(tmp_path, None) == {"a_HR.png": None, "b.png": None}


def test_what_is_missing_or_ambiguous_is_named(tmp_path, refused):
    first = folder_of(tmp_path / "first", "a.png", "b.png")
    second = folder_of(tmp_path / "second", "a_LR.png", "ax4.png", "b.png")
    with refused("a_LR.png", "ax4.png", "could belong to a.png"):
        pair_files(first, second)
    (second / "a_LR.png").unlink()
    (second / "b.png").unlink()
    with refused("second lacks b.png"):
        pair_files(first, second)
    with refused("nowhere is not a folder"):
        pair_files(first, tmp_path / "nowhere")
    with refused("same name"):
        pair_files(folder_of(tmp_path / "third", "x/a.png", "y/a.png"), None)


@pytest.mark.parametrize(
    "names",
    [
        "{}_ESRGAN_SRx4_official.png",
        "{}_RCAN_x4.png",
        "{0}/{0}_400000.png",
        "{}_test_ESRGAN.png",
        "{}x4_SwinIR.png",
        "{}_rlt.png",
    ],
)
@pytest.mark.parametrize("hr", ["{}.png", "{}_HR.png"])
def test_results_by_common_names(tmp_path, names, hr):
    pictures = ["bird", "bird_2", "img_001", "img_0012"]
    made = [names.format(picture) for picture in pictures]
    folder_of(tmp_path, *made, "readme.png")
    found = Candidates(list_images(tmp_path), tmp_path, "theirs")
    matches = [found.match(hr.format(p)).relative_to(tmp_path).as_posix() for p in pictures]
    assert matches == made


@pytest.mark.parametrize("other", ["a.png", "a_ESRGAN.png", "a_out.png"])
def test_two_results_of_a_method_are_ambiguous(tmp_path, refused, other):
    folder_of(tmp_path, other, "a_ESRGAN_x4.png", "b_ESRGAN_x4.png", "b_esrgans.png", "c.png")
    found = Candidates(list_images(tmp_path), tmp_path, "ESRGAN")
    with refused(other, "a_ESRGAN_x4.png", "could belong to a.png"):
        found.match("a.png")
    assert [found.match(f"{name}.png").stem for name in "bc"] == ["b_ESRGAN_x4", "c"]


def test_results_of_several_methods_in_one_folder(tmp_path, refused):
    folder_of(tmp_path, "a_RCAN_x4.png", "a_EDSR_x4.png", "b_RCAN_x4.png", "b_EDSR_x4.png")
    files = list_images(tmp_path)
    assert Candidates(files, tmp_path, "EDSR").match("a.png").name == "a_EDSR_x4.png"
    with refused("a_EDSR_x4.png, ", "a_RCAN_x4.png", "could belong to a.png"):
        Candidates(files, tmp_path, "Ours").match("a.png")
    with refused("lacks a.png"):  # of LR pictures, no more than the usual marks are known
        Candidates(files, tmp_path).match("a.png")


def test_a_wrong_size_names_both_files(tmp_path, refused):
    folder_of(tmp_path, "a_HR.png", "a_LR.png")
    ((hr, lr),) = pair_files(tmp_path, None)
    with refused("a_LR.png is 8×8", "a_HR.png at 1/4 makes 2×2"):
        load_pair(hr, lr, 4)
