"""Training pictures: crops that depend on the seed and the crop's number only.

Sample number i of a run is drawn by a generator seeded with (seed, i), so that a resumed run, or
one with any number of loader processes, sees exactly the pictures of an uninterrupted one.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from esrgan.errors import UserError
from esrgan.evaluation.pairs import Pair
from esrgan.pictures.degradations import DEGRADATIONS, Degradation, DegradationName
from train.sources import (
    Margins,
    Memory,
    Picture,
    PictureCache,
    Prepared,
    Skipped,
    check_any,
    first_sound,
    open_sources,
    usable_files,
)
from train.stopping import ignore_stop_requests

# Batches that each loader process makes in advance.
PREFETCHED = 4
# Side of the part of a picture that is held out: enough for NIQE, quick on a CPU.
HELD_OUT_SIDE = 256
# Loader processes for one accelerator, at most: prepared pictures need no more.
MOST_WORKERS = 16


class Croppable(Protocol):
    """What crops can be taken from: a picture of height and width, and its margins."""

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def margins(self) -> Margins: ...


Found = TypeVar("Found", bound=Croppable)


class Place(NamedTuple):
    """Where an HR crop begins, in pixels of its picture, and how it is turned and flipped."""

    top: int
    left: int
    turns: int
    flip: bool


class PairDataset(Dataset[tuple[Tensor, Tensor]]):
    """Random (LR, HR) crops: 3×(S/s)×(S/s) and 3×S×S, `uint8`.

    A picture is drawn with a chance proportional to its area; its crop is flipped and turned by
    multiples of 90° (Sec. 4.1). LR equals the crop of the whole picture's MATLAB-bicubic LR, or of
    its own LR picture where there are pairs; or it is made by another degradation, drawn anew for
    each sample.

    Attributes:
        contents: which pictures they are, in a few characters.

    Args:
        folders, lr: as in `open_sources`.
        crop_size: S, the side of the HR crop; pictures smaller than that are `skipped`.
        scale: s.
        seed: of the crops.
        weights: how often each folder is drawn from, in proportion; by area if there are none.
        degradation: how LR is made where it is.

    Raises:
        UserError: as `open_sources`, S does not divide by s, or the weights are not one a folder.
    """

    def __init__(
        self,
        folders: Sequence[str],
        crop_size: int,
        scale: int,
        seed: int,
        lr: Sequence[str] = (),
        weights: Sequence[float] = (),
        degradation: DegradationName = "bicubic",
    ) -> None:
        if crop_size % scale:
            raise UserError(f"crop_size {crop_size} does not divide by the scale {scale}.")
        self.sources = open_sources(folders, lr, crop_size, scale)
        self.skipped = [each for source in self.sources for each in source.skipped]
        self._starts = np.cumsum([0, *(len(source) for source in self.sources)])
        self._chance_below = cumulative_chances([s.areas for s in self.sources], weights)
        self.contents = contents([source.areas for source in self.sources])
        self.crop_size, self.scale, self.seed = crop_size, scale, seed
        self.degradation = DEGRADATIONS[degradation]

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, number))
        (hr, lr, _), (top, left, turns, flip) = self.drawn(rng, self.picture)
        size, scale = self.crop_size, self.scale
        crops = aligned_crops(hr, top, left, size, scale, lr, self.degradation, rng)
        small, large = (augmented(crop, turns, flip) for crop in crops)
        return small, large

    @property
    def count(self) -> int:
        """How many pictures there are; of samples there is no end."""
        return int(self._starts[-1])

    def drawn(
        self, rng: np.random.Generator, pictures: Callable[[int], Found | None]
    ) -> tuple[Found, Place]:
        """What a sample is of: one of the pictures, which may be damaged, and a place in it."""
        _, found = first_sound(pictures, lambda: self._at(rng.random()), self.count)
        (height, width), margins = found.size, found.margins
        top = self._offset(rng, height, margins.top, margins.bottom)
        left = self._offset(rng, width, margins.left, margins.right)
        return found, Place(top, left, int(rng.integers(4)), bool(rng.integers(2)))

    def hold_out(self, most: int) -> list[Pair]:
        """Draw some pictures no more, and give the middle of each, as LR and HR.

        They lie evenly among the others, and are a quarter of them at most. Sub-images of prepared
        folders, which share pixels, are never held out.
        """
        candidates = [
            int(start) + number
            for source, start in zip(self.sources, self._starts, strict=False)
            if not isinstance(source, Prepared)
            for number in range(len(source))
        ]
        count = min(most, len(candidates) // 4)
        chosen = [candidates[(2 * n + 1) * len(candidates) // (2 * count)] for n in range(count)]
        pairs = []
        for number in chosen:
            picture = self.picture(number)
            if picture is not None:
                name, rng = f"{number:05d}.png", np.random.default_rng((self.seed, number))
                pairs.append(central_pair(name, picture, self.scale, self.degradation, rng))
        chances = np.diff(self._chance_below, prepend=0)
        chances[chosen] = 0
        self._chance_below = np.cumsum(chances) / chances.sum()
        return pairs

    def _offset(self, rng: np.random.Generator, side: int, before: int, after: int) -> int:
        """Where a crop begins along a side, between two margins: a multiple of the scale."""
        room = (side - before - after - self.crop_size) // self.scale
        return before + self.scale * int(rng.integers(0, room + 1))

    def picture(self, number: int) -> Picture | None:
        """A picture by its number among those of all sources; None if it is damaged."""
        source = int(np.searchsorted(self._starts, number, side="right")) - 1
        return self.sources[source][number - int(self._starts[source])]

    def _at(self, position: float) -> int:
        """The picture at a position in [0, 1) of all pictures' chances laid end to end."""
        chosen = int(np.searchsorted(self._chance_below, position, side="right"))
        return min(chosen, len(self._chance_below) - 1)


def central_pair(
    name: str, picture: Picture, scale: int, degradation: Degradation, rng: np.random.Generator
) -> Pair:
    """The middle of a picture, `HELD_OUT_SIDE` pixels a side at most, and its LR, given or made."""
    whole = [side // scale for side in picture.hr.shape[:2]]  # sides, in LR pixels
    height, width = (min(HELD_OUT_SIDE // scale, side) for side in whole)
    top, left = (whole[0] - height) // 2, (whole[1] - width) // 2
    hr = picture.hr[scale * top : scale * (top + height), scale * left : scale * (left + width)]
    if picture.lr is None:
        return Pair(name, degradation.make(hr, scale, rng), hr)
    return Pair(name, picture.lr[top : top + height, left : left + width], hr)


def contents(areas: Sequence[np.ndarray]) -> str:
    """How many pictures these are, and a digest of their areas, source by source: sample number i
    is another of other ones."""
    digest = hashlib.sha256(repr([each.tolist() for each in areas]).encode()).hexdigest()
    return f"{sum(map(len, areas))} ({digest[:8]})"


def cumulative_chances(areas: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """For each picture of all sources in turn, the chance of it and those before it.

    Args:
        areas: of each source's pictures.
        weights: the sources' shares, in any unit; in proportion to their areas if there are none.

    Raises:
        UserError: the weights are not one a source.
    """
    if weights and len(weights) != len(areas):
        raise UserError(
            f"--data-weights needs as many numbers as --data has folders, {len(areas)}, "
            f"not {len(weights)}."
        )
    shares = [
        each * (weight / max(1, each.sum()))
        for each, weight in zip(
            areas, weights or [float(each.sum()) for each in areas], strict=True
        )
    ]
    below = np.cumsum(np.concatenate(shares), dtype=float)
    return below / below[-1]


def aligned_crops(
    picture: np.ndarray,
    top: int,
    left: int,
    size: int,
    scale: int,
    low: np.ndarray | None,
    degradation: Degradation,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """The HR crop at (top, left), multiples of `scale`, and its LR: from the LR picture `low`, or
    else made from a crop with a margin as far as the degradation reaches.

    Returns:
        (size/scale)×(size/scale)×3 and size×size×3; a bicubic LR is that of the whole picture (cut
        to a multiple of `scale`), pixel for pixel.
    """
    hr = picture[top : top + size, left : left + size]
    side = size // scale
    if low is not None:
        y, x = top // scale, left // scale
        return low[y : y + side, x : x + side], hr
    wide, y, x = surrounded(picture, top, left, size, scale, degradation.reach)
    lr = degradation.make(wide, scale, rng)
    return lr[y : y + side, x : x + side], hr


def surrounded(
    picture: np.ndarray, top: int, left: int, size: int, scale: int, reach: int
) -> tuple[np.ndarray, int, int]:
    """The HR crop at (top, left), multiples of `scale`, with a margin of `reach` LR pixels where
    there are so many, sides being multiples of the scale; and the LR pixel, y and x, at which the
    crop begins in it."""
    height, width = (side - side % scale for side in picture.shape[:2])
    margin = reach * scale
    y0, x0 = max(0, top - margin), max(0, left - margin)
    y1, x1 = min(height, top + size + margin), min(width, left + size + margin)
    return picture[y0:y1, x0:x1], (top - y0) // scale, (left - x0) // scale


def augmented(crop: np.ndarray, turns: int, flip: bool) -> Tensor:
    """H×W×3 -> 3×H×W, turned by 90° `turns` times and then flipped left to right."""
    turned = np.rot90(crop, turns)
    turned = turned[:, ::-1] if flip else turned
    return torch.from_numpy(np.ascontiguousarray(turned.transpose(2, 0, 1)))


class ClassDataset(Dataset[tuple[Tensor, Tensor]]):
    """Pictures of a folder with one sub-folder a class, for the perceptual network.

    Every n-th picture of a class is held out. Training sample i is a random crop, flipped by
    chance; `held_out_batches` gives centre crops. Pictures 3×S×S `uint8`, labels int64.

    Raises:
        UserError: as `usable_files`, or fewer than two classes.
    """

    def __init__(self, folders: Sequence[str], crop_size: int, held_out: float, seed: int) -> None:
        files, self.skipped = _class_files(folders, crop_size)
        self.classes = sorted({file.parent.name for file in files})
        if len(self.classes) < 2:
            raise UserError("A classifier needs a folder with two or more sub-folders of pictures.")
        every = round(1 / held_out)
        train: list[Path] = []
        kept: list[Path] = []
        for name in self.classes:
            members = [file for file in files if file.parent.name == name]
            for position, file in enumerate(members):
                (kept if position % every == every - 1 else train).append(file)
        memory = Memory()
        self.train, self.kept = PictureCache(train, memory), PictureCache(kept, memory)
        self.contents = contents([np.array([self._class_of(file) for file in train])])
        self.crop_size, self.seed = crop_size, seed

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, number))
        count = len(self.train.files)
        index, picture = first_sound(
            self.train.__getitem__, lambda: int(rng.integers(count)), count
        )
        top, left = (int(rng.integers(0, side - self.crop_size + 1)) for side in picture.shape[:2])
        return self._crop(picture, top, left, bool(rng.integers(2))), self._label(self.train, index)

    def held_out_batches(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """N×3×S×S pictures and N labels, the held-out pictures once each."""
        for start in range(0, len(self.kept.files), batch_size):
            numbers = range(start, min(start + batch_size, len(self.kept.files)))
            found = [(n, picture) for n in numbers if (picture := self.kept[n]) is not None]
            if found:
                crops = [self._centre_crop(picture) for _, picture in found]
                yield torch.stack(crops), torch.stack([self._label(self.kept, n) for n, _ in found])

    def _label(self, pictures: PictureCache, index: int) -> Tensor:
        return torch.tensor(self._class_of(pictures.files[index]))

    def _class_of(self, file: Path) -> int:
        return self.classes.index(file.parent.name)

    def _centre_crop(self, picture: np.ndarray) -> Tensor:
        top, left = ((side - self.crop_size) // 2 for side in picture.shape[:2])
        return self._crop(picture, top, left, flip=False)

    def _crop(self, picture: np.ndarray, top: int, left: int, flip: bool) -> Tensor:
        size = self.crop_size
        return augmented(picture[top : top + size, left : left + size], turns=0, flip=flip)


def _class_files(folders: Sequence[str], side: int) -> tuple[list[Path], list[Skipped]]:
    if not folders:
        raise UserError("Give the folder of training pictures with --data.")
    found = [usable_files(Path(folder), side) for folder in folders]
    files = [file for usable, _, _ in found for file in usable]
    skipped = [each for _, _, useless in found for each in useless]
    check_any([len(files)], skipped, side)
    return files, skipped


def batches(
    dataset: Dataset[tuple[Tensor, Tensor]],
    batch_size: int,
    start: int,
    stop: int,
    num_workers: int | None,
    device: torch.device,
) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of iterations start + 1 … stop, on `device`, as the dataset's dtypes.

    Args:
        num_workers: loader processes; None lets `default_workers` decide.

    Raises:
        UserError: all training pictures are damaged.
    """
    for first, second in from_loader(dataset, batch_size, start, stop, num_workers, device):
        yield first.to(device, non_blocking=True), second.to(device, non_blocking=True)


def from_loader(
    dataset: Dataset[Any],
    batch_size: int,
    start: int,
    stop: int,
    num_workers: int | None,
    device: torch.device,
    collate: Callable[[list[Any]], Any] | None = None,
) -> Iterator[Any]:
    """As `batches`, on the CPU, but ready to be sent to `device`; of samples of any kind, which
    `collate` makes into a batch."""
    numbers = range(start * batch_size, stop * batch_size)
    workers = default_workers(device) if num_workers is None else num_workers
    loader = DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=numbers,
        num_workers=workers,
        prefetch_factor=PREFETCHED if workers else None,
        pin_memory=device.type == "cuda",
        worker_init_fn=become_worker,
        collate_fn=collate,
    )
    try:
        yield from loader
    except UserError as error:  # from another process it comes with that one's traceback
        last = str(error).strip().splitlines()[-1]
        told = UserError(last.removeprefix("esrgan.errors.UserError: "))
        raise told from error.with_traceback(None)  # which would keep the processes alive


def default_workers(device: torch.device) -> int:
    """Loader processes for a training process on this device.

    A CPU has no core to spare, so that the training process loads by itself; the processes that
    `torchrun` starts on a machine share its cores.
    """
    if device.type == "cpu":
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    ranks = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(MOST_WORKERS, (cores or 1) // ranks - 1))


def become_worker(_worker: int) -> None:
    """A stop is none of a loader process's."""
    ignore_stop_requests()
