"""Files that visitors upload, and those in zips of them: read one by one, and never trusted."""

import errno
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from esrgan.demo.server.stopping import go_on
from esrgan.errors import UserError

ENCRYPTED = 0x1  # a bit of a member's flags
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
CHUNK = 2**20
# A zip's table of contents is read into memory at once; this is some ten thousand files.
MAX_CONTENTS_BYTES = 2 * 2**20
# Of one request, whatever the files are; each is looked at once, however often it is named.
MAX_ZIPS, MAX_MEMBERS = 20, 10_000
# What the standard library raises for damaged zips, besides what it documents.
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    OSError,
    ValueError,
    struct.error,
)


class TooManyError(UserError):
    """A request holds more than the page takes, so that it is refused as a whole."""


class Reception:
    """The uploads of one request: each of them once, and a bounded number of files in all.

    Attributes:
        uploads: the files and zips.
    """

    def __init__(self, uploads: Sequence[Path]) -> None:
        """Raises TooManyError: there are too many zips."""
        self.uploads = list(dict.fromkeys(uploads))
        self._left = MAX_MEMBERS
        if sum(map(_is_zip, self.uploads)) > MAX_ZIPS:
            raise TooManyError(f"The page takes up to {MAX_ZIPS} zips at once; do them in parts.")

    def files(self, upload: Path) -> "Iterator[Uploaded]":
        """As `uploaded_files`.

        Raises:
            TooManyError: there are too many files in all the zips so far.
            StoppedError: nobody waits for them any more.
        """
        for file in uploaded_files(upload, self._count):
            go_on()
            yield file

    def _count(self, number: int) -> None:
        go_on()
        self._left -= number
        if self._left < 0:
            raise TooManyError(
                f"There are more than {MAX_MEMBERS} files in these; do them in parts."
            )


def _is_zip(upload: Path) -> bool:
    return upload.suffix.lower() == ".zip"


@dataclass(frozen=True)
class Uploaded:
    """A file as its sender knows it.

    Attributes:
        name: in a zip, its path there; it never leads out of where it is put.
        size: in bytes, as declared.
        opened: opens it.
    """

    name: PurePosixPath
    size: int
    opened: Callable[[], IO[bytes]]

    def copy_to(self, target: Path, limit: int) -> int:
        """Write a copy and return its size: as it is read, whatever a zip says of itself.

        Raises:
            UserError: it has more than `limit` bytes, or is damaged.
            StoppedError: nobody waits for it any more.
        """
        too_large = f"{self.name.name} is larger than {limit / 2**20:.3g} MB."
        if self.size > limit:
            raise UserError(too_large)
        size = 0
        damaged = f"{self.name.name} is damaged: its zip can't be unpacked there."
        with _zip_errors(damaged), self.opened() as source, target.open("wb") as copy:
            while size <= limit and (chunk := source.read(CHUNK)):
                go_on()
                copy.write(chunk)
                size += len(chunk)
        if size > limit:
            raise UserError(too_large)
        return size


def uploaded_files(
    upload: Path, count: Callable[[int], None] = lambda _: None
) -> Iterator[Uploaded]:
    """The upload itself or, if it is a zip, the files in it, without hidden ones.

    A member can be read until the next one is asked for.

    Args:
        upload: the file.
        count: is given the number of entries, hidden ones and folders too, before they are read.

    Raises:
        UserError: the zip is damaged, encrypted, hostile, or packed in an unusual way.
    """
    if _is_zip(upload):
        yield from _members(upload, count)
    else:
        count(1)
        yield Uploaded(
            PurePosixPath(upload.name), upload.stat().st_size, partial(io.FileIO, upload)
        )


def _members(upload: Path, count: Callable[[int], None]) -> Iterator[Uploaded]:
    with _ZipBytes(upload) as data:
        with _zip_errors(f"{upload.name} is damaged, or it is no zip."):
            archive = zipfile.ZipFile(data)
        count(len(archive.infolist()))
        named = [(_safe_name(member, upload.name), member) for member in archive.infolist()]
        members = [(name, m) for name, m in named if not m.is_dir() and not _is_hidden(name)]
        if any(member.flag_bits & ENCRYPTED for _, member in members):
            raise UserError(f"{upload.name} is encrypted; unpack it and choose its pictures.")
        if any(member.compress_type not in METHODS for _, member in members):
            raise UserError(f"{upload.name} is packed in an unusual way; pack it as a plain zip.")
        for name, member in members:
            yield Uploaded(name, member.file_size, partial(archive.open, member))


class _ZipBytes(io.FileIO):
    """A zip as a file that refuses to be read in larger pieces than a sound one needs."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_CONTENTS_BYTES:
            raise UserError(f"{Path(str(self.name)).name} holds too many files.")
        return super().read(size) or b""


@contextmanager
def _zip_errors(message: str) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except ZIP_ERRORS as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            message = "The server's disk is full."
        raise UserError(message) from error


def _safe_name(member: zipfile.ZipInfo, archive: str) -> PurePosixPath:
    """Raises UserError: the name in a zip points out of it."""
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", member.filename):
        raise UserError(f"{archive} was refused: it holds a file that points out of it.")
    return path


def _is_hidden(name: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.parts)
