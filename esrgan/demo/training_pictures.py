"""Pictures that a visitor may train on: uploaded ones, zips of them, and the owner's folders."""

import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from esrgan.errors import UserError
from esrgan.images import IMAGE_SUFFIXES

# What one visitor may ask of the machine; `python -m train` has no such limits.
MAX_PICTURES = 2000
MAX_PICTURE_BYTES = 100 * 2**20
MAX_TOTAL_BYTES = 2 * 2**30


def allowed_folders() -> dict[str, Path]:
    """The folders that the server's owner lets visitors train on, by the names that they see."""
    listed = os.environ.get("ESRGAN_TRAINING_FOLDERS", "").split(os.pathsep)
    folders: dict[str, Path] = {}
    for path in (Path(each).absolute() for each in listed if each):
        clashes = sum(path.name == name.partition(" (")[0] for name in folders)
        folders[f"{path.name} ({clashes + 1})" if clashes else path.name] = path
    return folders


def chosen_folder(name: str) -> Path:
    folders = allowed_folders()
    if name not in folders:
        raise UserError("That folder is not one that the server's owner allows.")
    return folders[name]


def unpacked(uploads: Sequence[str], folder: Path) -> Path:
    """Copy uploaded pictures, and those in uploaded zips, into a folder under names of ours.

    Raises:
        UserError: there are none, too many, too large ones, or a zip is damaged or hostile.
    """
    folder.mkdir()
    number = total = 0
    with _zip_errors():
        for suffix, file in _pictures(uploads):
            number += 1
            if number > MAX_PICTURES:
                raise UserError(f"These are more than {MAX_PICTURES} pictures, the page's limit.")
            with (folder / f"{number:05d}{suffix}").open("wb") as copy:
                total += _copy(file, copy, MAX_TOTAL_BYTES - total)
    if not number:
        raise UserError("Choose HR pictures to train on: files, or a zip of them.")
    return folder


def _pictures(uploads: Iterable[str]) -> Iterator[tuple[str, IO[bytes]]]:
    """The suffix and the open file of each picture; what is none is passed over."""
    for path in map(Path, uploads):
        if path.suffix.lower() == ".zip":
            yield from _zipped_pictures(path)
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            with path.open("rb") as file:
                yield path.suffix.lower(), file


def _zipped_pictures(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = _safe_member(member.filename, path.name)
            suffix = name.suffix.lower()
            if suffix in IMAGE_SUFFIXES and not name.name.startswith("."):
                with archive.open(member) as file:
                    yield suffix, file


@contextmanager
def _zip_errors() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise UserError("The zip is damaged or encrypted, or it is none.") from error


def _safe_member(name: str, archive: str) -> PurePosixPath:
    """Raises UserError: the name in a zip points out of it."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name):
        raise UserError(f"{archive} was refused: it holds a file that points out of it.")
    return path


def _copy(source: IO[bytes], target: IO[bytes], allowance: int) -> int:
    """Copy a picture and return its size: as it is read, whatever a zip says of itself."""
    size = 0
    while chunk := source.read(2**20):
        size += len(chunk)
        if size > MAX_PICTURE_BYTES:
            raise UserError(f"A picture is larger than {MAX_PICTURE_BYTES // 2**20} MB.")
        if size > allowance:
            raise UserError(f"The pictures are more than {MAX_TOTAL_BYTES // 2**30} GB.")
        target.write(chunk)
    return size
