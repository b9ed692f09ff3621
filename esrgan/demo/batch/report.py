"""How far a batch is, and what could not be done, as HTML."""

from html import escape

from esrgan.demo.batch.job import Batch, Done
from esrgan.demo.server.messages import duration

# Failures that the page shows, the first ones; the zip's list holds all.
SHOWN_FAILURES = 100
STYLE = """<style>
.prose .batching { margin: 0; display: flex; flex-wrap: wrap; gap: .3em .8em; align-items: center; }
.batching progress { appearance: none; flex: 0 1 14rem; min-width: 6rem; height: .6em; border: 0;
  border-radius: .3em; overflow: hidden; background: var(--border-color-primary); }
.batching progress::-webkit-progress-bar { background: var(--border-color-primary); }
.batching progress::-webkit-progress-value { background: var(--color-accent); }
.batching progress::-moz-progress-bar { background: var(--color-accent); }
.batching b { overflow-wrap: anywhere; }
.failures { max-height: 12rem; overflow: auto; padding: .6em .9em;
  border: 1px solid var(--border-color-primary); border-radius: var(--block-radius);
  border-left: .3rem solid #d97706; }
.prose .failures :is(p, ul, li) { margin: 0; }
.prose .failures ul { padding-left: 1.2em; overflow-wrap: anywhere; }
#batch-previews :is(.gallery-container, .grid-wrap) { min-height: 0; }
#batch-previews .grid-wrap { height: auto !important; max-height: 40rem; padding-top: 2.2rem; }
#batch-previews .grid-container { height: auto;
  grid-template: none / repeat(auto-fill, minmax(8.5rem, 1fr)) !important; }
#batch-previews .caption-label { inset: auto 0 0 0; max-width: none; border: 0; border-radius: 0;
  white-space: normal; overflow-wrap: anywhere; text-align: center; padding: .2em .4em;
  line-height: 1.3; opacity: .9; }
</style>"""


def progress(batch: Batch) -> str:
    """A bar with the picture in hand and the time left; at the end, how much was done."""
    total, failed = len(batch.tasks), batch.handled - len(batch.done)
    if batch.current is None:
        stopped = "" if batch.complete else ", stopped"
        parts = [f"<span>{len(batch.done)} of {total} pictures done{stopped}</span>"]
    else:
        parts = [
            f'<progress value="{batch.handled}" max="{total}"></progress>',
            f"<span>{min(batch.handled + 1, total)} of {total}</span>",
            f"<b>{escape(batch.current.name)}</b>",
        ]
        if batch.seconds_left is not None:
            parts.append(f"<span>about {duration(batch.seconds_left)} left</span>")
    if failed:
        parts.append(f"<span>· {failed} failed</span>")
    return f'{STYLE}<div class="batching" role="status">{" ".join(parts)}</div>'


def caption(done: Done) -> str:
    """A result's names, where they differ, and sizes."""
    names = dict.fromkeys((done.task.name, done.task.result))
    (height, width), (tall, wide) = done.before, done.after
    return f"{' → '.join(names)} · {width}×{height} → {wide}×{tall}"


def failures(batch: Batch) -> str:
    """What could not be done, with the reasons; "" if there is nothing."""
    if not batch.failures:
        return ""
    lines = [f"<li>{escape(line)}</li>" for line in batch.failures[:SHOWN_FAILURES]]
    more = len(batch.failures) - len(lines)
    if more:
        lines.append(f"<li>and {more} more</li>")
    return f'<div class="failures"><p>Could not be done:</p><ul>{"".join(lines)}</ul></div>'
