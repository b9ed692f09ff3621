"""What is said to people on the page: errors, and durations."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any

import gradio as gr

from esrgan.errors import UserError


def told(function: Callable[..., Any]) -> Callable[..., Any]:
    """Show a UserError of a function or generator as a message on the page."""
    if isgeneratorfunction(function):

        @wraps(function)
        def generator(*inputs: Any) -> Iterator[Any]:
            with _as_message():
                yield from function(*inputs)

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
        raise gr.Error(str(error), duration=None, print_exception=False) from error


def duration(seconds: float) -> str:
    """40 s, 12 min or 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
