"""gradio's start without what it does in vain: stubs for editors, and drafts of its app."""

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
def without_drafts() -> Iterator[None]:
    """Have gradio leave out the apps and configurations that it makes before `launch`, which makes
    those that answer."""
    from gradio.blocks import Blocks
    from gradio.routes import App

    app, configuration = App.create_app, Blocks.get_config_file
    nothing: Any = staticmethod(lambda *_, **__: None)
    App.create_app = nothing  # type: ignore[method-assign]
    Blocks.get_config_file = lambda _: {}  # type: ignore
    try:
        yield
    finally:
        App.create_app = staticmethod(app)  # type: ignore[method-assign]
        Blocks.get_config_file = configuration  # type: ignore[method-assign]
