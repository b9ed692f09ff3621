"""Prepared pictures: sub-images cut beforehand, whose crops are read without decoding.

A prepared folder holds a folder a source, and there a `.npy` file a picture with all its
sub-images, N×h×w×3 `uint8`, and `sub-images.json`, which says where each was cut. Such files are
mapped into memory: a crop costs the reading of its rows, and all processes of a machine, the ranks
of a distributed run too, share the system's one cache of them.
"""

import json
import mmap
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from esrgan.errors import UserError
from esrgan.pictures.files import atomic_path

# Bytes that NumPy writes before the pixels.
NPY_HEADER = 128
Record = TypeVar("Record")


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Size and step of sub-images.

    Attributes:
        size: side of the sub-images; a picture that is smaller gives smaller ones.
        step: from one sub-image to the next; the last lies flush with the border.
        smallest: pictures with a shorter side are left out.
    """

    size: int = 480
    step: int = 240
    smallest: int = 128

    def starts(self, length: int) -> list[int]:
        """Offsets of the sub-images along a side of this many pixels."""
        last = max(0, length - self.size)
        return sorted({*range(0, last + 1, self.step), last})


@dataclass(frozen=True)
class SubImages:
    """The sub-images of one picture, row by row: number n begins at tops[n // C], lefts[n % C].

    Attributes:
        file: the `.npy` file, relative to the index's folder; `source`: the picture's file,
            relative to its source.
        height, width: of each.
        tops, lefts: C lefts for each top, in the picture.
    """

    file: str
    source: str
    height: int
    width: int
    tops: list[int]
    lefts: list[int]

    @classmethod
    def of(cls, source: str, height: int, width: int, cut: Cut) -> "SubImages":
        """Those of a picture of this height and width."""
        sides = min(cut.size, height), min(cut.size, width)
        return cls(f"{source}.npy", source, *sides, cut.starts(height), cut.starts(width))

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self), self.height, self.width, 3

    def cut_at(self, number: int) -> tuple[range, range]:
        """The rows and columns of the picture that a sub-image holds."""
        top, left = self.tops[number // len(self.lefts)], self.lefts[number % len(self.lefts)]
        return range(top, top + self.height), range(left, left + self.width)

    @property
    def picture_size(self) -> tuple[int, int]:
        """Height and width of the picture: the last sub-images lie flush with its border."""
        return self.tops[-1] + self.height, self.lefts[-1] + self.width

    def mapped(self, path: Path) -> np.ndarray:
        """Their pixels, N×h×w×3 `uint8`, mapped into memory for reading.

        Raises:
            OSError, ValueError: the file is not there any more, or is another.
        """
        with path.open("rb") as file:
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return np.frombuffer(memory, np.uint8, offset=NPY_HEADER).reshape(self.shape)

    @property
    def bytes_on_disk(self) -> int:
        return NPY_HEADER + len(self) * self.height * self.width * 3

    def __len__(self) -> int:
        return len(self.tops) * len(self.lefts)

    def write(self, picture: np.ndarray, path: Path) -> None:
        """Cut them out of H×W×3 `uint8` and write them, atomically."""
        header = {"descr": "|u1", "fortran_order": False, "shape": self.shape}
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for top in self.tops:
                for left in self.lefts:
                    cut = picture[top : top + self.height, left : left + self.width]
                    file.write(np.ascontiguousarray(cut).data)

    def is_written(self, path: Path) -> bool:
        """Whether the file is there, as long as it must be."""
        try:
            return path.stat().st_size == self.bytes_on_disk
        except OSError:
            return False


@dataclass(frozen=True)
class LeftOut:
    """A file of a source that gave nothing, and why."""

    source: str
    reason: str


@dataclass(frozen=True)
class Index:
    """Index of a prepared source: its folder, the cut, and each picture's sub-images or reason."""

    source: str
    cut: Cut
    pictures: list[SubImages]
    left_out: list[LeftOut]


@dataclass(frozen=True)
class Sources:
    """The sources of a prepared folder, by the names of their folders, and how they are cut."""

    cut: Cut
    folders: dict[str, str]


def index_path(folder: Path) -> Path:
    return folder / "sub-images.json"


def sources_path(folder: Path) -> Path:
    return folder / "prepared.json"


def prepared_folders(folder: Path) -> list[Path] | None:
    """The folders of sub-images in a prepared folder or one of its sources; None if it is neither.

    Raises:
        UserError: a source has not been prepared to its end.
    """
    if index_path(folder).is_file():
        return [folder]
    if not sources_path(folder).is_file():
        return None
    found = [folder / name for name in read_sources(folder).folders]
    for each in found:
        if not index_path(each).is_file():
            raise UserError(
                f"{each} was not prepared to its end; `python -m train prepare` with the same "
                "folders goes on."
            )
    return found


def read_index(folder: Path) -> Index:
    """Raises UserError if it is damaged."""
    return _read(index_path(folder), TypeAdapter(Index))


def read_sources(folder: Path) -> Sources:
    """Raises UserError if it is damaged."""
    return _read(sources_path(folder), TypeAdapter(Sources))


def write_json(path: Path, value: Index | Sources) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(asdict(value), indent=1) + "\n", "utf-8")


def _read(path: Path, kind: TypeAdapter[Record]) -> Record:
    try:
        return kind.validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path} could not be read: {error.strerror}.") from error
    except ValidationError as error:
        raise UserError(f"{path} is damaged; prepare its folder anew.") from error
