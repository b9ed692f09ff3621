"""All training pictures in a device's memory, where crops are taken from them.

A picture's LR is made once, when it is loaded: the LR of a crop is a crop of it. So the samples are
those of the loader, bit for bit, and a run that goes on may change from one to the other.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from esrgan.pictures.degradations import DEGRADATIONS
from esrgan.pictures.resize import imresize
from train.data import PairDataset, augmented, become_worker, default_workers
from train.distributed import Share, is_main
from train.sources import CACHE_BYTES, Margins

Batch = tuple[Tensor, Tensor]
SYMMETRIES = [(turns, flip) for turns in range(4) for flip in (False, True)]


class Plane(NamedTuple):
    """A picture among the pixels of all: its first one's number, and its sides."""

    start: int
    height: int
    width: int

    def corner(self, top: int, left: int) -> tuple[int, int]:
        """The number of the first pixel of a crop, and of pixels from a row to the next."""
        return self.start + top * self.width + left, self.width


class Stored(NamedTuple):
    """HR and LR of a picture."""

    hr: Plane
    lr: Plane
    margins: Margins

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of HR."""
        return self.hr.height, self.hr.width


class DeviceData:
    """The pictures of a data set in the memory of a device.

    Args:
        dataset: whose LR is bicubic, or given.
        num_workers: processes that decode the pictures, as for `batches`.
    """

    def __init__(self, dataset: PairDataset, device: torch.device, num_workers: int | None) -> None:
        self._dataset, self._device = dataset, device
        self._pixels = torch.empty((pixels(dataset), 3), dtype=torch.uint8, device=device)
        self._used = 0
        sides = dataset.crop_size // dataset.scale, dataset.crop_size
        self._grids = [turned_grids(side).to(device) for side in sides]
        workers = default_workers(device) if num_workers is None else num_workers
        loader = DataLoader(
            _Whole(dataset), batch_size=None, num_workers=workers, worker_init_fn=become_worker
        )
        told = tqdm(loader, "loading pictures", disable=None if is_main() else True)
        self._stored = [each and self._kept(*each) for each in told]

    def batches(self, share: Share, batch_size: int, start: int, stop: int) -> Iterator[Batch]:
        """As `train.data.batches`, of a share of the samples."""
        for first in range(start * batch_size, stop * batch_size, batch_size):
            yield self.batch([share.number_of(first + n) for n in range(batch_size)])

    def batch(self, numbers: Sequence[int]) -> Batch:
        """The samples of these numbers: N×3×s×s and N×3×S×S, `uint8`.

        Raises:
            UserError: all training pictures are damaged.
        """
        table = torch.tensor([self._places(number) for number in numbers])  # N×5
        if self._device.type == "cuda":
            table = table.pin_memory()  # no step waits for it
        symmetries, *planes = table.to(self._device, non_blocking=True).T
        low, high = self._grids
        return self._crops(low, symmetries, *planes[:2]), self._crops(high, symmetries, *planes[2:])

    def _places(self, number: int) -> tuple[int, ...]:
        """The number of a sample's symmetry, and the corners of its LR and HR."""
        dataset = self._dataset
        rng, scale = np.random.default_rng((dataset.seed, number)), dataset.scale
        (hr, lr, _), (top, left, turns, flip) = dataset.drawn(rng, self._stored.__getitem__)
        corners = *lr.corner(top // scale, left // scale), *hr.corner(top, left)
        return SYMMETRIES.index((turns, flip)), *corners

    def _crops(self, grids: Tensor, symmetries: Tensor, corners: Tensor, widths: Tensor) -> Tensor:
        rows, columns = grids[symmetries].unbind(1)  # N×S×S each
        numbers = corners[:, None, None] + rows * widths[:, None, None] + columns
        return self._pixels[numbers].permute(0, 3, 1, 2)  # N×S×S×3 -> N×3×S×S

    def _kept(self, hr: Tensor, lr: Tensor, margins: Margins) -> Stored:
        return Stored(self._plane(hr), self._plane(lr), margins)

    def _plane(self, picture: Tensor) -> Plane:
        height, width, _ = picture.shape
        plane = Plane(self._used, height, width)
        self._used += height * width
        self._pixels[plane.start : self._used] = picture.view(-1, 3).to(self._device)
        return plane


def why_not_on(device: torch.device, dataset: PairDataset) -> str | None:
    """Why a data set can't be kept in the memory of a device, in a sentence."""
    if dataset.degradation is not DEGRADATIONS["bicubic"]:
        return "crops are not taken on the device: their LR is drawn anew each time"
    needed, room = 3 * pixels(dataset), room_on(device)
    if needed <= room:
        return None
    sizes = f"{needed / 2**30:.3g} GiB, of {room / 2**30:.3g} that are free for them"
    return f"crops are not taken on the device: all pictures would take {sizes}"


def pixels(dataset: PairDataset) -> int:
    """Of HR and LR of all pictures, or a few more."""
    areas = np.concatenate([source.areas for source in dataset.sources])
    return int((areas + areas // dataset.scale**2).sum())


def room_on(device: torch.device) -> int:
    """Bytes for pictures: half of what a GPU has left, which also trains; or what is kept of
    decoded pictures in the machine's memory."""
    return torch.cuda.mem_get_info(device)[0] // 2 if device.type == "cuda" else CACHE_BYTES


def turned_grids(side: int) -> Tensor:
    """By symmetry, rows and columns of the pixels of a crop that come to stand at each place of it:
    8×2×S×S."""
    grid = np.indices((side, side)).transpose(1, 2, 0)  # S×S×2
    return torch.stack([augmented(grid, *symmetry) for symmetry in SYMMETRIES])


class _Whole(Dataset[tuple[Tensor, Tensor, Margins] | None]):
    """The pictures of a data set, H×W×3, each with its LR; None where one is damaged."""

    def __init__(self, dataset: PairDataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return self._dataset.count

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor, Margins] | None:
        picture = self._dataset.picture(number)
        if picture is None:
            return None
        scale = self._dataset.scale
        height, width = (side - side % scale for side in picture.size)
        lr = imresize(picture.hr[:height, :width], 1 / scale) if picture.lr is None else picture.lr
        return torch.tensor(picture.hr), torch.tensor(lr), picture.margins
