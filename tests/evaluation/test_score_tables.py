"""Results as tables: headings, reasons, what is best, names, intervals and marks."""

import csv
import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from esrgan.evaluation.results import METRICS, Results, Score
from esrgan.evaluation.score_tables import (
    WRITERS,
    Style,
    comparison_table,
    make_table,
    means_csv,
    renamed,
    renaming,
    save_tables,
    text_table,
    tidy_csv,
)

NO_PYIQA = {"ma": "pyiqa not installed", "pi": "pyiqa not installed", "lpips": "no net"}


@pytest.fixture
def results() -> Results:
    return Results(
        (
            Score("HR", "a_1.png", math.inf, 1.0, 0.0, math.inf, 5.0, reasons=NO_PYIQA,
                  brightness=0.0, delta_e=0.0, delta_e_95=0.0),
            Score(
                "p–g", "a_1.png", 30.0, 0.8, 3.0, 28.0, 6.5, mode="image", alpha=0.2,
                reasons=NO_PYIQA, brightness=-1.084, delta_e=0.6, delta_e_95=1.25, flat=3.0,
            ),
            Score("HR", "b.png", math.inf, 1.0, 0.0, math.inf, 6.0, reasons=NO_PYIQA,
                  brightness=-1e-9, delta_e=0.0, delta_e_95=0.0),
            Score(
                "p–g", "b.png", 20.0, 0.6, 4.0, 18.0, mode="image", alpha=0.2,
                reasons={"niqe": "too small", **NO_PYIQA}, brightness=0.5,
                delta_e=1.0, delta_e_95=2.0, flat=3.0,
            ),
        ),
        niqe_label="NIQE (fitted)",
        planned=2,
    )  # fmt: skip


def test_text_is_aligned_and_tells_reasons_beneath(results: Results) -> None:
    lines = text_table(results, [*results.scores, *results.means()]).splitlines()
    assert lines[0].split("  ")[-1].strip() == "NIQE (fitted)"
    table, notes = lines[:7], lines[7:]
    assert len({len(line) for line in table}) == 1
    assert table[4].split() == ["p–g", "image", "0.2", "b.png", "20.00", "0.6000", "18.00", "4.000",
                                "+0.50", "1.00", "2.00", "3", "–"]  # fmt: skip
    assert table[6].split()[3:6] == ["mean", "2", "25.00"]
    assert table[6].split()[-3:] == ["1.62", "3", "6.500"]
    assert notes == [
        "Ma, PI (fitted): pyiqa not installed.",
        "LPIPS: no net.",
        "Mean NIQE (fitted) over 1 of 2 pictures; the others: too small.",
    ]


def test_a_reason_is_told_once() -> None:
    rows = [
        Score("m", name, 1.0, 1.0, 1.0, reasons={"niqe": reason})
        for name, reason in (("a", "too flat"), ("b", "too small"))
    ]
    results = Results(tuple(rows))
    text = text_table(results, [*rows, *results.means()])
    assert "NIQE: too flat, too small." in text.splitlines()


def test_what_is_not_finished_says_so_in_every_table(results: Results) -> None:
    """After Ctrl-C, one method has one picture more."""
    stopped = replace(results, scores=results.scores[:3], planned=5)
    means = make_table(stopped, stopped.means(), pictures=False)
    count = means.head.index("n")
    assert [row[count] for row in means.rows] == ["1/5", "1/5"]
    told = "Means are over 1 of 5 pictures, those that every method has."
    assert told in means.notes
    for name, write in WRITERS.items():
        written = write({"S": stopped}, Style())
        assert (",1," in written) if name == "means.csv" else ("5" in written)
        if not name.endswith(".csv"):
            assert told in written, name


@pytest.mark.parametrize(("grey", "words"), [("basicsr", "16–235"), ("matlab", "own grey level")])
def test_the_luma_of_grey_pictures_is_named(results: Results, grey: str, words: str) -> None:
    assert not any("grey" in note for note in make_table(results, results.means()).notes)
    first, *others = results.scores
    some = replace(results, grey=grey, scores=(replace(first, grey=True), *others))
    (note,) = (note for note in make_table(some, some.means()).notes if "grey" in note)
    assert words in note
    assert "1 of 2 pictures" in note


def rows_of(**models: list[float]) -> tuple[Score, ...]:
    """PSNR of each picture by methods, NIQE a tenth of it."""
    return tuple(
        Score(model, f"{n}.png", value, 0.5, 1.0, niqe=value / 10, brightness=value - 30)
        for model, values in models.items()
        for n, value in enumerate(values)
    )


def test_papers_have_the_best_and_the_second_of_each_data_set() -> None:
    sets = {
        "Set5": Results((*rows_of(a=[30, 31], b=[29, 31], c=[20, 21]), Score(
            "HR", "0.png", math.inf, 1, 0), Score("HR", "1.png", math.inf, 1, 0)), planned=2),
        "B100": Results(rows_of(b=[30.001], c=[29.999], d=[31])),
    }  # fmt: skip
    table = comparison_table(sets, Style(["psnr_y", "niqe", "brightness"]))
    assert table.groups == [("Set5 (n = 2)", 3), ("B100 (n = 1)", 3)]
    assert table.head == ["method", *["PSNR-Y ↑", "NIQE ↓", "Brightness"] * 2]
    assert [row[:2] for row in table.rows] == [
        ["a", "30.50"], ["b", "30.00"], ["c", "20.50"], ["HR", "inf"], ["d", "–"],
    ]  # fmt: skip
    best = {(y, x): rank for (y, x), rank in table.ranks.items()}
    first = {(0, 1): 1, (1, 1): 2, (2, 2): 1, (1, 2): 2, (1, 3): 1, (0, 3): 2}
    # b and c are equal as printed: both are second
    second = {(4, 4): 1, (1, 4): 2, (2, 4): 2, (1, 5): 1, (2, 5): 1, (4, 5): 2}
    second |= {(1, 6): 1, (2, 6): 1, (4, 6): 2}
    assert best == first | second


def test_intervals_and_marks(rng: np.random.Generator) -> None:
    base = rng.normal(30, 3, 40)
    ours, noise = (base + 0.5).tolist(), (base + rng.normal(0, 1, 40)).tolist()
    sets = {"S": Results(rows_of(base=base.tolist(), ours=ours, noise=noise))}
    table = comparison_table(sets, Style(["psnr_y"], intervals=True, reference="base"))
    cells = [row[1] for row in table.rows]
    half = 2.02 * base.std(ddof=1) / 40**0.5  # Student's t
    assert float(cells[0].split(" ± ")[1]) == pytest.approx(half, rel=0.1)
    assert [cell.endswith("*") for cell in cells] == [False, True, False]
    assert any("95 % bootstrap" in note for note in table.notes)
    assert any("differs from base" in note for note in table.notes)


def test_csv_is_tidy_and_holds_every_digit(results: Results) -> None:
    scores = (replace(results.scores[1], psnr_y=1 / 3), *results.scores[2:])
    rows = list(
        csv.DictReader(io.StringIO(tidy_csv({"S": replace(results, scores=scores)}, Style())))
    )
    assert len(rows) == 3
    assert set(METRICS) < rows[0].keys()
    assert float(rows[0]["psnr_y"]) == 1 / 3
    assert (rows[0]["data"], rows[0]["alpha"], rows[0]["niqe_model"]) == ("S", "0.2", "fitted")
    assert [row["niqe"] for row in rows] == ["6.5", "6.0", ""]
    assert rows[1]["psnr_y"] == "inf"
    assert "pyiqa" not in str(rows)


def test_csv_of_means_has_intervals() -> None:
    results = Results(rows_of(a=[20.0, 30.0, 40.0]), planned=4)
    (row,) = csv.DictReader(io.StringIO(means_csv({"": results}, Style())))
    assert (row["pictures"], row["planned"], row["psnr_y"]) == ("3", "4", "30.0")
    assert 20 <= float(row["psnr_y_low"]) < 30 < float(row["psnr_y_high"]) <= 40
    assert row["lpips_low"] == row["lpips"] == ""


def test_other_names_in_tables(results: Results, refused) -> None:
    names = {"runs/g.pth": "Ours", "a_1": "Fig. 1", "S": "Set 5"}
    new = renaming(names, ["HR", "g", "p"], ["a_1.png", "b.png", "S"])
    assert new == {"g": "Ours", "a_1.png": "Fig. 1", "S": "Set 5"}
    ((name, shown),) = renamed({"S": results}, new).items()
    assert name == "Set 5"
    assert {score.model for score in shown.scores} == {"HR", "p–Ours"}
    assert {score.picture for score in shown.scores} == {"Fig. 1", "b.png"}
    with refused("called 'x.pth'"):
        renaming({"x.pth": "X"}, ["g"], [])


def test_the_files_are_written(results: Results, tmp_path: Path) -> None:
    save_tables({"S": results}, tmp_path / "new")
    written = {file.name: file.read_text() for file in (tmp_path / "new").iterdir()}
    assert written == {name: write({"S": results}, Style()) for name, write in WRITERS.items()}
