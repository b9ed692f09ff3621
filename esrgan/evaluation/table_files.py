"""Results as files for papers and spreadsheets: CSV, Markdown, HTML and LaTeX."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from esrgan.evaluation.columns import USUAL
from esrgan.evaluation.comparison_table import PLAIN, Style, comparison_table, interval_of, shared
from esrgan.evaluation.results import METRICS, Results, Score, mean_score
from esrgan.evaluation.score_tables import make_table
from esrgan.evaluation.tables import STYLE, Table, fitted, html, markdown, separated, tabular
from esrgan.pictures.files import atomic_path

PICTURE_ROWS = 50  # of a LaTeX table


def tidy_csv(sets: Mapping[str, Results], _: Style) -> str:
    """A row a picture and method: every digit, and nothing where there is no number."""
    head = [*_tidy_head("picture"), *METRICS]
    rows = [
        [*_tidy_words(name, results, score, score.picture), *_tidy_numbers(score)]
        for name, results in sets.items()
        for score in results.scores
    ]
    return separated(Table(head, rows, 6, []))


def means_csv(sets: Mapping[str, Results], _: Style) -> str:
    """A row a data set and method: how many pictures, the means, their bootstrap intervals."""
    ends = [f"{name}_{end}" for name in METRICS for end in ("low", "high")]
    rows = []
    for name, results in sets.items():
        groups = shared(results) if results.scores else []
        for group in groups:
            mean = mean_score(group, groups)
            intervals = [interval_of(group, metric, groups) or ("", "") for metric in METRICS]
            numbers = [str(end) for interval in intervals for end in interval]
            words = _tidy_words(name, results, mean, str(mean.count))
            rows.append([*words, str(results.planned or ""), *_tidy_numbers(mean), *numbers])
    return separated(Table([*_tidy_head("pictures"), "planned", *METRICS, *ends], rows, 6, []))


def _tidy_head(fifth: str) -> list[str]:
    return ["data", "model", "mode", "alpha", fifth, "niqe_model"]


def _tidy_words(name: str, results: Results, score: Score, fifth: str) -> list[str]:
    alpha = "" if score.alpha is None else str(score.alpha)
    pristine = results.niqe_label.removeprefix("NIQE").strip(" ()") or "published"
    return [name, score.model, score.mode or "", alpha, fifth, pristine]


def _tidy_numbers(score: Score) -> list[str]:
    values = [getattr(score, name) for name in METRICS]
    return ["" if value is None else repr(float(value)) for value in values]


def markdown_tables(sets: Mapping[str, Results], style: Style) -> str:
    """The means, then all rows."""
    parts = [f"## Means\n\n{markdown(comparison_table(sets, style))}"]
    for title, table in _picture_tables(sets, style):
        parts.append(f"## {title}\n\n{markdown(table)}")
    return "\n".join(parts)


def html_tables(sets: Mapping[str, Results], style: Style) -> str:
    """A page of the means and all rows."""
    parts = [("Means", comparison_table(sets, style)), *_picture_tables(sets, style)]
    body = "\n".join(f"<h2>{title}</h2>\n{html(table)}" for title, table in parts)
    head = f"<meta charset=utf-8><title>Results</title><style>{STYLE}</style>"
    return f"<!doctype html>\n{head}\n{body}\n"


def _picture_tables(sets: Mapping[str, Results], style: Style) -> Iterable[tuple[str, Table]]:
    for name, results in sets.items():
        table = make_table(results, results.scores, columns=style.columns)
        yield f"Pictures of {name}" if name else "Pictures", table


def latex_means(sets: Mapping[str, Results], style: Style) -> str:
    r"""The means, to be `\input` in a `table` or a `table*`."""
    return _latex([comparison_table(sets, style)])


def latex_pictures(sets: Mapping[str, Results], style: Style) -> str:
    r"""All rows, in as many tables as pages need, to be `\input`."""
    style = style if style.columns else replace(style, columns=USUAL)
    tables = []
    for name, table in _picture_tables(sets, style):
        for start in range(0, len(table.rows), PICTURE_ROWS):
            rows = table.rows[start : start + PICTURE_ROWS]
            more = [f"{name}, from row {start + 1}."] if start else [f"{name}."]
            tables.append(replace(table, rows=rows, notes=[*more, *table.notes]))
    return _latex(tables)


def _latex(tables: Sequence[Table]) -> str:
    needs = "% needs \\usepackage{booktabs,graphicx}\n"
    return needs + "\\par\\bigskip\n".join(fitted(tabular(table)) for table in tables)


WRITERS: dict[str, Callable[[Mapping[str, Results], Style], str]] = {
    "results.csv": tidy_csv,
    "means.csv": means_csv,
    "results.md": markdown_tables,
    "results.html": html_tables,
    "table.tex": latex_means,
    "pictures.tex": latex_pictures,
}


def save_tables(sets: Mapping[str, Results], folder: Path, style: Style = PLAIN) -> None:
    """Write the files of `WRITERS`, each atomically.

    Args:
        sets: results by the names of data sets; "" for one that needs none.

    Raises:
        UserError: one can't be written.
    """
    for name, write in WRITERS.items():
        text = write(sets, style)
        with atomic_path(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
