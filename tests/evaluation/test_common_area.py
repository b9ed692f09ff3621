"""Results of others that are off by a few pixels: where they lie in HR, and what all show."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from esrgan.errors import UserError
from esrgan.evaluation.common_area import Area, common_area, place_of
from esrgan.evaluation.evaluate import Measures, evaluate, measure
from esrgan.evaluation.methods import bicubic, from_folder, ground_truth
from esrgan.evaluation.niqe import load_pristine
from esrgan.evaluation.pairs import load_pair
from esrgan.pictures.resize import imresize


@pytest.fixture
def blurred(photo: np.ndarray) -> np.ndarray:
    """A result: of HR, but not HR."""
    return imresize(imresize(photo, 1 / 4), 4)


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        (Area(4, 4, 56, 40), "shaved borders"),
        (Area(0, 3, 64, 45), "one side cut"),
        (Area(7, 0, 57, 46), "two sides cut, unequally"),
    ],
)
def test_a_smaller_result_lies_where_it_was_cut(
    place: Area, shown: str, photo: np.ndarray, blurred: np.ndarray
) -> None:
    hr, sr = photo[:64, :48], place.cut(blurred[:64, :48])
    assert place_of(sr, hr) == place
    np.testing.assert_array_equal(common_area([place], *hr.shape[:2]).cut(hr), place.cut(hr))


def test_a_larger_result_begins_outside_and_both_directions_may_differ(
    photo: np.ndarray, blurred: np.ndarray
) -> None:
    assert place_of(blurred, photo[2:60, 1:45]) == Area(-2, -1, 64, 48)
    assert place_of(blurred[:, 5:45], photo[2:60]) == Area(-2, 5, 64, 40)


def test_what_fits_anywhere_lies_in_the_middle() -> None:
    flat = np.full((64, 48, 3), 90, np.uint8)
    assert place_of(flat[:56, :40], flat) == Area(4, 4, 56, 40)
    assert place_of(flat, flat[:60]) == Area(-2, 0, 64, 48)


def test_what_all_show_is_inside_each() -> None:
    places = [Area(4, 4, 56, 40), Area(-2, 0, 60, 48)]
    assert common_area(places, 64, 48) == Area(4, 4, 54, 40)
    assert common_area([], 64, 48) == Area(0, 0, 64, 48)
    with pytest.raises(UserError, match="no part"):
        common_area([Area(0, 0, 2, 2), Area(3, 3, 2, 2)], 8, 8)


def test_all_methods_are_measured_on_what_all_show(
    tmp_path: Path, photo: np.ndarray, blurred: np.ndarray
) -> None:
    hr_file, other = tmp_path / "a.png", tmp_path / "other"
    other.mkdir()
    Image.fromarray(photo[:64, :48]).save(hr_file)
    Image.fromarray(blurred[5:60, 4:44]).save(other / "a.png")
    methods = [bicubic(4), from_folder("other", other, off_by=20), ground_truth()]
    measures = Measures(load_pristine(), common=True)
    rows = list(evaluate([(hr_file, None)], methods, 4, measures, folder=tmp_path / "out"))
    area = slice(5, 60), slice(4, 44)
    sr = imresize(load_pair(hr_file, None, 4).lr, 4)
    for row, shown in zip(rows, (sr[area], blurred[area], photo[area]), strict=True):
        expected = measure(shown, photo[area], 4, measures)
        assert row.area == (5, 4, 55, 40)
        assert row.psnr_y == expected["psnr_y"]
        assert row.ssim_y == expected["ssim_y"]
    again = evaluate([(hr_file, None)], methods, 4, measures, rows, tmp_path / "out")
    assert list(again) == rows
    Image.fromarray(blurred[5:61, 4:44]).save(other / "a.png")  # what all show has changed
    assert [row.area for row in evaluate([(hr_file, None)], methods, 4, measures, rows)] == [
        (5, 4, 56, 40)
    ] * 3


def test_without_it_the_refusal_names_the_option(tmp_path: Path, photo: np.ndarray) -> None:
    hr_file = tmp_path / "a.png"
    Image.fromarray(photo[:64, :48]).save(hr_file)
    pair = load_pair(hr_file, None, 4)
    for size, told in ((56, r"a\.png is 48×56 .*--crop-to-common"), (40, r"48×64\.$")):
        Image.fromarray(photo[:size, :48]).save(tmp_path / "a.png")
        with pytest.raises(UserError, match=told):
            from_folder("other", tmp_path).result(pair)
    with pytest.raises(UserError, match="48×40"):
        from_folder("other", tmp_path, off_by=20).result(pair)
