"""Pictures of visitors, decoded in processes of their own that have limits of memory and time.

A file that makes its decoder take more, or crash, costs its sender an error and the page a process,
which is started anew when the next picture comes. This module is both sides: the page calls
`load_image`, and `python -m esrgan.demo.server.decoding` answers, without torch and gradio.

Where the system knows no limits of memory (Linux does), only the time is limited.
"""

import ctypes
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import AvifImagePlugin

from esrgan.demo.server.allocator import give_back
from esrgan.demo.server.stopping import go_on
from esrgan.errors import UserError
from esrgan.pictures import images

PROCESSES = 2  # at once, each started when it is first needed
# What a picture may cost: bytes beyond those that a process starts with, and seconds of computing
# and of waiting. The first is enough for so many pixels of 16 bits.
MAX_PIXELS = 50_000_000
MEMORY_BYTES = 3 * 2**29
CPU_SECONDS, SECONDS = 20, 60
LISTEN_SECONDS = 0.1  # how often is asked whether the visitor has stopped
TAKEN, SEND = b"taken\n", b"send\n"  # what the page says once it knows of what size a picture is

_places = threading.Semaphore(PROCESSES)
_idle: list["Decoder"] = []


def load_image(
    path: Path, max_pixels: int = MAX_PIXELS, tell: Callable[[str], object] | None = None
) -> np.ndarray:
    """Decode a picture file as `images.load_image` does, in another process.

    Args:
        tell: what to do with the words of a warning.

    Raises:
        UserError: as `images.load_image`, or it takes too much memory or time.
        StoppedError: the run that calls this is not wanted any more.
    """
    while not _places.acquire(timeout=LISTEN_SECONDS):
        go_on()
    try:
        decoder = _ready_decoder()
        try:
            answer = _heard(decoder, path, max_pixels)
        except BaseException:
            decoder.end()
            raise
        _idle.append(decoder)
    finally:
        _places.release()
    if isinstance(answer, str):
        raise UserError(answer)
    if tell is not None:
        for words in answer.warnings:
            tell(words)
    return answer.picture


def _ready_decoder() -> "Decoder":
    while _idle:
        decoder = _idle.pop()
        if decoder.process.poll() is None:
            return decoder
        decoder.end()
    return Decoder()


def _heard(decoder: "Decoder", path: Path, max_pixels: int) -> "Decoded | str":
    """The decoder's answer, for which another thread waits while this one listens for Stop."""
    answer: Future[Decoded | str] = Future()

    def ask() -> None:
        try:
            answer.set_result(decoder.ask(path, max_pixels))
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=ask, daemon=True, name="decoding").start()
    too_much = f"{path.name} takes more memory or time to decode than the page has for a picture."
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        try:
            return answer.result(LISTEN_SECONDS)
        except TimeoutError:
            go_on()
        except (EOFError, OSError) as error:  # its limits have ended it
            raise UserError(too_much) from error
    raise UserError(too_much)


@dataclass(frozen=True)
class Decoded:
    """A picture, and what was warned of."""

    picture: np.ndarray
    warnings: list[str]


class Decoder:
    """A process that decodes one picture after another; it ends when this process does."""

    def __init__(self) -> None:
        # One thread and one arena: what threads reserve would count as memory.
        modest = {"MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(MEMORY_BYTES), str(CPU_SECONDS)],
            env={**os.environ, **modest, "PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, path: Path, max_pixels: int) -> Decoded | str:
        """The picture in a file, or what is wrong with it.

        Raises:
            EOFError, OSError: the process has ended.
        """
        requests, answers = self.process.stdin, self.process.stdout
        assert requests is not None
        assert isinstance(answers, io.BufferedReader)
        _send(requests, json.dumps([os.fspath(path), max_pixels]).encode() + b"\n")
        line = answers.readline()
        if not line:
            raise EOFError
        answer = json.loads(line)
        if "error" in answer:
            return str(answer["error"])
        picture = np.empty(answer["shape"], answer["dtype"])
        if _copy_memory(self.process.pid, answer["address"], picture):
            _send(requests, TAKEN)
        else:
            _send(requests, SEND)
            if answers.readinto(picture.data) < picture.nbytes:
                raise EOFError
        return Decoded(picture, answer["warnings"])

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def _send(pipe: IO[bytes], words: bytes) -> None:
    pipe.write(words)
    pipe.flush()


class _Stretch(ctypes.Structure):
    """Of memory: `iovec` of <sys/uio.h>."""

    _fields_ = (("address", ctypes.c_void_p), ("size", ctypes.c_size_t))


def _copy_memory(pid: int, address: int, picture: np.ndarray) -> bool:
    """Fill a picture from another process's memory: one copy, where a pipe takes two and more.

    Returns whether it is done: only Linux can, and only for a child where it is strict.
    """
    read = _process_vm_readv()
    if read is None:
        return False
    ours = _Stretch(picture.ctypes.data, picture.nbytes)
    theirs = _Stretch(address, picture.nbytes)
    copied = read(pid, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0)
    return bool(copied == picture.nbytes)


@cache
def _process_vm_readv() -> Any:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    read = getattr(library, "process_vm_readv", None)
    if read is not None:
        stretches = (ctypes.POINTER(_Stretch), ctypes.c_ulong)
        read.argtypes = (ctypes.c_int, *stretches, *stretches, ctypes.c_ulong)
        read.restype = ctypes.c_ssize_t
    return read


# ---------------------------------------------------------------- in the other process


def serve(memory: int, seconds: int) -> None:
    """Answer on the standard output what is asked on the standard input, until that ends; for a
    picture there are so many bytes, and seconds of computing."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the page, which ends this
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print
    _widen(answers)
    _limit_memory(memory)
    requests = sys.stdin.buffer
    for line in requests:
        path, max_pixels = json.loads(line)
        _limit_computing(seconds)
        try:
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("ignore")
                warnings.simplefilter("always", images.SeveralPicturesWarning)
                picture = images.load_image(Path(path), max_pixels)
        except UserError as error:
            _send(answers, json.dumps({"error": str(error)}).encode() + b"\n")
        else:
            picture = np.ascontiguousarray(picture)
            words = [str(each.message) for each in warned]
            place = {"address": picture.ctypes.data, "warnings": words}
            head = {"shape": picture.shape, "dtype": picture.dtype.name, **place}
            _send(answers, json.dumps(head).encode() + b"\n")
            if requests.readline() == SEND:
                answers.write(picture.data)
                answers.flush()
            del picture
        give_back()


def _widen(pipe: IO[bytes]) -> None:
    """Let a pipe take a megabyte at once: fewer turns of the two processes."""
    with suppress(ImportError, AttributeError, OSError):  # elsewhere than on Linux, or not allowed
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 2**20)


def _limit_memory(most: int) -> None:
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):  # not Linux
        return
    _set_limit(resource.RLIMIT_AS, pages * resource.getpagesize() + most)
    _set_limit(resource.RLIMIT_CORE, 0)


def _limit_computing(seconds: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _set_limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + seconds)


def _set_limit(which: int, most: int) -> None:
    """As low as asked for, or as the system says already."""
    import resource

    _, hardest = resource.getrlimit(which)
    limit = most if hardest == resource.RLIM_INFINITY else min(most, hardest)
    resource.setrlimit(which, (limit, hardest))


if __name__ == "__main__":
    serve(*map(int, sys.argv[1:]))
