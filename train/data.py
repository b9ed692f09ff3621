"""Training pictures: crops that depend on the seed and the crop's number only.

Sample number i of a run is drawn by a generator seeded with (seed, i), so that a resumed run, or
one with any number of loader processes, sees exactly the pictures of an uninterrupted one.
"""

import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from esrgan.errors import UserError
from esrgan.images import list_images, load_image, to_rgb, to_uint8
from esrgan.resize import imresize

# Decoded pictures are kept in memory up to this many bytes, in all loader processes together.
CACHE_BYTES = 4 * 2**30
# After so many damaged pictures one after the other a run gives up.
DAMAGED_IN_A_ROW = 100
# An LR pixel of a ×s downscale is made from the HR pixels up to 2s beyond its own.
MARGIN = 2


class PictureCache:
    """Decoded RGB pictures of a list of files, H×W×3 `uint8`, kept while memory lasts.

    A file whose data turn out to be damaged is None; a warning names it once.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files
        self._kept: dict[int, np.ndarray | None] = {}
        self._bytes = 0

    def __getitem__(self, index: int) -> np.ndarray | None:
        if index in self._kept:
            return self._kept[index]
        try:
            picture = to_rgb(to_uint8(load_image(self.files[index])))
        except UserError as error:
            warnings.warn(f"left out: {error}", stacklevel=2)
            self._kept[index] = None
            return None
        worker = get_worker_info()
        if self._bytes + picture.nbytes <= CACHE_BYTES // (worker.num_workers if worker else 1):
            self._kept[index] = picture
            self._bytes += picture.nbytes
        return picture

    def draw(self, choose: Callable[[], int]) -> tuple[int, np.ndarray]:
        """The number and pixels of the first picture that `choose` names and that is sound.

        Raises:
            UserError: nearly all of them are damaged.
        """
        for _ in range(DAMAGED_IN_A_ROW):
            index = choose()
            picture = self[index]
            if picture is not None:
                return index, picture
        raise UserError("Nearly all of the training pictures are damaged.")


class PairDataset(Dataset[tuple[Tensor, Tensor]]):
    """Random (LR, HR) crops: 3×(S/s)×(S/s) and 3×S×S, `uint8`.

    A picture is drawn with a chance proportional to its area; its crop is flipped and turned by
    multiples of 90° (Sec. 4.1). LR equals the crop of the whole picture's MATLAB-bicubic LR.

    Args:
        folders: read recursively.
        crop_size: S, the side of the HR crop; pictures smaller than that are `skipped`.
        scale: s.
        seed: of the crops.

    Raises:
        UserError: as `usable_files`, or S does not divide by s.
    """

    def __init__(self, folders: Sequence[str], crop_size: int, scale: int, seed: int) -> None:
        if crop_size % scale:
            raise UserError(f"crop_size {crop_size} does not divide by the scale {scale}.")
        files, areas, self.skipped = usable_files(folders, crop_size)
        self.pictures = PictureCache(files)
        self.area_below = np.cumsum(areas, dtype=float) / sum(areas)
        self.crop_size, self.scale, self.seed = crop_size, scale, seed

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, number))
        _, picture = self.pictures.draw(lambda: self._by_area(rng.random()))
        steps = [(side - self.crop_size) // self.scale for side in picture.shape[:2]]
        top, left = (self.scale * int(rng.integers(0, n + 1)) for n in steps)
        lr, hr = aligned_crops(picture, top, left, self.crop_size, self.scale)
        turns, flip = int(rng.integers(4)), bool(rng.integers(2))
        return augmented(lr, turns, flip), augmented(hr, turns, flip)

    def _by_area(self, position: float) -> int:
        """The picture at a position in [0, 1) of all pictures' pixels laid end to end."""
        chosen = int(np.searchsorted(self.area_below, position, side="right"))
        return min(chosen, len(self.area_below) - 1)


def aligned_crops(
    picture: np.ndarray, top: int, left: int, size: int, scale: int
) -> tuple[np.ndarray, np.ndarray]:
    """The HR crop at (top, left), multiples of `scale`, and its LR from a crop with a margin.

    Returns:
        (size/scale)×(size/scale)×3 and size×size×3; the LR is that of the whole picture (cut to a
        multiple of `scale`), pixel for pixel.
    """
    height, width = (side - side % scale for side in picture.shape[:2])
    reach = MARGIN * scale
    y0, x0 = max(0, top - reach), max(0, left - reach)
    y1, x1 = min(height, top + size + reach), min(width, left + size + reach)
    lr = imresize(picture[y0:y1, x0:x1], 1 / scale)
    y, x, side = (top - y0) // scale, (left - x0) // scale, size // scale
    return lr[y : y + side, x : x + side], picture[top : top + size, left : left + size]


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
        files, _, self.skipped = usable_files(folders, crop_size)
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
        self.train, self.kept = PictureCache(train), PictureCache(kept)
        self.crop_size, self.seed = crop_size, seed

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, number))
        index, picture = self.train.draw(lambda: int(rng.integers(len(self.train.files))))
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
        return torch.tensor(self.classes.index(pictures.files[index].parent.name))

    def _centre_crop(self, picture: np.ndarray) -> Tensor:
        top, left = ((side - self.crop_size) // 2 for side in picture.shape[:2])
        return self._crop(picture, top, left, flip=False)

    def _crop(self, picture: np.ndarray, top: int, left: int, flip: bool) -> Tensor:
        size = self.crop_size
        return augmented(picture[top : top + size, left : left + size], turns=0, flip=flip)


def usable_files(folders: Sequence[str], side: int) -> tuple[list[Path], list[int], list[Path]]:
    """The pictures of all folders, their areas in pixels, and the files that are of no use.

    Only the headers are read here: files that are no pictures, or smaller than `side`, are left
    out; damage farther on in a file shows when it is decoded.

    Raises:
        UserError: no folder was given, one is missing or empty, or no picture is large enough.
    """
    if not folders:
        raise UserError("Give the folder of training pictures with --data.")
    files: list[Path] = []
    areas: list[int] = []
    skipped: list[Path] = []
    for file in (file for folder in folders for file in list_images(Path(folder))):
        try:
            with Image.open(file) as picture:
                width, height = picture.size
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            width = height = 0
        if min(width, height) >= side:
            files.append(file)
            areas.append(width * height)
        else:
            skipped.append(file)
    if not files:
        raise UserError(f"No picture of the training data is {side} pixels or larger.")
    return files, areas, skipped


def batches(
    dataset: Dataset[tuple[Tensor, Tensor]],
    batch_size: int,
    start: int,
    stop: int,
    num_workers: int,
    device: torch.device,
) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of iterations start + 1 … stop, on `device`, as the dataset's dtypes."""
    numbers = range(start * batch_size, stop * batch_size)
    loader = DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=numbers,
        num_workers=num_workers,
        pin_memory=device.type == "cuda",
        worker_init_fn=_leave_interrupts,
    )
    for first, second in loader:
        yield first.to(device, non_blocking=True), second.to(device, non_blocking=True)


def _leave_interrupts(_worker: int) -> None:
    """Ctrl-C reaches every process of a terminal, torchrun's SIGTERM every process that it began;
    only the training process answers them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
