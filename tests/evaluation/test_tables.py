"""Tables in words: text, CSV, Markdown, HTML, LaTeX."""

import csv
import io
import re

import pytest

from esrgan.evaluation.tables import Table, aligned, fitted, html, markdown, separated, tabular


@pytest.fixture
def table() -> Table:
    rows = [["a|b&c_\\", "30.00", "-1.08"], ["n", "29.00 ± 0.5", "–"], ["<o>", "28.00*", "+2.00"]]
    head = ["method", "PSNR ↑", "ΔE ↓"]
    return Table(head, rows, 1, ["A note."], [("Set5", 1), ("B_100", 1)], {(0, 1): 1, (1, 1): 2})


def test_text_stands_in_columns_with_notes_beneath(table: Table) -> None:
    lines = aligned(table).splitlines()
    assert [line.split() for line in lines[:2]] == [
        ["Set5", "B_100"],
        ["method", "PSNR", "↑", "ΔE", "↓"],
    ]
    assert len({len(line) for line in lines[:-1]}) == 1
    assert lines[-1] == "A note."


@pytest.mark.parametrize("name", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1"])
def test_csv_gives_a_spreadsheet_no_formula_and_its_numbers(name: str) -> None:
    written = separated(Table(["model", "x"], [[name, "-1.08"]], 1, []))
    _, row = csv.reader(io.StringIO(written, newline=""))
    assert row == [f"'{name}", "-1.08"]


def test_markdown_has_as_many_cells_in_every_line(table: Table) -> None:
    lines = [line for line in markdown(table).splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {4}
    assert lines[0] == "| method | Set5 PSNR ↑ | B_100 ΔE ↓ |"
    assert r"a\|b&c_" in lines[2]
    assert "**30.00**" in lines[2]
    assert "<u>29.00 ± 0.5</u>" in lines[3]


def test_html_is_escaped_and_marks_the_best(table: Table) -> None:
    written = html(table)
    assert "<td class=word>&lt;o&gt;</td>" in written
    assert "<td><b>30.00</b></td>" in written
    assert "<td><u>29.00 ± 0.5</u></td>" in written
    assert "<th colspan=1>B_100</th>" in written
    assert written.count("<tr>") == written.count("</tr>") == 5


def test_latex_is_booktabs_and_escaped(table: Table) -> None:
    written = tabular(table)
    assert written.startswith(r"\begin{tabular}{@{}lrr@{}}")
    assert r" & \multicolumn{1}{c}{Set5} & \multicolumn{1}{c}{B\_100} \\" in written
    assert r"\cmidrule(lr){2-2} \cmidrule(lr){3-3}" in written
    assert r"method & PSNR $\uparrow$ & $\Delta$E $\downarrow$ \\" in written
    assert r"a|b\&c\_\textbackslash{} & \textbf{30.00} & $-$1.08 \\" in written
    assert r"n & \underline{29.00 $\pm$ 0.5} & -- \\" in written
    assert written.rstrip().endswith("% A note.")
    rows = [line for line in written.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in rows} == {2}


def test_what_is_fitted_balances_its_braces(table: Table) -> None:
    written = fitted(tabular(table))
    assert written.count(r"\begingroup") == written.count(r"\endgroup") == 1
    inner = written.replace(r"\&", "").replace(r"\_", "")
    assert inner.count("{") == inner.count("}")
