"""Stopping of what runs for a visitor, or by their next wish. Knows nothing of gradio.

gradio's own `cancels` is not used: its last word of a cancelled event may reach the browser as an
error, it knows nothing of events that an example has started, and the computation goes on.
"""

import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from typing import TypeVar

Step = TypeVar("Step")


class StoppedError(Exception):
    """Raised in a run that is not wanted any more."""


class Runs:
    """Runs of one visitor in one place of the page; only the latest is wanted.

    One and the same object in all of a visitor's events, so that an event still at work sees what a
    later one has done.

    Attributes:
        latest: the name of the run that was begun last, "" before the first.
        wished: the name of the last wish, "" before the first.
        given_up: names of wishes that were stopped before their run began; None for the first one,
            stopped before it had a name.
    """

    def __init__(self) -> None:
        self.latest = self.wished = ""
        self.given_up: set[str | None] = set()
        self._at_work = False

    def wish(self) -> str:
        """The name of a new wish: runs of those before it, if they come later, are not wanted."""
        self.wished = uuid.uuid4().hex
        return self.wished

    def begin(self) -> str:
        """The name of a new run, which is the latest from now on."""
        self.latest, self._at_work = uuid.uuid4().hex, True
        return self.latest

    @contextmanager
    def running(self) -> Iterator[str]:
        """A new run, at work within it at most: also if it is given up before its first step."""
        run = self.begin()
        try:
            yield run
        finally:
            self._end(run)

    def _end(self, run: str) -> None:
        if run == self.latest:
            self.stop()

    def gave_up(self, wish: str | None) -> bool:
        """Whether a wish was stopped before its run began, which is so for one wish only."""
        stopped = bool(self.given_up & {wish, None})
        self.given_up.discard(None)
        return stopped

    @property
    def at_work(self) -> bool:
        """Whether the latest run has neither ended nor been stopped."""
        return self._at_work

    def stop(self) -> bool:
        """End the latest run at its next tile or step; returns whether it was at work."""
        was_at_work, self._at_work = self._at_work, False
        return was_at_work

    def wants(self, run: str) -> bool:
        return self._at_work and run == self.latest

    @contextmanager
    def listening(self, run: str) -> Iterator[None]:
        """`go_on` within it ends this run; not to be left in another call than it was entered, as
        each call of an event may come from another thread."""
        before = _wanted.set(lambda: self.wants(run))
        try:
            yield
        finally:
            _wanted.reset(before)

    def carry(self, run: str, steps: Generator[Step, None, None]) -> Iterator[Step]:
        """The steps of a run, as long as it is wanted.

        Raises:
            StoppedError: it is not any more.
        """
        try:
            with closing(steps):
                while True:
                    try:
                        with self.listening(run):
                            go_on()
                            step = next(steps)
                    except StopIteration:
                        return
                    yield step
        finally:
            self._end(run)


_wanted: ContextVar[Callable[[], bool]] = ContextVar("wanted", default=lambda: True)


def go_on() -> None:
    """Raises StoppedError if the run that calls this is not wanted any more."""
    if not _wanted.get()():
        raise StoppedError
