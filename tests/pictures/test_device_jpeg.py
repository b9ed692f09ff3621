"""esrgan/pictures/device_jpeg.py: what JPEG makes of a picture, against the real encoder."""

import numpy as np
import pytest
import torch
from skimage import data

from esrgan.pictures.degrade import Subsampling
from esrgan.pictures.degrade import jpeg as encoded
from esrgan.pictures.device_jpeg import jpeg
from tests.train.samples import noise

PICTURES = data.chelsea(), np.repeat(data.camera()[..., None], 3, axis=2), noise(300, 451)
# Whole blocks, odd sides, less than a block, and too few columns for colours to be interpolated.
SIDES = [(96, 128), (61, 37), (64, 50), (50, 64), (7, 9), (5, 4), (1, 3)]


def on_cpu(picture: np.ndarray, quality: int, subsampling: Subsampling) -> np.ndarray:
    levels = torch.tensor(picture).permute(2, 0, 1).float()
    found = jpeg(levels, quality, subsampling).permute(1, 2, 0).numpy()
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, found.astype(np.uint8))
    return found


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("quality", [1, 10, 30, 49, 50, 60, 75, 85, 95, 100])
@pytest.mark.parametrize("picture", PICTURES, ids=["colour", "grey", "noise"])
def test_it_is_the_encoder_s_bit_for_bit(
    picture: np.ndarray, quality: int, subsampling: Subsampling
) -> None:
    for height, width in SIDES:
        part = np.ascontiguousarray(picture[100 : 100 + height, 150 : 150 + width])
        expected = encoded(part, quality, subsampling)
        np.testing.assert_array_equal(on_cpu(part, quality, subsampling), expected)


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("quality", [1, 30, 63, 90, 100])
def test_flat_blocks_are_rounded_as_by_the_encoder(quality: int, subsampling: Subsampling) -> None:
    """Their mean is often just between two quanta."""
    colours = np.random.default_rng(0).integers(0, 256, (30, 20, 3), dtype=np.uint8)
    greys = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    for picture in (colours.repeat(16, 0).repeat(16, 1), greys.repeat(8, 0).repeat(8, 1)):
        expected = encoded(picture, quality, subsampling)
        np.testing.assert_array_equal(on_cpu(picture, quality, subsampling), expected)


def test_colours_are_halved_only_where_asked() -> None:
    """A pattern of single pixels in colour is there after 4:4:4, and not after 4:2:0."""
    picture = np.full((32, 32, 3), 128, np.uint8)
    picture[::2, ::2] = 160, 108, 128  # of the same brightness as the others
    spreads = [on_cpu(picture, 95, each)[..., 0].std() for each in ("4:4:4", "4:2:0")]
    assert spreads[0] > 4 * spreads[1]
