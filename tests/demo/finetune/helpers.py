"""What the tests of training from the page share."""

import time
from collections.abc import Callable

from esrgan.demo.finetune.run import Run, look
from tests.conftest import PATIENCE


def wait_until(ready: Callable[[], bool], seconds: float = PATIENCE) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.05)


def ended(name: str) -> Run:
    wait_until(lambda: not look(name).alive)
    return look(name)
