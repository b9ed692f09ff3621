"""What becomes of a visitor's own pictures before a network is to restore them: a sheet to look at
before the training. Knows nothing of gradio."""

from collections.abc import Sequence

import numpy as np

from esrgan.demo.finetune.training_pictures import first_pictures
from esrgan.pictures.degradations import DEGRADATIONS, DegradationName

SCALE = 4  # of the models here
PICTURES, DRAWN = 2, 3  # that are shown, and how often each is spoilt
SIDE, ENLARGED = 24, 8  # of the part of LR that is shown, and of each of its pixels


def sheet(
    degradation: DegradationName, uploads: Sequence[str], folder: str | None
) -> np.ndarray | None:
    """Rows of a picture's LR: as the paper makes it, then as `degradation` draws it, three times;
    H×W×3 `uint8`, or None if no picture is large enough. The pictures are a run's.

    Raises:
        UserError: as `first_pictures`.
    """
    rows = [
        _row(picture, degradation, np.random.default_rng(number))
        for number, picture in enumerate(first_pictures(PICTURES, uploads, folder))
        if min(picture.shape[:2]) >= SIDE * SCALE
    ]
    return np.concatenate(rows) if rows else None


def _row(picture: np.ndarray, name: DegradationName, rng: np.random.Generator) -> np.ndarray:
    reach = DEGRADATIONS[name].reach
    hr = _central(picture, SCALE * (SIDE + 2 * reach))
    makers = [DEGRADATIONS["bicubic"], *[DEGRADATIONS[name]] * DRAWN]
    shown = [_central(maker.make(hr, SCALE, rng), SIDE) for maker in makers]
    return np.concatenate(shown, axis=1).repeat(ENLARGED, 0).repeat(ENLARGED, 1)


def _central(picture: np.ndarray, side: int) -> np.ndarray:
    """The middle, `side` pixels a side at most; sides are multiples of the scale."""
    height, width = (min(side, length - length % SCALE) for length in picture.shape[:2])
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]
