"""Example pictures and the stored results, which must be the built-in models' own."""

import hashlib

import numpy as np
import pytest

from esrgan.demo import choice, examples
from esrgan.demo import comparison as compute
from esrgan.demo.example_results import lr_of, networks
from esrgan.pictures.images import load_image, to_rgb
from esrgan.pictures.resize import imresize

OTHERS = [name for name in examples.pictures() if name != examples.FIRST]


@pytest.mark.parametrize(
    "name", [examples.FIRST, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]
)
def test_a_stored_result_is_the_models_own(name: str) -> None:
    """Processors round differently, by one grey level here and there."""
    lr = lr_of(name)
    assert examples.manifest()["pictures"][examples.digest(lr)] == name
    for parts in networks(name):
        stored = examples.stored(examples.digest(lr), parts)
        assert stored is not None, "make them anew: python -m esrgan.demo.example_results"
        error = np.abs(to_rgb(stored).astype(int) - to_rgb(compute.network_of(parts)(lr)))
        assert error.max() <= 1
        assert error.mean() < 0.01


def test_every_stored_file_is_of_these_pictures_and_weights() -> None:
    expected = {
        examples.file_name(
            name, {hashlib.sha256(file.read_bytes()).hexdigest(): share for file, share in parts}
        )
        for name in examples.pictures()
        for parts in networks(name)
    }
    there = {file.name for file in examples.RESULTS.iterdir()}
    given = {examples.given_file(pane).name for pane in ("lr", "bicubic", "hr")}
    assert there == expected | given | {examples.MANIFEST}


def test_what_the_first_example_shows_without_a_model_is_what_its_run_shows(tmp_path) -> None:
    begun = compute.begin(
        str(examples.pictures()[examples.FIRST]), is_hr=True, trio=choice.builtin_trio()
    )
    assert begun.hr is not None
    shown = {"lr": begun.lr, "bicubic": imresize(begun.lr, 4), "hr": begun.hr}
    for pane, picture in shown.items():
        assert np.array_equal(load_image(examples.given_file(pane)), picture), pane


def test_other_weights_and_other_pictures_have_no_stored_result(tmp_path) -> None:
    lr = imresize(examples.load(examples.FIRST), 1 / 4)
    *_, (file, _) = networks(examples.FIRST)[0]
    changed = tmp_path / "psnr.safetensors"
    changed.write_bytes(file.read_bytes() + b" ")
    assert examples.stored(examples.digest(lr), ((changed, 1.0),)) is None
    assert examples.stored(examples.digest(lr[1:]), networks(examples.FIRST)[0]) is None


def test_what_is_worth_a_look_lies_within_each_picture() -> None:
    assert examples.DETAILS.keys() == examples.pictures().keys()
    for name, (x, y, wide) in examples.DETAILS.items():
        height, width = 4 * np.array(lr_of(name).shape[:2])
        assert x + wide <= width, name
        assert y + wide * height / width <= height, name
