"""ZeroGPU of Hugging Face: what needs the GPU runs in a process that has it for a while.

Elsewhere nothing of this happens.
"""

import importlib
import os
from collections.abc import Callable
from typing import TypeVar

Function = TypeVar("Function", bound=Callable[..., object])
VARIABLE = "SPACES_ZERO_GPU"


def on_zero_gpu() -> bool:
    return bool(os.environ.get(VARIABLE))


def prepare() -> None:
    """Import `spaces` on ZeroGPU; it asks to be imported before torch."""
    if on_zero_gpu():
        importlib.import_module("spaces")


def on_gpu(seconds: int) -> Callable[[Function], Function]:
    """Lend the decorated function (or generator) the GPU, on ZeroGPU for at most `seconds`.

    There, arguments and results travel between processes, and what the function remembers is
    forgotten.
    """

    def decorate(function: Function) -> Function:
        if not on_zero_gpu():
            return function
        import spaces

        lent: Function = spaces.GPU(duration=seconds)(function)
        return lent

    return decorate
