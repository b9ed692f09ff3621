"""Errors for people, as messages on the page."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import gradio as gr

from esrgan.errors import UserError


def told(function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Show a UserError as a message on the page."""

    @wraps(function)
    def wrapper(*inputs: Any) -> Iterator[Any]:
        try:
            yield from function(*inputs)
        except UserError as error:
            raise gr.Error(str(error), duration=None, print_exception=False) from error

    return wrapper
