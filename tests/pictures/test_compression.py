"""pictures/compression.py: what JPEG has left in files and pictures."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from esrgan.pictures.compression import TRACES, blockiness, jpeg_quality
from esrgan.pictures.degrade import jpeg
from esrgan.pictures.resize import imresize


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    """A photograph, made smaller: what blocks it had are gone."""
    return imresize(data.astronaut(), 1 / 2)


@pytest.mark.parametrize("quality", [5, 30, 49, 50, 70, 85, 95, 99])
def test_quality_is_the_one_that_pillow_and_opencv_wrote(
    tmp_path: Path, clean: np.ndarray, quality: int
) -> None:
    Image.fromarray(clean).save(tmp_path / "a.jpg", quality=quality, progressive=True)
    assert jpeg_quality(tmp_path / "a.jpg") == quality
    cv2.imwrite(str(tmp_path / "b.jpg"), clean, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert jpeg_quality(tmp_path / "b.jpg") == quality


def test_quality_is_found_behind_a_profile_and_in_grey(tmp_path: Path, clean: np.ndarray) -> None:
    Image.fromarray(clean[..., 0]).save(tmp_path / "a.jpg", quality=60, icc_profile=b"x" * 200_000)
    assert jpeg_quality(tmp_path / "a.jpg") == 60


def test_other_files_have_none(tmp_path: Path, clean: np.ndarray) -> None:
    Image.fromarray(clean).save(tmp_path / "a.png")
    Image.fromarray(clean).save(tmp_path / "a.jpg", quality=60)
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "empty.jpg").write_bytes(b"")
    for name in ("a.png", "empty.jpg"):
        assert jpeg_quality(tmp_path / name) is None
    rng = np.random.default_rng(0)
    for number in range(300):  # cut short or damaged, it is a number, or none
        damaged = bytearray(whole[: rng.integers(2, 700)])
        damaged[rng.integers(2, len(damaged) + 1) - 1] = rng.integers(256)
        (tmp_path / "x.jpg").write_bytes(damaged)
        assert jpeg_quality(tmp_path / "x.jpg") in (None, *range(1, 101)), number


def test_blocks_are_seen_and_grow_with_compression(clean: np.ndarray) -> None:
    assert blockiness(clean) < TRACES
    found = [blockiness(jpeg(clean, quality)) for quality in (60, 40, 20)]
    assert TRACES < found[0] < found[1] < found[2]


def test_grey_and_deep_pictures_are_judged_alike(clean: np.ndarray) -> None:
    grey = jpeg(clean, 30)[..., 1]
    deep = grey.astype(np.uint16) * 257
    assert blockiness(grey) == pytest.approx(blockiness(deep))


@pytest.mark.parametrize("shape", [(8, 8), (23, 100), (64, 64)])
def test_small_and_flat_pictures_have_no_blocks(shape: tuple[int, int]) -> None:
    assert blockiness(np.zeros((*shape, 3), np.uint8)) == 1
