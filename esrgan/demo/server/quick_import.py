"""gradio's import without the type stubs that it writes for editors, which are a third of it."""

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
