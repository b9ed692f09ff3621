"""Errors for people, as messages on the page."""

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
