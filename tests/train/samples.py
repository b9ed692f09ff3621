"""Pictures that the tests of the training's data are made of."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """An RGB picture, `uint8`."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def same(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]) -> bool:
    """Whether two samples are equal, bit for bit."""
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
