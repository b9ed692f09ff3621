"""Results as tables: of one data set in full, of several side by side as papers have them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

from esrgan.errors import UserError
from esrgan.evaluation.results import (
    GREYS,
    MEAN,
    METRICS,
    Results,
    Score,
    mean_score,
    values_of,
)
from esrgan.evaluation.significance import Comparison, bootstrap_interval, compared, holm
from esrgan.evaluation.tables import (
    NOTHING,
    STYLE,
    Table,
    aligned,
    fitted,
    html,
    markdown,
    separated,
    tabular,
)
from esrgan.pictures.files import atomic_path

Better = Literal["higher", "lower", "near 0"]
ARROWS = {"higher": " ↑", "lower": " ↓", "near 0": ""}
# The truth, which is no method that could be the best one.
HR = "HR"
# Below which a difference to the reference is marked.
LEVEL = 0.05
PICTURE_ROWS = 50  # of a LaTeX table


@dataclass(frozen=True)
class Column:
    """A metric in tables.

    Attributes:
        title: its heading; those of NIQE and PI name the pristine model.
        name: of `METRICS`.
        written: the format of its numbers.
        better: which numbers are.
    """

    title: str
    name: str
    written: str
    better: Better


COLUMNS = (
    Column("PSNR-Y", "psnr_y", ".2f", "higher"),
    Column("SSIM-Y", "ssim_y", ".4f", "higher"),
    Column("PSNR-RGB", "psnr_rgb", ".2f", "higher"),
    Column("RMSE-Y", "rmse_y", ".3f", "lower"),
    Column("Brightness", "brightness", "+z.2f", "near 0"),
    Column("ΔE", "delta_e", ".2f", "lower"),
    Column("ΔE 95 %", "delta_e_95", ".2f", "lower"),
    Column("Flat", "flat", ".0f", "lower"),
    Column("NIQE", "niqe", ".3f", "lower"),
    Column("Ma", "ma", ".3f", "higher"),
    Column("PI", "pi", ".3f", "lower"),
    Column("LPIPS", "lpips", ".4f", "lower"),
    Column("MS-SSIM", "ms_ssim", ".4f", "higher"),
    Column("VIF", "vif", ".4f", "higher"),
    Column("FSIM", "fsim", ".4f", "higher"),
    Column("GMSD", "gmsd", ".4f", "lower"),
    Column("HaarPSI", "haarpsi", ".4f", "higher"),
)
BY_NAME = {column.name: column for column in COLUMNS}
# What papers show, of what there is.
USUAL = ("psnr_y", "ssim_y", "lpips", "niqe", "pi")


@dataclass(frozen=True)
class Style:
    """How tables for papers look.

    Attributes:
        columns: names of `METRICS`; none for `USUAL` in a paper's tables and for all elsewhere.
        intervals: whether the 95 % bootstrap interval stands behind a mean.
        reference: the method from which significant differences are marked; "" for none.
    """

    columns: Sequence[str] = ()
    intervals: bool = False
    reference: str = ""


def make_table(
    results: Results, scores: Sequence[Score], pictures: bool = True, columns: Sequence[str] = ()
) -> Table:
    """Numbers as they are printed; columns of which no number could be had become notes.

    Args:
        results: the evaluation, for the headings.
        scores: a row each, of a picture or a mean.
        pictures: whether to say which picture a row is of.
        columns: names of `METRICS`; all without them.
    """
    chosen = [_headed(BY_NAME[name], results) for name in columns or BY_NAME]
    shown = [c for c in chosen if any(getattr(s, c.name) is not None for s in scores)]
    curves = any(score.alpha is not None for score in scores)
    means = any(score.picture == MEAN for score in scores)
    head = ["model", *["mode", "alpha"] * curves, *["picture"] * pictures]
    rows = [
        [
            *_words(score, curves, pictures),
            *[_count(score, results) if score.picture == MEAN else ""] * means,
            *[_cell(score, column) for column in shown],
        ]
        for score in scores
    ]
    titles = [*["n"] * means, *(column.title for column in shown)]
    return Table([*head, *titles], rows, len(head), _notes(results, scores, chosen))


def _headed(column: Column, results: Results) -> Column:
    titles = {"niqe": results.niqe_label, "pi": results.pi_label}
    return replace(column, title=titles.get(column.name, column.title))


def _words(score: Score, curves: bool, pictures: bool) -> list[str]:
    alpha = "" if score.alpha is None else f"{score.alpha:g}"
    return [score.model, *[score.mode or "", alpha] * curves, *[score.picture] * pictures]


def _count(mean: Score, results: Results) -> str:
    """How many pictures a mean is of, and of how many that were to be measured."""
    complete = results.planned in (0, mean.count)
    return f"{mean.count}" if complete else f"{mean.count}/{results.planned}"


def _cell(score: Score, column: Column) -> str:
    value = getattr(score, column.name)
    return NOTHING if value is None else f"{value:{column.written}}"


def _notes(results: Results, scores: Sequence[Score], columns: Sequence[Column]) -> list[str]:
    """What the numbers are of, and why some are missing."""
    missing: dict[str, list[str]] = {}
    partial = []
    for column in columns:
        reasons = _reasons(scores, column.name)
        had = [score for score in scores if getattr(score, column.name) is not None]
        if not had:
            if reasons:  # else nobody asked for it
                missing.setdefault(reasons, []).append(column.title)
            continue
        means = [s for s in had if s.picture == MEAN and column.name in s.reasons]
        if means:
            partial.append(f"Mean {column.title} over {_reasons(means, column.name)}.")
        elif reasons:
            partial.append(f"Without {column.title}: {reasons}.")
    notes = [f"{', '.join(titles)}: {reason}." for reason, titles in missing.items()] + partial
    return [*notes, *_unfinished(results), *_grey(results)]


def _reasons(scores: Sequence[Score], name: str) -> str:
    """Each once, though a mean repeats those of its pictures."""
    told = [score.reasons[name].split(", ") for score in scores if name in score.reasons]
    return ", ".join(dict.fromkeys(chain.from_iterable(told)))


def _unfinished(results: Results) -> list[str]:
    counts = {mean.count for mean in results.means()}
    if not counts or results.planned in (0, *counts):
        return []
    return [
        f"Means are over {max(counts)} of {results.planned} pictures, those that every method has."
    ]


def _grey(results: Results) -> list[str]:
    grey = {score.picture for score in results.scores if score.grey}
    if not grey:
        return []
    share = f"{len(grey)} of {len({score.picture for score in results.scores})} pictures"
    told = {
        GREYS[0]: "Y of grey pictures is squeezed to 16–235, as BasicSR does",
        GREYS[1]: "Y of grey pictures is their own grey level, as MATLAB's without rgb2ycbcr",
    }
    return [f"{told[results.grey]} ({share})."]


def text_table(results: Results, scores: Sequence[Score], columns: Sequence[str] = ()) -> str:
    """For the terminal: words to the left, numbers to the right, notes beneath."""
    return aligned(make_table(results, scores, columns=columns))


# Several data sets


def comparison_table(sets: Mapping[str, Results], style: Style = Style()) -> Table:
    """A row a method, the means of each data set side by side, as papers have them.

    Args:
        sets: results by the names of data sets; "" for one that needs none.
    """
    labels = list(dict.fromkeys(_label(m) for each in sets.values() for m in each.means()))
    rows = [[label] for label in labels]
    table = Table(["method"], rows, 1, [], [], {})
    for name, results in sets.items():
        table = _with_set(table, labels, name, results, style)
    notes = dict.fromkeys(table.notes)
    if style.intervals:
        notes["± half of the 95 % bootstrap interval of the mean over pictures."] = None
    if style.reference:
        notes[
            f"* differs from {style.reference} (p < {LEVEL}, paired Wilcoxon test over pictures, "
            "corrected by Holm)."
        ] = None
    return replace(table, notes=list(notes))


def _label(score: Score) -> str:
    if score.alpha is None:
        return score.model
    return f"{score.model} {score.mode} α = {score.alpha:g}"


def _with_set(
    table: Table, labels: Sequence[str], name: str, results: Results, style: Style
) -> Table:
    """The table with the columns of one more data set."""
    groups = {_label(group[0]): group for group in _shared(results)}
    means = {_label(mean): mean for mean in results.means()}
    if not means:
        return table
    chosen = [_headed(BY_NAME[n], results) for n in style.columns or USUAL]
    shown = [c for c in chosen if any(getattr(m, c.name) is not None for m in means.values())]
    rows, ranks = [list(row) for row in table.rows], dict(table.ranks)
    for place, column in enumerate(shown, start=len(table.head)):
        marked = _differing(groups, column, style.reference)
        for number, label in enumerate(labels):
            cell = NOTHING
            if label in means:
                cell = _cell(means[label], column)
                if style.intervals:
                    cell += _half_width(groups[label], list(groups.values()), column)
            rows[number].append(cell + "*" * (label in marked))
        ranked = _ranks([means.get(label) for label in labels], column)
        ranks |= {(number, place): rank for number, rank in ranked.items()}
    count = _count(next(iter(means.values())), results).replace("/", " of ")
    told = [
        note if not name else f"{name}: {note}"
        for note in _notes(results, list(means.values()), chosen if style.columns else shown)
    ]
    head = [*table.head, *(column.title + ARROWS[column.better] for column in shown)]
    groups_of = [*table.groups, (f"{name} (n = {count})".strip(), len(shown))]
    return Table(head, rows, table.words, table.notes + told, groups_of, ranks)


def _shared(results: Results) -> list[list[Score]]:
    """The rows of each method, of the pictures that all have."""
    groups = results.by_method()
    done = set.intersection(*({score.picture for score in group} for group in groups))
    return [[score for score in group if score.picture in done] for group in groups]


def _half_width(group: Sequence[Score], groups: Sequence[Sequence[Score]], column: Column) -> str:
    interval = interval_of(group, column.name, groups)
    if interval is None:
        return ""
    half = (interval[1] - interval[0]) / 2
    return f" ± {half:{column.written.removeprefix('+z')}}"


def interval_of(
    group: Sequence[Score], name: str, groups: Sequence[Sequence[Score]]
) -> tuple[float, float] | None:
    """The bootstrap interval of a method's mean; arguments as of `mean_score`."""
    values, _ = values_of(group, name, groups)
    return bootstrap_interval(values, 2 if name == "rmse_y" else 1)


def _differing(groups: Mapping[str, Sequence[Score]], column: Column, reference: str) -> set[str]:
    """The methods that differ significantly from the reference."""
    if reference not in groups:
        return set()
    ps = {}
    for label, group in groups.items():
        found = compared(*_paired(group, groups[reference], column.name), False)
        if label not in (reference, HR) and found:
            ps[label] = found.p
    corrected = zip(ps, holm(list(ps.values())), strict=True)
    return {label for label, p in corrected if p < LEVEL}


def _ranks(means: Sequence[Score | None], column: Column) -> dict[int, int]:
    """Which rows are best and second, by the numbers as they are printed."""
    signs = {"higher": -1.0, "lower": 1.0}
    keys: dict[int, float] = {}
    for number, mean in enumerate(means):
        value = getattr(mean, column.name) if mean and mean.model != HR else None
        if value is not None:
            printed = float(f"{value:{column.written}}")
            keys[number] = (
                signs[column.better] * printed if column.better in signs else abs(printed)
            )
    places = sorted(set(keys.values()))
    if len(places) < 2:
        return {}
    seconds = len(keys) > 2
    return {n: 1 + places.index(k) for n, k in keys.items() if places.index(k) <= int(seconds)}


def difference_table(
    sets: Mapping[str, Results], first: str, second: str, columns: Sequence[str] = ()
) -> Table:
    """How two methods differ on the same pictures: a row a data set and metric.

    Args:
        sets: results by the names of data sets.
        first, second: names of methods as in tables.
        columns: names of `METRICS`; `USUAL` of what there is without them.

    Raises:
        UserError: a method is in none of the data sets, or they share too few pictures.
    """
    rows: list[list[str]] = []
    counts = []
    for name, results in sets.items():
        groups = {_label(group[0]): group for group in results.by_method()}
        for method in (first, second):
            if method not in groups:
                raise UserError(f"{name} has no method {method!r}, but {', '.join(groups)}.")
        for column in (_headed(BY_NAME[each], results) for each in columns or USUAL):
            values = _paired(groups[first], groups[second], column.name)
            found = compared(*values, column.better == "lower")
            if found:
                counts.append(found.count)
                rows.append([name, column.title, *_difference(found, values, column)])
    if not rows:
        raise UserError(f"{first} and {second} have no two pictures with numbers in common.")
    head = ["data", "metric", "n", first, second, "difference", "95 % interval", "p", "effect"]
    return Table([*head, f"{first} better, %"], rows, 2, _explained(min(counts)))


def _paired(
    first: Sequence[Score], second: Sequence[Score], name: str
) -> tuple[list[float], list[float]]:
    """A metric of the pictures for which both have it."""
    sides = [{s.picture: getattr(s, name) for s in group} for group in (first, second)]
    both = [p for p, value in sides[0].items() if None not in (value, sides[1].get(p))]
    return [sides[0][picture] for picture in both], [sides[1][picture] for picture in both]


def _difference(
    found: Comparison, values: tuple[Sequence[float], Sequence[float]], column: Column
) -> list[str]:
    signed = f"+z{column.written.removeprefix('+z')}"
    means = [f"{sum(each) / len(each):{column.written}}" for each in values]
    interval = f"[{found.low:{signed}}, {found.high:{signed}}]"
    tests = [f"{found.p:.2g}", f"{found.effect:+z.2f}", f"{100 * found.share:.0f}"]
    return [f"{found.count}", *means, f"{found.difference:{signed}}", interval, *tests]


def _explained(fewest: int) -> list[str]:
    notes = [
        "Differences and their bootstrap intervals over pictures; p of Wilcoxon's signed-rank "
        "test, two-sided, not corrected for the number of rows; effect is the matched-pairs "
        "rank-biserial correlation, ±1 where all pictures agree."
    ]
    least = 2 / 2**fewest
    if least > LEVEL:
        notes.append(f"With {fewest} pictures, p can't be below {least:.2g}.")
    return notes


def renaming(
    names: Mapping[str, str], models: Iterable[str], others: Iterable[str]
) -> dict[str, str]:
    """The new names by the exact old ones.

    Args:
        names: by old names; files may be named with folder and suffix, or without.
        models: of the methods; for points of a curve, of its two ends.
        others: of pictures and data sets.

    Raises:
        UserError: nothing is called so.
    """
    exact = [*models, *others]
    known = {Path(name).stem: name for name in exact} | {name: name for name in exact}
    found = {}
    for name, new in names.items():
        old = known.get(name) or known.get(Path(name).stem)
        if old is None:
            raise UserError(f"No method, picture or data set is called {name!r}.")
        found[old] = new
    return found


def renamed(sets: Mapping[str, Results], new: Mapping[str, str]) -> dict[str, Results]:
    """The same under other names, those of `renaming`."""

    def with_names(score: Score) -> Score:
        model = "–".join(new.get(part, part) for part in score.model.split("–"))
        model = new.get(score.model, model)
        return replace(score, model=model, picture=new.get(score.picture, score.picture))

    return {
        new.get(name, name): replace(each, scores=tuple(map(with_names, each.scores)))
        for name, each in sets.items()
    }


# Files


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
        groups = _shared(results) if results.scores else []
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


def save_tables(sets: Mapping[str, Results], folder: Path, style: Style = Style()) -> None:
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
