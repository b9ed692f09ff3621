"""Evaluation progress and tables of scores as HTML."""

from collections.abc import Sequence
from dataclasses import replace
from html import escape

from esrgan.demo.evaluate.job import Evaluation
from esrgan.demo.progress import progress_line
from esrgan.evaluation.results import Score
from esrgan.evaluation.score_tables import make_table
from esrgan.evaluation.tables import html

# Rows that the page shows, the last ones; the files hold all.
SHOWN_ROWS = 200


def progress(state: Evaluation, ended: bool = False) -> str:
    """Progress bar and "n of m rows"."""
    done, total = len(state.results.scores), state.total
    end = (", done" if done == total else ", stopped") if ended else ""
    words = f"<span>{done} of {total} rows{end}</span>"
    return progress_line([words], None if ended else done, total)


def score_tables(state: Evaluation) -> tuple[str, str]:
    """Tables of the means and of the rows, the newest ones last."""
    results = state.results
    rows = results.scores[-SHOWN_ROWS:]
    return _table(state, results.means(), pictures=False), _table(state, rows, pictures=True)


def _table(state: Evaluation, scores: Sequence[Score], pictures: bool) -> str:
    if not scores:
        return ""
    table = make_table(state.results, scores, pictures)
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in table.notes)
    return f'<div class="scores">{html(replace(table, notes=[]))}</div>{notes}'
