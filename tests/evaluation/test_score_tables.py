"""The scores of one data set: alignment, reasons, what is not finished."""

from dataclasses import replace

import pytest

from esrgan.evaluation.results import Results, Score
from esrgan.evaluation.score_tables import make_table, text_table


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


@pytest.mark.parametrize(("grey", "words"), [("basicsr", "16–235"), ("matlab", "own grey level")])
def test_the_luma_of_grey_pictures_is_named(results: Results, grey: str, words: str) -> None:
    assert not any("grey" in note for note in make_table(results, results.means()).notes)
    first, *others = results.scores
    some = replace(results, grey=grey, scores=(replace(first, grey=True), *others))
    (note,) = (note for note in make_table(some, some.means()).notes if "grey" in note)
    assert words in note
    assert "1 of 2 pictures" in note
