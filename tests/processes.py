"""Commands as processes of their own, forked from one that has imported torch already.

Each would take seconds of a core to import it. What is forked has a session of its own, as
`start_new_session=True` gives it, and ends as any other: by its exit code, or by a signal.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from multiprocessing import forkserver
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

ROOT = Path(__file__).parent.parent
PRELOADED = ["train.__main__", "esrgan.models.zoo"]


class Forked:
    """A process that calls a function with a command line; it must be importable, as tests are.

    Attributes:
        pid: of the process, and of its group.
    """

    def __init__(
        self, call: Callable[[], object], *words: object, environment: Mapping[str, str] = {}
    ) -> None:
        self._folder = TemporaryDirectory()
        self._files = [Path(self._folder.name, name) for name in ("out", "err")]
        for file in self._files:
            file.touch()
        context = multiprocessing.get_context("forkserver")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(ROOT))
            patch.setenv("OMP_NUM_THREADS", "1")
            context.set_forkserver_preload(PRELOADED)
            forkserver.ensure_running()
        variables = {**os.environ, "CUDA_VISIBLE_DEVICES": "", **environment}
        given = (call, list(map(str, words)), variables, self._files)
        self._process = context.Process(target=_called, args=given)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Exit code, negative after a signal; None while it is at work."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """To the process alone, not to its group."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def ended(self, seconds: float = 300) -> tuple[int, str, str]:
        """Exit code, stdout and stderr; it is killed after so many seconds."""
        self._process.join(seconds)
        self.send_signal(signal.SIGKILL)
        self._process.join()
        code = self._process.exitcode
        assert code is not None
        out, err = (file.read_text("utf-8") for file in self._files)
        self._folder.cleanup()
        return code, out, err


def _called(
    call: Callable[[], object], words: list[str], environment: Mapping[str, str], files: list[Path]
) -> None:
    os.setsid()
    multiprocessing.set_start_method(None, force=True)  # its own processes begin as ever
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    for descriptor, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY), descriptor)
    sys.argv = ["forked", *words]
    call()
