"""Results as tables: text, CSV, Markdown, LaTeX."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from esrgan.evaluation.results import Results, Score
from esrgan.latex import escaped
from esrgan.pictures.files import atomic_path

# Heading, attribute, format; the headings of NIQE and PI name the pristine model.
COLUMNS = (
    ("PSNR-Y", "psnr_y", ".2f"),
    ("SSIM-Y", "ssim_y", ".4f"),
    ("PSNR-RGB", "psnr_rgb", ".2f"),
    ("RMSE-Y", "rmse_y", ".3f"),
    ("Brightness", "brightness", "+z.2f"),
    ("ΔE", "delta_e", ".2f"),
    ("ΔE 95 %", "delta_e_95", ".2f"),
    ("Flat", "flat", ".0f"),
    ("NIQE", "niqe", ".3f"),
    ("Ma", "ma", ".3f"),
    ("PI", "pi", ".3f"),
    ("LPIPS", "lpips", ".4f"),
)
NOTHING = "–"
MINUS = re.compile(r"(?<!\w)-(?=\d)")


@dataclass(frozen=True)
class Table:
    """Cells ready to be written.

    Attributes:
        head: names of the columns.
        rows: as many cells each.
        words: how many columns at the left hold words, not numbers.
        notes: what does not stand in the cells.
    """

    head: list[str]
    rows: list[list[str]]
    words: int
    notes: list[str]


def make_table(
    results: Results, scores: Sequence[Score], narrow: bool, pictures: bool = True
) -> Table:
    """Numbers as they are printed.

    Args:
        results: the evaluation, for the headings.
        scores: a row each.
        narrow: columns of which no number could be had become notes; else the reason stands in
            every cell.
        pictures: whether to say which picture a row is of.
    """
    headings = {"niqe": results.niqe_label, "pi": results.pi_label}
    columns = [(headings.get(name, head), name, written) for head, name, written in COLUMNS]
    empty = [c for c in columns if narrow and all(getattr(s, c[1]) is None for s in scores)]
    shown = [column for column in columns if column not in empty]
    curves = any(score.alpha is not None for score in scores) or not narrow
    head = ["model", *["mode", "alpha"] * curves, *["picture"] * pictures]
    rows = [
        _words(score, curves, pictures)
        + [_cell(score, name, written) for _, name, written in shown]
        for score in scores
    ]
    missing: dict[str, list[str]] = {}
    for title, name, _ in empty:
        missing.setdefault(_reasons(scores, name), []).append(title)
    notes = [f"{', '.join(titles)}: {reason}." for reason, titles in missing.items()]
    for title, name, _ in shown:
        partial = [s for s in scores if getattr(s, name) is not None and name in s.reasons]
        if partial:
            notes.append(f"Mean {title} over {_reasons(partial, name)}.")
    return Table([*head, *(title for title, _, _ in shown)], rows, len(head), notes)


def _words(score: Score, curves: bool, pictures: bool) -> list[str]:
    alpha = "" if score.alpha is None else f"{score.alpha:g}"
    return [score.model, *[score.mode or "", alpha] * curves, *[score.picture] * pictures]


def _cell(score: Score, name: str, written: str) -> str:
    value = getattr(score, name)
    return score.reasons.get(name, NOTHING) if value is None else f"{value:{written}}"


def _reasons(scores: Sequence[Score], name: str) -> str:
    """Each once, though a mean repeats those of its pictures."""
    told = [score.reasons[name].split(", ") for score in scores if name in score.reasons]
    return ", ".join(dict.fromkeys(chain.from_iterable(told))) or NOTHING


def text_table(results: Results, scores: Sequence[Score]) -> str:
    """For the terminal: words to the left, numbers to the right, notes beneath."""
    return aligned(make_table(results, scores, narrow=True))


def aligned(table: Table) -> str:
    """A table as text in columns."""
    lines = [table.head, *table.rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.head))]
    text = [
        "  ".join(
            cell.ljust(width) if i < table.words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([*text, *table.notes])


def csv_table(results: Results) -> str:
    """All rows, then the means."""
    return separated(make_table(results, [*results.scores, *results.means()], narrow=False))


def separated(table: Table) -> str:
    """A table as CSV; what a spreadsheet would compute begins with an apostrophe."""
    out = io.StringIO()
    rows = [[_inert(cell) for cell in row] for row in (table.head, *table.rows)]
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _inert(cell: str) -> str:
    """The cell so that no spreadsheet takes a file's name for a formula; numbers stay numbers."""
    if not cell.startswith(("=", "+", "-", "@", "\t")):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def markdown_table(results: Results) -> str:
    """The means, then all rows."""
    means = make_table(results, results.means(), narrow=False, pictures=False)
    rows = make_table(results, results.scores, narrow=False)
    return f"## Means\n\n{_markdown(means)}\n## Pictures\n\n{_markdown(rows)}"


def _markdown(table: Table) -> str:
    rule = [*["---"] * table.words, *["---:"] * (len(table.head) - table.words)]
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in table.rows]
    lines = [f"| {' | '.join(line)} |" for line in (table.head, rule, *escaped)]
    return "\n".join([*lines, *(f"\n{note}" for note in table.notes)]) + "\n"


def latex_table(results: Results) -> str:
    r"""The means, then all rows, as two `tabular`s for `\usepackage{booktabs}`."""
    means = make_table(results, results.means(), narrow=True, pictures=False)
    rows = make_table(results, results.scores, narrow=True)
    return (
        f"% needs \\usepackage{{booktabs}}\n% Means\n{tabular(means)}\n% Pictures\n{tabular(rows)}"
    )


def tabular(table: Table) -> str:
    r"""A table as a `tabular` for `\usepackage{booktabs}`, notes as comments."""
    head = [r"$\alpha$" if title == "alpha" else escaped(title) for title in table.head]
    layout = "l" * table.words + "r" * (len(head) - table.words)
    rows = [
        " & ".join([*map(escaped, row[: table.words]), *map(_number, row[table.words :])]) + r" \\"
        for row in table.rows
    ]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{layout}}}",
            r"\toprule",
            " & ".join(head) + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            *(f"% {note}" for note in table.notes),
            "",
        ]
    )


def _number(cell: str) -> str:
    """A minus sign is not the hyphen of text."""
    return MINUS.sub("$-$", escaped(cell))


WRITERS: dict[str, Callable[[Results], str]] = {
    "results.csv": csv_table,
    "results.md": markdown_table,
    "results.tex": latex_table,
}


def save_tables(results: Results, folder: Path) -> None:
    """Write `results.csv`, `results.md` and `results.tex`, each atomically.

    Raises:
        UserError: one can't be written.
    """
    for name, write in WRITERS.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_text(write(results), encoding="utf-8")
