"""Places in pictures."""

from collections.abc import Iterable

import cv2
import numpy as np


def most_different(
    pictures: Iterable[np.ndarray], side: int, step: int = 1
) -> tuple[int, int, int, int]:
    """The place x, y, width, height of pictures of one size where they differ most.

    Args:
        pictures: H×W or H×W×C, of one kind.
        side: width and height of the place, or less where the picture is smaller.
        step: the place begins and ends at multiples of it, such as the scale of an LR beside.
    """
    stack = np.stack([picture.astype(np.float32) for picture in pictures])
    height, width = stack.shape[1:3]
    high, wide = (max(step, min(side, whole) // step * step) for whole in (height, width))
    spread = stack.std(axis=0).reshape(height, width, -1).mean(axis=2)  # H×W
    corner = cv2.boxFilter(spread, cv2.CV_64F, (wide, high), anchor=(0, 0), normalize=False)
    corner = corner[: height - high + 1 : step, : width - wide + 1 : step]
    y, x = (int(n) * step for n in np.unravel_index(corner.argmax(), corner.shape))
    return x, y, wide, high
