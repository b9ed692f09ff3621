"""The part of an HR picture that all results show, where some are off by a few pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from esrgan.errors import UserError
from esrgan.pictures.images import rgb_to_y

# Pixels by which the sides of a result may differ from the HR's: shaved borders of twice the scale
# at each side and some pixels more.
MOST_OFF = 20


@dataclass(frozen=True)
class Area:
    """A rectangle of HR pixels; that of a larger result begins below 0."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, picture: np.ndarray, top: int = 0, left: int = 0) -> np.ndarray:
        """The area of an H×W[×C] picture whose own corner is at `top`, `left` of HR."""
        rows = slice(self.top - top, self.top - top + self.height)
        return picture[rows, self.left - left : self.left - left + self.width]


def place_of(sr: np.ndarray, hr: np.ndarray) -> Area:
    """Where a result lies in HR: of all places at which the smaller of both lies in the larger
    one, along each side, that with the least squared difference of luma; of equal ones the most
    central.

    Args:
        sr, hr: H×W[×C], `uint8`; their sides differ by few pixels.
    """
    high, wide = sr.shape[:2]
    if sr.shape[:2] == hr.shape[:2]:
        return Area(0, 0, high, wide)
    planes = [rgb_to_y(picture).astype(np.float32) for picture in (sr, hr)]
    sides = [_offsets(a - b) for a, b in zip(hr.shape, (high, wide), strict=False)]
    places = [Area(top, left, high, wide) for top, left in product(*sides)]
    return min(places, key=lambda place: _difference(place, *planes))


def _offsets(more: int) -> list[int]:
    """From 0 to by how much HR is larger, or, where it is smaller, less; the middle first."""
    low, high = sorted((0, more))
    return sorted(range(low, high + 1), key=lambda offset: abs(offset - more / 2))


def _difference(place: Area, sr: np.ndarray, hr: np.ndarray) -> float:
    area = common_area([place], *hr.shape)
    return float(np.mean((area.cut(sr, place.top, place.left) - area.cut(hr)) ** 2))


def common_area(places: Sequence[Area], height: int, width: int) -> Area:
    """What all places have in common with an HR picture of this size.

    Raises:
        UserError: there is nothing.
    """
    places = [Area(0, 0, height, width), *places]
    top, left = max(place.top for place in places), max(place.left for place in places)
    bottom = min(place.top + place.height for place in places)
    right = min(place.left + place.width for place in places)
    if min(bottom - top, right - left) < 1:
        raise UserError("The results have no part of the picture in common.")
    return Area(top, left, bottom - top, right - left)
