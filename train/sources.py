"""Sources of training pictures: a folder, two folders of pairs, or a prepared folder.

A file that is of no use never stops a run: it is left out and named, unless all are.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from torch.utils.data import get_worker_info

from esrgan.errors import UserError
from esrgan.evaluation.pairs import hr_and_candidates
from esrgan.pictures.folders import list_images
from esrgan.pictures.images import image_size, load_image, to_rgb, to_uint8
from esrgan.pictures.resize import KERNEL_RADIUS
from train.prepared import SubImages, prepared_folders, read_index

# Decoded pictures are kept in memory up to this many bytes, in all loader processes together.
CACHE_BYTES = 4 * 2**30
# Mappings of prepared files that a loader process keeps; each is an open file to the system.
MAPPED = 512
# An LR pixel of a ×s downscale is made from the HR pixels up to 2s beyond its own.
MARGIN = KERNEL_RADIUS
# After so many damaged pictures one after the other they are no longer drawn by chance.
DAMAGED_IN_A_ROW = 100
Sound = TypeVar("Sound")


@dataclass(frozen=True)
class Skipped:
    """A file that is left out, and why."""

    file: Path
    reason: str

    @classmethod
    def because(cls, file: Path, error: UserError) -> "Skipped":
        return cls(file, str(error).removeprefix(f"{file.name} ").removeprefix("is "))

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


class Margins(NamedTuple):
    """Pixels along the sides of a picture that are there for the LR of its crops only."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


class Picture(NamedTuple):
    """A picture to take crops from: H×W×3, and h×w×3 if its LR is not to be made; `uint8`."""

    hr: np.ndarray
    lr: np.ndarray | None = None
    margins: Margins = Margins()

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of HR."""
        return self.hr.shape[0], self.hr.shape[1]


class Source(ABC):
    """Pictures by number; None if one turns out to be damaged, of which a warning is given once.

    Attributes:
        areas: of the pictures in pixels.
        skipped: the files that were left out from the start.
    """

    areas: np.ndarray
    skipped: list[Skipped]

    @abstractmethod
    def __getitem__(self, number: int) -> Picture | None: ...

    def __len__(self) -> int:
        return len(self.areas)


class Memory:
    """The room for decoded pictures, which all caches of a data set share."""

    def __init__(self) -> None:
        self._taken = 0

    def take(self, size: int) -> bool:
        """Whether there was room for so many bytes, which then is taken."""
        worker = get_worker_info()
        room = CACHE_BYTES // (worker.num_workers if worker else 1)
        fits = self._taken + size <= room
        self._taken += size if fits else 0
        return fits


class PictureCache:
    """Decoded RGB pictures of a list of files, H×W×3 `uint8`, kept while memory lasts.

    A file whose data turn out to be damaged is None; a warning names it once.
    """

    def __init__(self, files: Sequence[Path], memory: Memory) -> None:
        self.files = files
        self._memory = memory
        self._kept: dict[int, np.ndarray | None] = {}

    def __getitem__(self, index: int) -> np.ndarray | None:
        if index in self._kept:
            return self._kept[index]
        file = self.files[index]
        try:
            picture = to_rgb(to_uint8(load_image(file)))
        except UserError as error:
            self.leave_out(index, Skipped.because(file, error).reason)
            return None
        if self._memory.take(picture.nbytes):
            self._kept[index] = picture
        return picture

    def leave_out(self, index: int, reason: str) -> None:
        """Give None for this file from now on."""
        warn_of(Skipped(self.files[index], reason))
        self._kept[index] = None


def warn_of(skipped: Skipped) -> None:
    warnings.warn(f"left out: {skipped}", stacklevel=2)


class Folder(Source):
    """All pictures of a folder and its sub-folders."""

    def __init__(self, folder: Path, side: int, memory: Memory) -> None:
        files, areas, self.skipped = usable_files(folder, side)
        self.areas = np.array(areas)
        self._pictures = PictureCache(files, memory)

    def __getitem__(self, number: int) -> Picture | None:
        picture = self._pictures[number]
        return None if picture is None else Picture(picture)


class PairedFolders(Source):
    """HR pictures and the LR pictures that belong to them by name, found by `evaluation.pairs`."""

    def __init__(self, hr: Path, lr: Path, side: int, scale: int, memory: Memory) -> None:
        files, candidates = hr_and_candidates(hr, lr, scale)
        assert candidates is not None  # since `lr` is given
        self.skipped = []
        hr_files: list[Path] = []
        lr_files: list[Path] = []
        areas: list[int] = []
        for file in files:
            try:
                low = candidates.match(file.name)
                size = usable_size(file, side)
                _check_sizes(size, _size_of_lr(low), low, scale)
            except UserError as error:
                self.skipped.append(Skipped.because(file, error))
                continue
            hr_files.append(file)
            lr_files.append(low)
            areas.append(size[0] * size[1])
        self.areas, self._scale = np.array(areas), scale
        self._hr, self._lr = PictureCache(hr_files, memory), PictureCache(lr_files, memory)

    def __getitem__(self, number: int) -> Picture | None:
        hr, lr = self._hr[number], self._lr[number]
        if hr is None or lr is None:
            return None
        try:
            _check_sizes(hr.shape, lr.shape, self._lr.files[number], self._scale)
        except UserError as error:
            self._hr.leave_out(number, str(error))
            return None
        return Picture(hr, lr)


def _size_of_lr(file: Path) -> tuple[int, int]:
    try:
        return image_size(file)
    except UserError as error:
        raise UserError(f"its LR picture {file}: {Skipped.because(file, error).reason}") from error


def _check_sizes(hr: Sequence[int], lr: Sequence[int], lr_file: Path, scale: int) -> None:
    height, width = hr[0] // scale, hr[1] // scale
    if tuple(lr[:2]) != (height, width):
        raise UserError(
            f"{hr[1]}×{hr[0]} pixels, of which 1/{scale} is {width}×{height}, but {lr_file} is "
            f"{lr[1]}×{lr[0]}."
        )


class Prepared(Source):
    """The sub-images of a prepared folder, mapped into memory when they are asked for.

    The crops of a sub-image keep away from its sides, but from the picture's own: their LR is then
    the whole picture's.
    """

    def __init__(self, folders: Sequence[Path], side: int, scale: int) -> None:
        self._files: list[Path] = []
        self._usable: list[SubImages] = []
        self._mapped: dict[int, np.ndarray] = {}
        self._scale, self.skipped = scale, []
        for folder in folders:
            for each in read_index(folder).pictures:
                file = folder / each.file
                if min(each.height, each.width) < side:
                    self.skipped.append(Skipped(file, _too_small(each.height, each.width, side)))
                elif not all(_has_room(*self._cut(each, n), side) for n in range(len(each))):
                    self.skipped.append(Skipped(file, _without_margin(each, side, scale)))
                elif not each.is_written(file):
                    self.skipped.append(Skipped(file, "missing or incomplete; prepare it anew."))
                else:
                    self._usable.append(each)
                    self._files.append(file)
        counts = [len(each) for each in self._usable]
        self._starts = np.cumsum([0, *counts])
        areas = [each.height * each.width for each in self._usable]
        self.areas = np.repeat(areas, counts).astype(int)

    def _cut(self, sub_images: SubImages, number: int) -> tuple[slice, slice, Margins]:
        """The rows and columns of a sub-image that begin and end with an LR pixel, and margins."""
        rows, columns = sub_images.cut_at(number)
        height, width = sub_images.picture_size
        vertical, top, bottom = _aligned(rows, height, self._scale)
        horizontal, left, right = _aligned(columns, width, self._scale)
        return vertical, horizontal, Margins(top, bottom, left, right)

    def __getitem__(self, number: int) -> Picture | None:
        index = int(np.searchsorted(self._starts, number, side="right")) - 1
        own = number - int(self._starts[index])
        rows, columns, margins = self._cut(self._usable[index], own)
        try:
            return Picture(self._pixels(index)[own, rows, columns], margins=margins)
        except (OSError, ValueError):
            warn_of(Skipped(self._files[index], "can't be read any more; prepare it anew."))
            return None

    def _pixels(self, index: int) -> np.ndarray:
        """The latest mappings are kept: to make one takes longer than to read a crop."""
        if index not in self._mapped:
            if len(self._mapped) >= MAPPED:
                self._mapped.pop(next(iter(self._mapped)))
            self._mapped[index] = self._usable[index].mapped(self._files[index])
        return self._mapped[index]


def _aligned(held: range, whole: int, scale: int) -> tuple[slice, int, int]:
    """What a sub-image holds of one side of a picture, cut to whole LR pixels, and the margins at
    both of its ends: none at an end of the picture."""
    start = -held.start % scale
    stop = len(held) - (held.stop % scale)
    ends = held.start == 0, held.stop == whole
    before, after = (0 if is_end else MARGIN * scale for is_end in ends)
    return slice(start, stop), before, after


def _has_room(rows: slice, columns: slice, margins: Margins, side: int) -> bool:
    """Whether there is room for a crop of this side."""
    height = rows.stop - rows.start - margins.top - margins.bottom
    width = columns.stop - columns.start - margins.left - margins.right
    return min(height, width) >= side


def _without_margin(sub_images: SubImages, side: int, scale: int) -> str:
    needed = side + 2 * (MARGIN + 1) * scale
    return (
        f"crops of {side} have no margin in its sub-images of {sub_images.width}×"
        f"{sub_images.height}, from which LR is made; prepare it anew with --size {needed} or more."
    )


def open_sources(folders: Sequence[str], lr: Sequence[str], side: int, scale: int) -> list[Source]:
    """A source a folder, with pictures of `side` pixels or larger; some may have none.

    Args:
        folders: of HR pictures, read recursively, or prepared ones.
        lr: as many folders of their LR pictures, "" where LR is to be made; or none at all.
        side: of the crops.
        scale: of HR to LR.

    Raises:
        UserError: no folder was given, one is missing or empty, or no picture of all is of use.
    """
    if not folders:
        raise UserError("Give the folder of training pictures with --data.")
    if lr and len(lr) != len(folders):
        raise UserError(
            f"--lr needs as many folders as --data, {len(folders)}, not {len(lr)}; "
            '"" stands for LR that is to be made.'
        )
    memory = Memory()
    sources: list[Source] = []
    for name, low in zip(folders, lr or [""] * len(folders), strict=True):
        prepared = prepared_folders(Path(name))
        if low and prepared:
            raise UserError(f"{name} is prepared, and makes its own LR; leave out its --lr.")
        if low:
            sources.append(PairedFolders(Path(name), Path(low), side, scale, memory))
        elif prepared:
            sources.append(Prepared(prepared, side, scale))
        else:
            sources.append(Folder(Path(name), side, memory))
    skipped = [each for source in sources for each in source.skipped]
    check_any([len(source) for source in sources], skipped, side)
    return sources


def usable_files(folder: Path, side: int) -> tuple[list[Path], list[int], list[Skipped]]:
    """The pictures of a folder, their areas in pixels, and the files that are of no use.

    Only the headers are read here: files that are no pictures, or smaller than `side`, are left
    out; damage farther on in a file shows when it is decoded.

    Raises:
        UserError: the folder is missing or empty.
    """
    files: list[Path] = []
    areas: list[int] = []
    skipped: list[Skipped] = []
    for file in list_images(folder):
        try:
            height, width = usable_size(file, side)
        except UserError as error:
            skipped.append(Skipped.because(file, error))
        else:
            files.append(file)
            areas.append(height * width)
    return files, areas, skipped


def usable_size(file: Path, side: int) -> tuple[int, int]:
    """Height and width of a picture, by its header; UserError if a side is less than `side`."""
    height, width = image_size(file)
    if min(height, width) < side:
        raise UserError(f"{file.name} {_too_small(height, width, side)}")
    return height, width


def _too_small(height: int, width: int, side: int) -> str:
    return f"{width}×{height} pixels; a side must have {side} or more."


def check_any(counts: Sequence[int], skipped: Sequence[Skipped], side: int) -> None:
    """Raises UserError if there is no picture at all; it says what is wrong with the first."""
    if not any(counts):
        first = f" The first: {skipped[0]}" if skipped else ""
        raise UserError(f"No picture of the training data is {side} pixels or larger.{first}")


def first_sound(
    pictures: Callable[[int], Sound | None], choose: Callable[[], int], count: int
) -> tuple[int, Sound]:
    """The number and pixels of the first picture that `choose` names and that is sound.

    Where nearly all are damaged, the next sound one after the last choice.

    Raises:
        UserError: all of them are damaged.
    """
    for _ in range(DAMAGED_IN_A_ROW):
        number = choose()
        found = pictures(number)
        if found is not None:
            return number, found
    for following in range(number + 1, number + 1 + count):
        found = pictures(following % count)
        if found is not None:
            return following % count, found
    raise UserError("All of the training pictures are damaged.")
