"""gradio's start without what it does in vain: stubs for editors, and apps that nobody asks."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without_stubs() -> Iterator[None]:
    """Have gradio leave out the stub (`.pyi`) that it renders and compares with the file beside its
    class for each component, a second in all. It does so for those that come from no file."""
    real = inspect.getfile

    def getfile(thing: Any) -> str:
        if hasattr(thing, "EVENTS"):  # a component
            raise OSError("No stub is wanted.")
        return real(thing)

    inspect.getfile = getfile  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = real


@contextmanager
def without_apps() -> Iterator[None]:
    """Have gradio leave out the apps that it makes before `launch`, which makes the one that
    answers."""
    from gradio.routes import App

    real = App.create_app
    nothing: Any = staticmethod(lambda *_, **__: None)
    App.create_app = nothing  # type: ignore[method-assign]
    try:
        yield
    finally:
        App.create_app = staticmethod(real)  # type: ignore[method-assign]
