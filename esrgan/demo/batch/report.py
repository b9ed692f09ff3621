"""Batch progress and failures as HTML."""

from html import escape

from esrgan.demo import limits
from esrgan.demo.batch.job import Batch, Done
from esrgan.demo.progress import progress_line
from esrgan.demo.server.messages import duration

# Failures that the page shows, the first ones; the zip's list holds all.
SHOWN_FAILURES = 100


def progress(batch: Batch) -> str:
    """Progress bar with the current picture and the time left; at the end, how much was done."""
    total, failed = len(batch.tasks), batch.handled - len(batch.done)
    working = batch.current
    if working is None:
        stopped = "" if batch.complete else ", stopped"
        done = f"{len(batch.done)} of {total} pictures done{batch.computed}{stopped}"
        parts = [f"<span>{done}</span>"]
    else:
        parts = [
            f"<span>{min(batch.handled + 1, total)} of {total}</span>",
            f"<b>{escape(working.name)}</b>",
        ]
        if batch.seconds_left is not None:
            parts.append(f"<span>about {duration(batch.seconds_left)} left{_beyond(batch)}</span>")
    if failed:
        parts.append(f"<span>· {failed} failed</span>")
    return progress_line(parts, batch.handled + batch.share if working else None, total)


def _beyond(batch: Batch) -> str:
    if not batch.is_too_long:
        return ""
    limit = f"more than the page's {duration(limits.MAX_SECONDS)}"
    return f", {limit}: stop, and use the command line, which has no limit"


def caption(done: Done) -> str:
    """Caption of a result: its names, where they differ, and sizes."""
    names = dict.fromkeys((done.task.name, done.task.result))
    (height, width), (tall, wide) = done.before, done.after
    note = " · the first of its frames" if done.is_one_of_several else ""
    return f"{' → '.join(names)} · {width}×{height} → {wide}×{tall}{note}"


def failures(batch: Batch) -> str:
    """List of failures with their reasons; "" if there are none."""
    if not batch.failures:
        return ""
    lines = [f"<li>{escape(line)}</li>" for line in batch.failures[:SHOWN_FAILURES]]
    more = len(batch.failures) - len(lines)
    if more:
        lines.append(f"<li>and {more} more</li>")
    return f'<div class="failures"><p>Could not be done:</p><ul>{"".join(lines)}</ul></div>'
