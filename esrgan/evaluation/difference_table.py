"""How two methods differ on the same pictures, and how sure that is."""

from collections.abc import Mapping, Sequence

from esrgan.errors import UserError
from esrgan.evaluation.columns import BY_NAME, USUAL, Column, headed
from esrgan.evaluation.results import OF_METHODS, Results, Score
from esrgan.evaluation.score_tables import label_of
from esrgan.evaluation.significance import LEVEL, Comparison, compared
from esrgan.evaluation.tables import Table


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
        groups = {label_of(group[0]): group for group in results.by_method()}
        for method in (first, second):
            if method not in groups:
                raise UserError(f"{name} has no method {method!r}, but {', '.join(groups)}.")
        for column in (headed(BY_NAME[each], results) for each in columns or USUAL):
            values = paired(groups[first], groups[second], column.name)
            found = compared(*values, column.better == "lower")
            if found:
                counts.append(found.count)
                rows.append([name, column.title, *_difference(found, values, column)])
    if not rows:
        raise UserError(f"{first} and {second} have no two pictures with numbers in common.")
    head = ["data", "metric", "n", first, second, "difference", "95 % interval", "p", "effect"]
    return Table([*head, f"{first} better, %"], rows, 2, _explained(min(counts)))


def paired(
    first: Sequence[Score], second: Sequence[Score], name: str
) -> tuple[list[float], list[float]]:
    """A metric of the pictures for which both have it; none of what is of methods."""
    if name in OF_METHODS:
        return [], []
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
