"""LR made by the device: the loader's processes send a crop of HR, and what is to be done to it.

Of noise, they draw the seed. A sample depends on the run's seed, its own number and the kind of
device, so that a run which goes on sees what an uninterrupted one sees.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from esrgan.errors import UserError
from esrgan.pictures.degradations import Step
from esrgan.pictures.device_degradations import made
from train.data import PairDataset, Place, from_loader, surrounded
from train.distributed import Share

Batch = tuple[Tensor, Tensor]


class Plan(NamedTuple):
    """What a sample is made of, but for the pixels.

    Attributes:
        sides: of HR, the crop with its margin.
        y, x: LR pixel at which the crop begins in it.
        steps: that make LR.
        noise: seed of the noise in them.
        place: how the crop is turned and flipped.
    """

    sides: tuple[int, int]
    y: int
    x: int
    steps: Sequence[Step]
    noise: int
    place: Place


class DeviceDegradedPairs(PairDataset):
    """A `PairDataset` whose LR is made by a device. HR is the same, LR another: noise has the
    device's generator. A sample's tensors are on the CPU, those of `batches` on the device.

    Args:
        arguments: `PairDataset`'s, without LR of its own.
        device: which makes LR.

    Raises:
        UserError: as `PairDataset`, or the device has not what this needs.
    """

    def __init__(self, *arguments: Any, device: torch.device) -> None:
        super().__init__(*arguments)
        self.device = device
        self.contents += f", LR by {device.type}"
        try:
            rate = torch.ones(1, dtype=torch.float64, device=device)
            torch.poisson(rate, torch.Generator(device))
        except (NotImplementedError, TypeError) as error:
            raise UserError(
                f"degrade_on_device: {device.type} lacks 64-bit numbers or Poisson noise; train "
                "without it."
            ) from error

    def __getitem__(self, number: int) -> Batch:
        lr, hr = self._made(*packed([self.planned(number)]))
        return lr[0].cpu(), hr[0].cpu()

    def batches(
        self, batch_size: int, start: int, stop: int, num_workers: int | None
    ) -> Iterator[Batch]:
        """As `train.data.batches`, of this process's share of the samples."""
        plans = Share(_Plans(self))
        for batch in from_loader(plans, batch_size, start, stop, num_workers, self.device, packed):
            yield self._made(*batch)

    def planned(self, number: int) -> tuple[Plan, np.ndarray]:
        """A sample, and the pixels of its HR with a margin: H×W×3 `uint8`."""
        rng = np.random.default_rng((self.seed, number))
        picture, place = self.drawn(rng, self.picture)
        reach = self.degradation.reach
        hr, y, x = surrounded(picture.hr, place.top, place.left, self.crop_size, self.scale, reach)
        height, width = hr.shape[:2]
        steps = tuple(self.degradation.steps((height, width), self.scale, rng))
        return Plan((height, width), y, x, steps, int(rng.integers(2**63)), place), hr

    def _made(self, plans: Sequence[Plan], pixels: Tensor) -> Batch:
        """N×3×s×s and N×3×S×S, `uint8`, on the device; from the pixels of all in turn."""
        parts = pixels.to(self.device, non_blocking=True).split(
            [3 * plan.sides[0] * plan.sides[1] for plan in plans]
        )
        samples = [self._sample(*each) for each in zip(plans, parts, strict=True)]
        lr, hr = zip(*samples, strict=True)
        return torch.stack(lr), torch.stack(hr)

    def _sample(self, plan: Plan, pixels: Tensor) -> Batch:
        hr = pixels.view(*plan.sides, 3).permute(2, 0, 1).contiguous()
        generator = torch.Generator(self.device).manual_seed(plan.noise)
        lr = made(hr, self.degradation, plan.steps, generator)
        corner, side = (plan.y, plan.x), self.crop_size // self.scale
        return (
            _cut(lr, corner, side, plan.place),
            _cut(hr, (plan.y * self.scale, plan.x * self.scale), self.crop_size, plan.place),
        )


def _cut(picture: Tensor, corner: tuple[int, int], side: int, place: Place) -> Tensor:
    """3×H×W -> 3×S×S, as `train.data.augmented` turns and flips it."""
    y, x = corner
    turned = picture[:, y : y + side, x : x + side].rot90(place.turns, (1, 2))
    return turned.flip(2) if place.flip else turned


def packed(samples: Sequence[tuple[Plan, np.ndarray]]) -> tuple[list[Plan], Tensor]:
    """Plans, and the pixels of all in one tensor, which is one piece of shared memory."""
    plans, pictures = zip(*samples, strict=True)
    return list(plans), torch.from_numpy(np.concatenate([each.ravel() for each in pictures]))


class _Plans(Dataset[tuple[Plan, np.ndarray]]):
    """What the loader's processes make."""

    def __init__(self, dataset: DeviceDegradedPairs) -> None:
        self._dataset = dataset

    def __getitem__(self, number: int) -> tuple[Plan, np.ndarray]:
        return self._dataset.planned(number)
