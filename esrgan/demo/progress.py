"""Progress of what takes a while, as HTML."""

from collections.abc import Sequence


def progress_line(parts: Sequence[str], done: float | None = None, total: int = 0) -> str:
    """Line of these parts (HTML), behind a bar unless `done` is None; screen readers say it."""
    bar = [] if done is None else [f'<progress value="{done:g}" max="{total}"></progress>']
    return f'<div class="progress-line" role="status">{" ".join([*bar, *parts])}</div>'
