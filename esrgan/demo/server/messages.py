"""Messages on the page: errors, that something stops, and durations."""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any

import gradio as gr

from esrgan.demo.limits import MAX_SECONDS
from esrgan.demo.server.served import served_folder
from esrgan.demo.server.stopping import Runs
from esrgan.errors import UserError

# How events are told that only the page itself has a use for.
QUIETLY: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "undocumented"}

_TOO_LONG = (
    f"This took longer than {MAX_SECONDS // 60} minutes, the page's limit. Ask for less at once, "
    "or use the command line, which has none."
)


def told(function: Callable[..., Any]) -> Callable[..., Any]:
    """Show a UserError of a function or generator as a message on the page, and end a generator
    that has gone on for too long."""
    if isgeneratorfunction(function):

        @wraps(function)
        def generator(*inputs: Any) -> Iterator[Any]:
            begun = time.monotonic()
            with _as_message(), closing(function(*inputs)) as outputs:
                for output in outputs:
                    yield output
                    if time.monotonic() - begun > MAX_SECONDS:
                        raise UserError(_TOO_LONG)

        return generator

    @wraps(function)
    def plain(*inputs: Any) -> Any:
        with _as_message():
            return function(*inputs)

    return plain


@contextmanager
def _as_message() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise _shown(words_of(error)) from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise _shown("The server's disk is full.") from error


def words_of(error: UserError) -> str:
    """What a visitor is told, without the folder in which the server keeps files."""
    return str(error).replace(f"{served_folder()}{os.sep}", "")


def _shown(words: str) -> gr.Error:
    return gr.Error(words, duration=None, print_exception=False)


def stop(runs: Runs) -> Any:
    """Stop the latest run; returns the status, which is left alone if nothing is at work."""
    return "Stopping …" if runs.stop() else gr.skip()


def duration(seconds: float) -> str:
    """Duration in words: 40 s, 12 min or 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
