"""What is said to people on the page: errors, and durations."""

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


def duration(seconds: float) -> str:
    """40 s, 12 min or 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
