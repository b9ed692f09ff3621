"""The part of a large picture that the page compares. Knows nothing of gradio."""

from dataclasses import dataclass

import cv2
import numpy as np

from esrgan.demo.limits import MAX_UPLOAD_PIXELS
from esrgan.pictures.images import to_rgb, to_uint8
from esrgan.pictures.places import most_detailed

# Of results: what the browser blends exactly, and what the models make in seconds.
AT_ONCE_PIXELS = 2_400_000
FIRST_SIZE = (1600, 1200)  # of the results of a part that nobody has chosen yet
LEAST_SIDE = 16
OVERVIEW_SIDE = 360


@dataclass(frozen=True)
class Part:
    """A place in a picture.

    Attributes:
        x, y, width, height: in pixels of the picture.
        whole: (height, width) of the picture.
        overview: the picture, small: H×W×3 `uint8`.
    """

    x: int
    y: int
    width: int
    height: int
    whole: tuple[int, int]
    overview: np.ndarray

    @property
    def place(self) -> tuple[int, int, int, int]:
        return self.x, self.y, self.width, self.height

    @property
    def share(self) -> float:
        """Share of the picture's pixels, in (0, 1]."""
        return self.width * self.height / (self.whole[0] * self.whole[1])

    def taken_from(self, picture: np.ndarray) -> np.ndarray:
        rows, columns = slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)
        return np.ascontiguousarray(picture[rows, columns])


def part_of(
    picture: np.ndarray, scale: int, wished: tuple[int, int, int, int] | None
) -> Part | None:
    """The part of a picture that is compared; None for the whole, where that is done at once.

    Args:
        picture: H×W or H×W×C.
        scale: from its pixels to those of the results.
        wished: x, y, width and height; as far as the picture has it and the page takes it. None
            for the place with most detail.
    """
    whole_height, whole_width = picture.shape[:2]
    if whole_height * whole_width * scale**2 <= AT_ONCE_PIXELS:
        return None
    x, y, width, height = wished or (0, 0, *(side // scale for side in FIRST_SIZE))
    width, height = _fitted(width, height, MAX_UPLOAD_PIXELS // scale**2, picture)
    if wished is None:
        x, y = most_detailed(picture, width, height)
    x, y = min(max(0, x), whole_width - width), min(max(0, y), whole_height - height)
    return Part(x, y, width, height, (whole_height, whole_width), _overview(picture))


def _fitted(width: int, height: int, most: int, picture: np.ndarray) -> tuple[int, int]:
    """Size that the picture holds, of no more pixels than `most`."""
    whole_height, whole_width = picture.shape[:2]
    width, height = (
        min(max(width, LEAST_SIDE), whole_width),
        min(max(height, LEAST_SIDE), whole_height),
    )
    shrink = min(1.0, (most / (width * height)) ** 0.5)
    width, height = (max(1, int(side * shrink)) for side in (width, height))
    return min(width, most // height), height


def _overview(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    shrink = OVERVIEW_SIDE / max(height, width)
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return to_rgb(to_uint8(small))
