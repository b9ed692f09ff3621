"""Tables as text, CSV, Markdown, HTML and LaTeX, whatever they are of."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from esrgan.latex import escaped

NOTHING = "–"
MINUS = re.compile(r"(?<!\w)-(?=\d)")
# What stands around the best and the second-best number of a column.
LATEX_RANKS = {1: r"\textbf{%s}", 2: r"\underline{%s}"}
HTML_RANKS = {1: "<b>%s</b>", 2: "<u>%s</u>"}
MARKDOWN_RANKS = {1: "**%s**", 2: "<u>%s</u>"}
STYLE = (
    "body{font:14px system-ui,sans-serif}table{border-collapse:collapse;border:solid;"
    "border-width:2px 0}th,td{padding:.2em .7em;text-align:right}.word{text-align:left}"
    "thead tr:last-child th{border-bottom:1px solid}"
)


@dataclass(frozen=True)
class Table:
    """Cells ready to be written.

    Attributes:
        head: names of the columns.
        rows: as many cells each.
        words: how many columns at the left hold words, not numbers.
        notes: what does not stand in the cells.
        groups: what stands above the columns of numbers, from the first on: a title and over how
            many.
        ranks: of cells by row and column: 1 is the best of its column, 2 the second.
    """

    head: list[str]
    rows: list[list[str]]
    words: int
    notes: list[str]
    groups: Sequence[tuple[str, int]] = ()
    ranks: Mapping[tuple[int, int], int] = field(default_factory=dict)


def aligned(table: Table) -> str:
    """A table as text in columns."""
    lines = [*([_titles(table)] if table.groups else []), table.head, *table.rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.head))]
    text = [
        "  ".join(
            cell.ljust(width) if i < table.words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([*text, *table.notes])


def _titles(table: Table) -> list[str]:
    """The groups' titles as a line of cells, each above its first column."""
    spread = [[title, *[""] * (count - 1)] for title, count in table.groups]
    return [*[""] * table.words, *(cell for cells in spread for cell in cells)]


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


def markdown(table: Table) -> str:
    """A table as Markdown, the groups' titles in the heads of their columns."""
    titles = [title for title, count in table.groups for _ in range(count)]
    titles = [*[""] * table.words, *titles] if titles else [""] * len(table.head)
    head = [f"{title} {name}".strip() for title, name in zip(titles, table.head, strict=True)]
    rule = [*["---"] * table.words, *["---:"] * (len(table.head) - table.words)]
    rows = _ranked(
        [[cell.replace("|", "\\|") for cell in row] for row in table.rows], table, MARKDOWN_RANKS
    )
    lines = [f"| {' | '.join(line)} |" for line in (head, rule, *rows)]
    return "\n".join([*lines, *(f"\n{note}" for note in table.notes)]) + "\n"


def html(table: Table) -> str:
    """A table as a `<table>` with its notes beneath."""
    lines = [_html_line(table.head, "th", table.words)]
    if table.groups:
        titles = "".join(f"<th colspan={count}>{escape(t)}</th>" for t, count in table.groups)
        lines = [f"<tr><th colspan={table.words}></th>{titles}</tr>", *lines]
    rows = _ranked([[escape(cell) for cell in row] for row in table.rows], table, HTML_RANKS)
    body = "\n".join(_html_line(row, "td", table.words, str) for row in rows)
    notes = "\n".join(f"<p>{escape(note)}</p>" for note in table.notes)
    head = "\n".join(lines)
    return f"<table>\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody></table>\n{notes}"


def _html_line(
    cells: Sequence[str], tag: str, words: int, written: Callable[[str], str] = escape
) -> str:
    inner = "".join(
        f"<{tag}{' class=word' if n < words else ''}>{written(cell)}</{tag}>"
        for n, cell in enumerate(cells)
    )
    return f"<tr>{inner}</tr>"


def tabular(table: Table) -> str:
    r"""A table as a `tabular` for `\usepackage{booktabs}`, notes as comments."""
    head = [r"$\alpha$" if title == "alpha" else escaped(title) for title in table.head]
    layout = "l" * table.words + "r" * (len(head) - table.words)
    rows = [
        [*map(escaped, row[: table.words]), *map(_number, row[table.words :])] for row in table.rows
    ]
    lines = [" & ".join(row) + r" \\" for row in _ranked(rows, table, LATEX_RANKS)]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{@{{}}{layout}@{{}}}}",
            r"\toprule",
            *_spanning(table),
            " & ".join(head) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}%",
            *(f"% {note}" for note in table.notes),
            "",
        ]
    )


def _spanning(table: Table) -> list[str]:
    """The groups' titles and the rules beneath them."""
    if not table.groups:
        return []
    titles, rules, first = [""] * table.words, [], table.words + 1
    for title, count in table.groups:
        titles.append(rf"\multicolumn{{{count}}}{{c}}{{{escaped(title)}}}")
        rules.append(rf"\cmidrule(lr){{{first}-{first + count - 1}}}")
        first += count
    return [" & ".join(titles) + r" \\", " ".join(rules)]


def fitted(content: str) -> str:
    r"""LaTeX that is made smaller where it is wider than the column or the page that it stands in;
    needs `\usepackage{graphicx}`."""
    return (
        "\\noindent\\begingroup\\sbox2{%\n"
        f"{content}}}%\n"
        "\\ifdim\\wd2>\\linewidth\\resizebox{\\linewidth}{!}{\\usebox2}\\else\\usebox2\\fi"
        "\\endgroup%\n"
    )


def _ranked(
    rows: Sequence[Sequence[str]], table: Table, around: Mapping[int, str]
) -> list[list[str]]:
    return [
        [
            around[rank] % cell if (rank := table.ranks.get((y, x))) else cell
            for x, cell in enumerate(row)
        ]
        for y, row in enumerate(rows)
    ]


def _number(cell: str) -> str:
    """A minus sign is not the hyphen of text."""
    return MINUS.sub("$-$", escaped(cell))
