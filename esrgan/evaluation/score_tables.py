"""The scores of one data set as a table: a row a picture or a mean."""

from collections.abc import Sequence
from itertools import chain

from esrgan.evaluation.columns import BY_NAME, Column, headed, written
from esrgan.evaluation.results import GREYS, MEAN, Results, Score
from esrgan.evaluation.tables import Table, aligned


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
    chosen = [headed(BY_NAME[name], results) for name in columns or BY_NAME]
    shown = [c for c in chosen if any(getattr(s, c.name) is not None for s in scores)]
    curves = any(score.alpha is not None for score in scores)
    means = any(score.picture == MEAN for score in scores)
    head = ["model", *["mode", "alpha"] * curves, *["picture"] * pictures]
    rows = [
        [
            *_words(score, curves, pictures),
            *[count_of(score, results) if score.picture == MEAN else ""] * means,
            *[written(score, column) for column in shown],
        ]
        for score in scores
    ]
    titles = [*["n"] * means, *(column.title for column in shown)]
    return Table([*head, *titles], rows, len(head), notes_of(results, scores, chosen))


def _words(score: Score, curves: bool, pictures: bool) -> list[str]:
    alpha = "" if score.alpha is None else f"{score.alpha:g}"
    return [score.model, *[score.mode or "", alpha] * curves, *[score.picture] * pictures]


def label_of(score: Score) -> str:
    """The name of a method, or of a point of a curve, in tables."""
    if score.alpha is None:
        return score.model
    return f"{score.model} {score.mode} α = {score.alpha:g}"


def count_of(mean: Score, results: Results) -> str:
    """How many pictures a mean is of, and of how many that were to be measured."""
    complete = results.planned in (0, mean.count)
    return f"{mean.count}" if complete else f"{mean.count}/{results.planned}"


def notes_of(results: Results, scores: Sequence[Score], columns: Sequence[Column]) -> list[str]:
    """What the numbers of these columns are of, and why some are missing, a sentence each."""
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
    return [*notes, *_unfinished(results), *_grey(results), *_cropped(results)]


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


def _cropped(results: Results) -> list[str]:
    """That pictures were measured in part, and how it was found."""
    cropped = {score.picture for score in results.scores if score.area}
    if not cropped:
        return []
    return [
        f"{len(cropped)} of {len(results.pictures)} pictures are cropped to what all results show, "
        "each smaller or larger one laid where its squared difference of luma to HR is least."
    ]


def text_table(results: Results, scores: Sequence[Score], columns: Sequence[str] = ()) -> str:
    """For the terminal: words to the left, numbers to the right, notes beneath."""
    return aligned(make_table(results, scores, columns=columns))
