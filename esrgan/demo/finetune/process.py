"""Processes of training runs, each `python -m train`: begun, found again and interrupted.

A process leads a session of its own, so that it goes on when the page or the server is closed, and
is found again by `process.json` in the run's folder, to be watched and stopped, when the server is
back.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from esrgan.command_line import python_module
from esrgan.demo.finetuned import log_path, read_json, write_json
from esrgan.errors import UserError

NICENESS = 10  # of a training, added to the page's

_children: list[subprocess.Popen[bytes]] = []


def process_path(run: Path) -> Path:
    """The run's latest process: its number, when it began in two tellings, and if it was asked to
    stop."""
    return run / "process.json"


def is_running(run: Path) -> bool:
    """Whether the run's process is alive, and is not another one with its number."""
    _children[:] = [child for child in _children if child.poll() is None]  # leaves no zombies
    process = read_json(process_path(run))
    started = process.get("started")
    return started is not None and _started(int(process["pid"])) == started


def launch(run: Path, arguments: Sequence[str]) -> None:
    """Start a run's process.

    `process.json` is there before it: until its number is known, the run is taken to be at work as
    long as this server is.

    Raises:
        UserError: it could not be started.
    """
    write_json(process_path(run), {**identity(os.getpid()), "starting": True})
    try:
        process = begin(arguments, log_path(run))
    except OSError as error:
        process_path(run).unlink()
        raise UserError(f"The training could not be started: {error.strerror}.") from error
    _children.append(process)
    write_json(process_path(run), identity(process.pid))


def begin(arguments: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
    """`python -m train …`, at low priority where there is `nice`: the page comes first."""
    nice = [shutil.which("nice") or "", "-n", str(NICENESS)] if shutil.which("nice") else []
    python, environment = python_module("train")
    with log.open("wb") as file:
        return subprocess.Popen(
            [*nice, *python, *arguments],
            env={**environment, "PYTHONUNBUFFERED": "1", "TQDM_DISABLE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def interrupt(run: Path) -> None:
    """Ask a run's process to save, export its weights and end.

    Raises:
        UserError: it is not running, only just starting, or was asked already.
    """
    process = read_json(process_path(run))
    if not is_running(run):
        raise UserError("This run is not in progress.")
    if process.get("starting"):  # the number is the server's
        raise UserError("This run is only just starting; try again in a moment.")
    if process.get("stopping"):  # a second signal would end it before it has saved
        raise UserError("This run is stopping already; this takes a moment.")
    write_json(process_path(run), {**process, "stopping": True})
    os.killpg(int(process["pid"]), signal.SIGINT)


def identity(pid: int) -> dict[str, Any]:
    """What tells a process from a later one with its number."""
    return {"pid": pid, "started": _started(pid), "time": time.time()}


def _started(pid: int) -> str | None:
    """When a process started, in the system's words; None if it is no more."""
    if Path("/proc/self/stat").exists():
        try:
            # "pid (name) state ppid …": the state is field 3, the start time field 22.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    asked = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    status, _, begun = (
        subprocess.run(asked, capture_output=True, text=True, check=False)
        .stdout.strip()
        .partition(" ")
    )
    return None if not status or status.startswith("Z") else begun.strip()
