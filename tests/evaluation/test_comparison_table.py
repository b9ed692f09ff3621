"""Data sets side by side: what is best, intervals and marks."""

import math

import numpy as np
import pytest

from esrgan.evaluation.comparison_table import Style, comparison_table
from esrgan.evaluation.results import Results, Score
from tests.evaluation.samples import rows_of


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
