"""Deletion of what visitors leave: results and uploads after a while, and after a crash."""

import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from esrgan.demo.server.allocator import give_back

KEEP_VARIABLE = "ESRGAN_KEEP_SECONDS"
PREFIX = "esrgan-served-"
LOCK = "in-use.lock"
# Folders of one result, as `served.serve` names them, and of one upload, as gradio does; and the
# files that uploads are until they are complete.
RESULT, UPLOAD = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{64}")
BROKEN_OFF = re.compile(r"tmp\w{8}")

_locks: list[FileLock] = []  # held as long as the process lives


def seconds_kept() -> int:
    """Seconds that results and uploads are kept: an hour, or as the server's owner says."""
    given = os.environ.get(KEEP_VARIABLE, "")
    return max(1, int(given)) if given.isdecimal() else 3600


def new_folder(parent: Path | None = None, prefix: str = PREFIX) -> Path:
    """A temporary folder of this process; those of processes that have died are deleted.

    Args:
        parent: where it is made; the system's folder for such ones if None.
        prefix: of its name, and of those that are deleted.
    """
    for folder in (parent or Path(tempfile.gettempdir())).glob(f"{prefix}*"):
        _delete_if_abandoned(folder)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    lock = FileLock(folder / LOCK)
    lock.acquire()
    _locks.append(lock)
    return folder


def _delete_if_abandoned(folder: Path) -> None:
    try:
        if (folder / LOCK).is_file():
            with FileLock(folder / LOCK, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
    except (Timeout, OSError):  # in use, or another user's
        return


def sweep(folder: Path, seconds: float, kept: Collection[Path] = ()) -> None:
    """Delete what was served or uploaded longer ago than that, but for the folders that are kept.

    gradio deletes uploads too, but no folders, none of a server before it, and none at all once one
    came while it was looking for old ones.
    """
    for each in folder.iterdir():
        served = RESULT.fullmatch(each.name) or UPLOAD.fullmatch(each.name)
        if served and each not in kept and age(each) > seconds:
            shutil.rmtree(each, ignore_errors=True)
        elif _broken_off(each) and age(each) > seconds:
            with suppress(OSError):  # somebody else's, or gone
                each.unlink()


def _broken_off(file: Path) -> bool:
    """Whether this is left of a broken upload; the system's folder has everybody's such files."""
    ours = file.parent != Path(tempfile.gettempdir())
    return ours and bool(BROKEN_OFF.fullmatch(file.name)) and file.is_file()


def age(path: Path) -> float:
    """Seconds since it, or anything in it, changed."""
    try:
        inside = path.iterdir() if path.is_dir() else ()
        times = [each.lstat().st_ctime for each in (path, *inside)]
    except OSError:
        return 0
    return time.time() - max(times)


def sweep_interval(seconds: int) -> int:
    """Seconds between two sweeps of what is kept for so many seconds."""
    return max(1, min(300, seconds // 2))


def keep_sweeping(folder: Path, kept: Collection[Path]) -> None:
    """Sweep and give memory back now and then, in the background, until the process ends."""
    seconds = seconds_kept()

    def work() -> None:
        while True:
            time.sleep(sweep_interval(seconds))
            sweep(folder, seconds, kept)
            give_back()

    threading.Thread(target=work, daemon=True, name="housekeeping").start()
