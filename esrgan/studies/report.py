"""What the answers say, as text, CSV and LaTeX."""

from collections.abc import Callable
from pathlib import Path

from esrgan.errors import UserError
from esrgan.evaluation.tables import NOTHING, Table, aligned, separated, tabular
from esrgan.pictures.files import atomic_path
from esrgan.studies.preferences import Interval, Votes


def scores_table(votes: Votes) -> Table:
    """A row a method: its Bradley–Terry score and how many answers it stood in."""
    scores = votes.scores or {}
    rows = [
        [name, f"{score.value:+z.2f}", _interval(score, "+z.2f"), str(_answers_of(name, votes))]
        for name, score in scores.items()
    ]
    return Table(["method", "BT score", "95 % interval", "answers"], rows, 1, [])


def preferences_table(votes: Votes) -> Table:
    """A row a pair of methods: how often the first was preferred, and how often neither."""
    rows = [
        [
            pair.first,
            pair.second,
            f"{100 * pair.rate.value:.1f}",
            _interval(pair.rate, ".1f", 100),
            str(pair.answers),
            str(pair.ties),
        ]
        for pair in votes.preferences
    ]
    head = ["method", "over", "preferred, %", "95 % interval", "answers", "no difference"]
    return Table(head, rows, 2, [])


def text_report(votes: Votes) -> str:
    """For the terminal."""
    tables = [scores_table(votes)] * bool(votes.scores) + [preferences_table(votes)]
    parts = [summary(votes), *map(aligned, tables)]
    if votes.notes:
        parts.append("\n".join(f"note: {note}" for note in votes.notes))
    return "\n\n".join(parts)


def summary(votes: Votes) -> str:
    """The numbers of all answers together, in a line."""
    parts = [
        _counted(votes.participants, "participant"),
        _counted(votes.answers, "answer"),
        f"{votes.ties} of them no difference",
        f"{votes.seconds:.1f} s an answer (median)",
    ]
    if votes.lefts is not None:
        parts.append(f"left preferred in {100 * votes.lefts:.0f} %")
    return ", ".join(parts)


def csv_report(votes: Votes) -> str:
    """The scores, an empty line, the preferences."""
    tables = [scores_table(votes)] * bool(votes.scores) + [preferences_table(votes)]
    return "\n".join(map(separated, tables))


def latex_report(votes: Votes) -> str:
    r"""The scores and the preferences as `tabular`s for `\usepackage{booktabs}`."""
    parts = ["% needs \\usepackage{booktabs}", f"% {summary(votes)}"]
    if votes.scores:
        about = "Bradley--Terry scores (mean 0), bootstrap over participants"
        parts += [f"% {about}", tabular(scores_table(votes))]
    about = "Preference rates, Wilson's intervals, no difference counted half"
    parts += [f"% {about}", tabular(preferences_table(votes))]
    return "\n".join([*parts, *(f"% {note}" for note in votes.notes)]) + "\n"


WRITERS: dict[str, Callable[[Votes], str]] = {".csv": csv_report, ".tex": latex_report}


def check_report_path(path: Path) -> None:
    """Raises UserError if no report is written under such a name."""
    if path.suffix.lower() not in WRITERS:
        raise UserError(f"The tables are written as {' or '.join(WRITERS)}, not {path.name}.")


def save_report(votes: Votes, path: Path) -> None:
    """Write the tables as the suffix says, atomically.

    Raises:
        UserError: another suffix, or the file can't be written.
    """
    check_report_path(path)
    text = WRITERS[path.suffix.lower()](votes)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _interval(interval: Interval, written: str, factor: float = 1) -> str:
    if interval.low is None or interval.high is None:
        return NOTHING
    return f"[{factor * interval.low:{written}}, {factor * interval.high:{written}}]"


def _answers_of(name: str, votes: Votes) -> int:
    return sum(pair.answers for pair in votes.preferences if name in (pair.first, pair.second))


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'s' if number != 1 else ''}"
