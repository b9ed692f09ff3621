"""Files that the browser may fetch: pictures are lossless, and gone after a while."""

import hashlib
import os
import secrets
import shutil
import time
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from esrgan.demo.server.housekeeping import new_folder
from esrgan.pictures.encoding import LONGEST_SIDE, encode_image
from esrgan.pictures.files import atomic_path

FOLDER_VARIABLE = "GRADIO_TEMP_DIR"  # gradio serves what lies below it in place
JOBS_PREFIX = "esrgan-jobs-"
SECONDS_KEPT = 24 * 3600


def served_folder() -> Path:
    """The folder that gradio serves, an absolute path; made, and told to gradio, where there is
    none yet."""
    if FOLDER_VARIABLE not in os.environ:
        os.environ[FOLDER_VARIABLE] = str(new_folder())
    folder = Path(os.environ[FOLDER_VARIABLE])
    if not folder.is_absolute() or ".." in folder.parts:
        folder = folder.resolve()
        os.environ[FOLDER_VARIABLE] = str(folder)
    return folder


def serve(image: np.ndarray, name: str, suffix: str = ".webp") -> str:
    """Write a picture for the browser, lossless, and return the path.

    Args:
        image: H×W, H×W×3 or H×W×4; WebP holds `uint8` only.
        name: of the file, as a download shows it.
        suffix: ".webp" (quick) or ".png" (for 16 bits, and what is too long for WebP).
    """
    if max(image.shape[:2]) > LONGEST_SIDE[".webp"]:
        suffix = ".png"
    folder = served_folder() / uuid.uuid4().hex
    folder.mkdir(parents=True)
    path = folder / f"{name}{suffix}"
    path.write_bytes(encode_image(image, suffix))
    return str(path)


def shared_copy(source: Path, name: str) -> Path:
    """Copy of a file that the browser may fetch, made once for each state of the file.

    Nobody can guess where it lies. It is swept as results are, once nobody asks for it any more.

    Args:
        source: the file, which may be replaced later.
        name: of the copy, as a download shows it.
    """
    state = f"{source}\0{source.stat().st_mtime_ns}".encode()
    digest = hashlib.blake2b(state, key=_secret(), digest_size=16)
    copied = served_folder() / digest.hexdigest() / name
    with suppress(OSError):
        os.utime(copied.parent)  # so that it stays
    if not copied.is_file():
        with atomic_path(copied) as temporary:
            shutil.copyfile(source, temporary)
    return copied


@cache
def _secret() -> bytes:
    return secrets.token_bytes(32)


def jobs_folder() -> Path:
    """The folder of this process's jobs; those of servers that were killed are deleted."""
    return _jobs_folder(served_folder())


@cache
def _jobs_folder(served: Path) -> Path:
    served.mkdir(parents=True, exist_ok=True)
    return new_folder(served, JOBS_PREFIX)


def job_folder(kind: str) -> Path:
    """The folder of a new job; former jobs' that nobody has told us to forget are deleted."""
    jobs = jobs_folder() / kind
    for folder in jobs.glob("*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > SECONDS_KEPT:
                shutil.rmtree(folder, ignore_errors=True)
    folder = jobs / uuid.uuid4().hex
    folder.mkdir(parents=True)
    return folder
