"""Commands as processes of their own, forked from one that has imported torch already.

Each would take seconds of a core to import it. What is forked has a session of its own, as
`start_new_session=True` gives it, and ends as any other: by its exit code, or by a signal.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from torch.distributed import TCPStore

from esrgan.inference import precision

ROOT = Path(__file__).parent.parent
PRELOADED = ["train.__main__", "esrgan.models.zoo"]


class Forked:
    """A process that calls a function with a command line; it must be importable, as tests are.

    Args:
        log: file that gets its stdout and stderr instead of `ended`.

    Attributes:
        pid: of the process, and of its group.
    """

    def __init__(
        self,
        call: Callable[[], object],
        *words: object,
        environment: Mapping[str, str] = {},
        log: Path | None = None,
    ) -> None:
        self._folder = TemporaryDirectory()
        self._files = [log or Path(self._folder.name, name) for name in ("out", "err")]
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

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def wait(self) -> int | None:
        """Exit code, when it has ended."""
        self._process.join()
        return self.poll()

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


class Together:
    """A call in so many processes that know of each other, by a store as torchrun has one."""

    def __init__(self, call: Callable[[], object], count: int, *words: object) -> None:
        self.store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        common = {
            "WORLD_SIZE": f"{count}",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": f"{self.store.port}",
            "TORCHELASTIC_USE_AGENT_STORE": "True",
        }
        own = [{"RANK": f"{rank}", "LOCAL_RANK": f"{rank}"} for rank in range(count)]
        self.processes = [Forked(call, *words, environment={**common, **each}) for each in own]

    def ended(self) -> list[tuple[int, str, str]]:
        """Exit code, stdout and stderr of each."""
        return [process.ended() for process in self.processes]


@contextmanager
def forked_trainings() -> Iterator[None]:
    """What begins `python -m train` in here has it forked."""
    begin = subprocess.Popen

    def start(command: Sequence[str], **options: Any) -> Any:
        if "train" not in command:
            return begin(command, **options)
        words = command[command.index("train") + 1 :]
        log = Path(options["stdout"].name) if options.get("stdout") else None
        return Forked(training, *words, environment=options["env"], log=log)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("subprocess.Popen", start)
        yield


def on_any_machine() -> None:
    """Nothing depends on how many cores there are, nor for which precisions they have units."""
    torch.set_num_threads(1)  # the networks here are tiny: threads would only wait for each other
    precision.CPU_FACTS = Path(os.devnull)


def training() -> None:
    """`python -m train …`"""
    from train.__main__ import start

    start()


def _called(
    call: Callable[[], object], words: list[str], environment: Mapping[str, str], files: list[Path]
) -> None:
    os.setsid()
    multiprocessing.set_start_method(None, force=True)  # its own processes begin as ever
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    for descriptor, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND), descriptor)
    sys.argv = ["forked", *words]
    on_any_machine()
    call()
