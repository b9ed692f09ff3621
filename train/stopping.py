"""Signals that ask a run to save and to end."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# Ctrl-C, a scheduler's time limit and its warning before it, and a terminal that is closed.
# (Windows has the first two.)
SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGHUP")
    if hasattr(signal, name)
)


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether one of `SIGNALS` came; a second Ctrl-C interrupts.

    Ctrl-C is heard also where a script began the run in its background, which has it ignored. The
    closing of the terminal is not, where `nohup` began it: the run is meant to outlive that.
    """
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, ask) for number in SIGNALS if not _outlived(number)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _outlived(number: int) -> bool:
    return number != signal.SIGINT and signal.getsignal(number) == signal.SIG_IGN


def ignore_stop_requests() -> None:
    """For a loader process: the signals reach every process of a terminal or a scheduler's step;
    only the training process answers them."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
