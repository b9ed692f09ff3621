"""Folders of pictures: the one listing that all commands, the page and training share."""

import os
from collections import deque
from pathlib import Path

from esrgan.errors import UserError

IMAGE_SUFFIXES = frozenset(
    {
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib"),
        *(".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heif"),
    }
)
RESOURCE_FORKS = "__MACOSX"  # the folder of what macOS keeps beside the files of a zip


def is_image(file: Path) -> bool:
    """Whether a file is a picture by its name."""
    return file.suffix.lower() in IMAGE_SUFFIXES


def is_to_be_read(file: Path) -> bool:
    """Whether, of `list_files`, it is a picture, or a folder whose pictures would else be missing
    without a word."""
    return is_image(file) or file.is_dir()


def list_images(folder: Path, recursive: bool = True, without: Path | None = None) -> list[Path]:
    """The pictures among `list_files`, and the folders that can't be entered.

    Raises:
        UserError: there is no such folder, or no picture in it.
    """
    found = [file for file in list_files(folder, recursive, without) if is_to_be_read(file)]
    if not found:
        raise UserError(f"{folder} holds no pictures.")
    return found


def list_files(folder: Path, recursive: bool = True, without: Path | None = None) -> list[Path]:
    """The files of a folder, sorted; hidden files and folders are left out.

    Links that lead nowhere and folders that can't be entered are among them: whoever reads them
    names them.
    Linked folders are entered once, and not if they lead to where one has been.

    Args:
        without: a folder below, such as that of the results, that is not entered.

    Raises:
        UserError: there is no such folder, or it can't be read.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder.")
    found: list[Path] = []

    def note_unreadable(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise UserError(f"{folder} could not be read: {error.strerror}.") from error
        found.append(Path(error.filename))

    waiting, been = deque([folder]), {os.path.realpath(without)} if without else set()
    while waiting:
        for place, folders, files in os.walk(waiting.popleft(), onerror=note_unreadable):
            real = os.path.realpath(place)
            entered = sorted(filter(_is_shown, folders)) if recursive and real not in been else []
            if real not in been:
                found += [Path(place, name) for name in files if _is_shown(name)]
            been.add(real)
            waiting += [path for name in entered if (path := Path(place, name)).is_symlink()]
            folders[:] = entered
    return sorted(found)


def _is_shown(name: str) -> bool:
    return not name.startswith(".") and name != RESOURCE_FORKS
