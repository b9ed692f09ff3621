"""Results in words: text, CSV, Markdown, LaTeX."""

import csv
import io
import math

import pytest

from esrgan.evaluation.results import Results, Score
from esrgan.evaluation.tables import csv_table, latex_table, markdown_table, save_tables, text_table

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
    )  # fmt: skip


def test_text_is_aligned_and_tells_reasons_beneath(results):
    lines = text_table(results, [*results.scores, *results.means()]).splitlines()
    assert lines[0].split("  ")[-1].strip() == "NIQE (fitted)"
    table, notes = lines[:7], lines[7:]
    assert len({len(line) for line in table}) == 1
    assert table[4].split() == ["p–g", "image", "0.2", "b.png", "20.00", "0.6000", "18.00", "4.000",
                                "+0.50", "1.00", "2.00", "3", "too", "small"]  # fmt: skip
    assert table[6].split()[-3:] == ["1.62", "3", "6.500"]
    assert notes == [
        "Ma, PI (fitted): pyiqa not installed.",
        "LPIPS: no net.",
        "Mean NIQE (fitted) over 1 of 2 pictures; the others: too small.",
    ]


def test_csv_holds_every_row_and_reason(results):
    head, *rows = csv.reader(io.StringIO(csv_table(results)))
    assert head == ["model", "mode", "alpha", "picture", "PSNR-Y", "SSIM-Y", "PSNR-RGB", "RMSE-Y",
                    "Brightness", "ΔE", "ΔE 95 %", "Flat", "NIQE (fitted)",
                    "Ma", "PI (fitted)", "LPIPS"]  # fmt: skip
    assert len(rows) == 6
    assert rows[3][8:] == [
        "+0.50",
        "1.00",
        "2.00",
        "3",
        "too small",
        "pyiqa not installed",
        "pyiqa not installed",
        "no net",
    ]
    assert [row[8] for row in rows[:3]] == ["+0.00", "-1.08", "+0.00"]
    assert rows[5][:5] == ["p–g", "image", "0.2", "mean", "25.00"]


@pytest.mark.parametrize("name", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1"])
def test_csv_gives_a_spreadsheet_no_formula_and_its_numbers(name):
    score = Score(name, name, 30.0, 0.8, 3.0, 28.0, 6.5, brightness=-1.084)
    _, row, _ = csv.reader(io.StringIO(csv_table(Results((score,), niqe_label="NIQE")), newline=""))
    assert [cell for cell in row if cell.startswith(("=", "@", "\t"))] == []
    assert row.count(f"'{name}") == 2
    assert "-1.08" in row
    assert [float(cell) for cell in row if cell.startswith(("+", "-"))] == [-1.08]


def test_markdown_has_as_many_cells_in_every_line(results):
    lines = [line for line in markdown_table(results).splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines[:4]} == {16}  # the means: no column of pictures
    assert {line.count("|") for line in lines[4:]} == {17}
    assert "| a_1.png | inf | 1.0000 |" in lines[6]


def test_latex_is_booktabs_and_escaped(results):
    text = latex_table(results)
    assert text.count(r"\toprule") == text.count(r"\end{tabular}") == 2
    assert r"model & mode & $\alpha$ & PSNR-Y & SSIM-Y" in text
    assert r"& $\Delta$E & $\Delta$E 95 \% & Flat &" in text
    assert r"p--g & image & 0.2 & a\_1.png & 30.00" in text
    assert " & 3.000 & $-$1.08 & 0.60 & 1.25 & 3 & 6.500 " in text
    assert "% Ma, PI (fitted): pyiqa not installed." in text
    for table in text.split(r"\begin{tabular}{")[1:]:
        columns = table.index("}")
        rows = [line for line in table.splitlines() if line.endswith(r"\\")]
        assert {line.count("&") + 1 for line in rows} == {columns}


def test_a_reason_is_told_once():
    rows = [
        Score("m", name, 1.0, 1.0, 1.0, reasons={"niqe": reason})
        for name, reason in (("a", "too flat"), ("b", "too small"))
    ]
    results = Results(tuple(rows))
    text = text_table(results, [*rows, *results.means()])
    assert "NIQE: too flat, too small." in text.splitlines()


def test_names_cannot_break_a_table():
    score = Score("a|b&c_\\", "x.png", 1.0, 1.0, 1.0, 1.0, 1.0)
    results = Results((score,))
    assert r"a\|b&c_" in markdown_table(results)
    assert r"a|b\&c\_\textbackslash{}" in latex_table(results)


def test_the_files_are_written(results, tmp_path):
    save_tables(results, tmp_path / "new")
    written = {file.name: file.read_text() for file in (tmp_path / "new").iterdir()}
    assert written == {
        "results.csv": csv_table(results),
        "results.md": markdown_table(results),
        "results.tex": latex_table(results),
    }
