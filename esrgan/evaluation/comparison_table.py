"""The means of several data sets side by side, as papers have them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from esrgan.evaluation.columns import BY_NAME, USUAL, Column, headed, written
from esrgan.evaluation.difference_table import paired
from esrgan.evaluation.results import OF_METHODS, Results, Score, values_of
from esrgan.evaluation.score_tables import count_of, label_of, notes_of
from esrgan.evaluation.significance import LEVEL, bootstrap_interval, compared, holm
from esrgan.evaluation.tables import NOTHING, Table

ARROWS = {"higher": " ↑", "lower": " ↓", "near 0": ""}
# The truth, which is no method that could be the best one.
HR = "HR"


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


PLAIN = Style()


def comparison_table(sets: Mapping[str, Results], style: Style = PLAIN) -> Table:
    """A row a method, the means of each data set side by side, as papers have them.

    Args:
        sets: results by the names of data sets; "" for one that needs none.
    """
    labels = list(dict.fromkeys(label_of(m) for each in sets.values() for m in each.means()))
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


def _with_set(
    table: Table, labels: Sequence[str], name: str, results: Results, style: Style
) -> Table:
    """The table with the columns of one more data set."""
    groups = {label_of(group[0]): group for group in shared(results)}
    means = {label_of(mean): mean for mean in results.means()}
    if not means:
        return table
    chosen = [headed(BY_NAME[n], results) for n in style.columns or USUAL]
    shown = [c for c in chosen if any(getattr(m, c.name) is not None for m in means.values())]
    rows, ranks = [list(row) for row in table.rows], dict(table.ranks)
    for place, column in enumerate(shown, start=len(table.head)):
        marked = _differing(groups, column, style.reference)
        for number, label in enumerate(labels):
            cell = NOTHING
            if label in means:
                cell = written(means[label], column)
                if style.intervals:
                    cell += _half_width(groups[label], list(groups.values()), column)
            rows[number].append(cell + "*" * (label in marked))
        ranked = _ranks([means.get(label) for label in labels], column)
        ranks |= {(number, place): rank for number, rank in ranked.items()}
    count = count_of(next(iter(means.values())), results).replace("/", " of ")
    told = [
        note if not name else f"{name}: {note}"
        for note in notes_of(results, list(means.values()), chosen if style.columns else shown)
    ]
    head = [*table.head, *(column.title + ARROWS[column.better] for column in shown)]
    groups_of = [*table.groups, (f"{name} (n = {count})".strip(), len(shown))]
    return Table(head, rows, table.words, table.notes + told, groups_of, ranks)


def shared(results: Results) -> list[list[Score]]:
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
    """The bootstrap interval of a method's mean, if it is one; arguments as of `mean_score`."""
    if name in OF_METHODS:
        return None
    values, _ = values_of(group, name, groups)
    return bootstrap_interval(values, 2 if name == "rmse_y" else 1)


def _differing(groups: Mapping[str, Sequence[Score]], column: Column, reference: str) -> set[str]:
    """The methods that differ significantly from the reference."""
    if reference not in groups:
        return set()
    ps = {}
    for label, group in groups.items():
        found = compared(*paired(group, groups[reference], column.name), False)
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
