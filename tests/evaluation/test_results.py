"""Results of `evaluate`: their means, and the file that holds them."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from esrgan.evaluation.results import (
    METRICS,
    Results,
    Score,
    load_results,
    mean_score,
    picture_path,
    save_results,
    without,
)


def test_a_mean_leaves_out_what_is_missing_and_says_so() -> None:
    rows = [
        Score("m", "a", 30, 0.8, 3, niqe=5.0, brightness=-2.0),
        Score("m", "b", 20, 0.6, 4, brightness=1.0, reasons={"niqe": "too small", "ma": "x"}),
    ]
    mean = mean_score(rows)
    assert mean.niqe == 5
    assert mean.ma is None
    assert mean.brightness == -0.5
    assert mean.reasons == {"niqe": "1 of 2 pictures; the others: too small", "ma": "x"}


def test_means_of_all_methods_are_over_the_same_pictures() -> None:
    """After Ctrl-C the first method has one picture more; of b, NIQE can't judge a result."""
    rows = (
        Score("m", "a", 30, 0.8, 3, niqe=5.0),
        Score("n", "a", 20, 0.6, 4, niqe=3.0),
        Score("m", "b", 10, 0.4, 1, niqe=9.0),
        Score("n", "b", 40, 0.2, 1, reasons={"niqe": "too flat"}),
        Score("m", "c", 99, 0.9, 9, niqe=9.0),
    )
    means = Results(rows, planned=3).means()
    assert [(mean.model, mean.psnr_y, mean.niqe, mean.count) for mean in means] == [
        ("m", 20, 5, 2),
        ("n", 30, 3, 2),
    ]
    assert {mean.reasons["niqe"] for mean in means} == {"1 of 2 pictures; the others: too flat"}
    assert Results(()).means() == []


def test_results_survive_their_file(tmp_path: Path) -> None:
    rows = (
        Score("HR", "a.png", math.inf, 1.0, 0.0, math.inf, niqe=4.5, settings="s"),
        Score("p–g", "a.png", 30.1, 0.8, 3.0, mode="image", alpha=0, reasons={"niqe": "flat"}),
    )
    results = Results(rows, "HR", "LR", 4, "NIQE (fitted)", earlier=(rows[0],))
    save_results(results, tmp_path)
    assert load_results(tmp_path) == load_results(tmp_path / "results.json") == results
    assert results.pi_label == "PI (fitted)"
    text = (tmp_path / "results.json").read_text()
    assert "Infinity" not in text
    assert "NaN" not in text


def test_files_from_before_a_number_was_measured_are_read(tmp_path: Path) -> None:
    score = Score("m", "a.png", 30.1, 0.8, 3.0, settings="s")
    save_results(Results((score,)), tmp_path)
    file = tmp_path / "results.json"
    file.write_text(file.read_text().replace('"brightness": null', '"settings": "s"'))
    assert "brightness" not in file.read_text()
    assert load_results(file).scores == (score,)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "scores": [1]}'])
def test_other_files_are_refused(
    tmp_path: Path, refused: Callable[..., AbstractContextManager[None]], text: str
) -> None:
    (tmp_path / "results.json").write_text(text)
    with refused("results.json"):
        load_results(tmp_path)
    with refused("There is no"):
        load_results(tmp_path / "missing.json")


def test_rows_that_were_not_asked_for_are_kept_apart() -> None:
    old = [Score(model, "a", 30, 0.8, 3, settings="old") for model in ("m", "n")]
    new = [Score("m", "a", 31, 0.9, 2, settings="new")]
    assert without(old, new) == (old[1],)


def test_no_picture_leaves_its_folder(tmp_path: Path) -> None:
    score = Score("../../x/y", "a.png", 1, 1, 1)
    assert picture_path(tmp_path, score) == tmp_path / "pictures" / ".._.._x_y" / "a.png"
    assert set(METRICS) < set(vars(score))
