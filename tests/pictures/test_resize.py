"""MATLAB's imresize: its laws, a dense oracle, Pillow inside, and files that MATLAB wrote."""

import math

import numpy as np
import pytest
from PIL import Image

from esrgan.evaluation.metrics import psnr
from esrgan.pictures.images import load_image
from esrgan.pictures.resize import imresize

SCALES = [0.25, 1 / 3, 0.4, 1, 1.5, 2, 4]


def keys_kernel(x: float, a: float = -0.5) -> float:
    x = abs(x)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def dense_weights(size: int, scale: float) -> np.ndarray:
    """The resizing matrix by the definition: every output against three mirrored periods."""
    matrix = np.zeros((math.ceil(size * scale - 1e-9), size))
    stretch = min(scale, 1)
    for row, weights in enumerate(matrix):
        centre = (row + 0.5) / scale - 0.5
        for position in range(-4 * size, 5 * size):
            mirrored = position % (2 * size)
            source = mirrored if mirrored < size else 2 * size - 1 - mirrored
            weights[source] += keys_kernel((centre - position) * stretch)
    return matrix / matrix.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("shape", [(17, 12), (9, 14, 3)])
def test_float_equals_the_dense_definition(rng, shape, scale):
    image = rng.normal(0, 100, shape)
    rows, columns = dense_weights(shape[0], scale), dense_weights(shape[1], scale)
    expected = np.einsum("ih,jw,hw...->ij...", rows, columns, image)
    np.testing.assert_allclose(imresize(image, scale), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
@pytest.mark.parametrize("scale", [0.25, 0.5, 2, 4])  # whose weights are exact, and so the ties
def test_integers_round_half_up_and_clip_after_each_pass_rows_first(rng, dtype, scale):
    limits = np.iinfo(dtype)
    image = rng.choice([limits.min, limits.max, limits.max // 3], (15, 11)).astype(dtype)

    def rounded(values: np.ndarray) -> np.ndarray:
        return np.floor(values + 0.5).clip(limits.min, limits.max)

    rows_done = rounded(dense_weights(15, scale) @ image)
    expected = rounded(rows_done @ dense_weights(11, scale).T)
    result = imresize(image, scale)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("scale", SCALES)
def test_constants_stay_constant(dtype, scale):
    for value in (0, 1, 77, 255):
        result = imresize(np.full((7, 10, 3), value, dtype), scale)
        np.testing.assert_allclose(result, value, rtol=1e-6)
        assert result.dtype == dtype


@pytest.mark.parametrize(
    ("size", "scale", "expected"),
    [
        ((9, 9), 1 / 3, (3, 3)),
        ((7, 5), 0.4, (3, 2)),
        ((50, 100), 1.1, (55, 110)),  # 55.00000000000001 in floating point
        ((5, 3), 0.25, (2, 1)),
        ((1, 1), 0.25, (1, 1)),
        ((1, 2), 4, (4, 8)),
        ((3, 5), 1.5, (5, 8)),
    ],
)
def test_output_size_is_rounded_up(size, scale, expected):
    assert imresize(np.zeros(size), scale).shape == expected


def test_scale_one_changes_nothing(photo):
    np.testing.assert_array_equal(imresize(photo, 1), photo)


@pytest.mark.parametrize("scale", [0.25, 0.5, 3])
def test_commutes_with_mirroring_and_channels(photo, scale):
    image = photo.astype(np.float64)
    whole = imresize(image, scale)
    np.testing.assert_allclose(imresize(image[::-1], scale), whole[::-1], atol=1e-9)
    np.testing.assert_allclose(imresize(image[:, ::-1], scale), whole[:, ::-1], atol=1e-9)
    np.testing.assert_allclose(imresize(image[..., 1], scale), whole[..., 1], atol=1e-9)


def test_downscaling_equals_pillow_away_from_the_border(rng):
    image = rng.random((64, 48)).astype(np.float32)
    pillow = np.asarray(Image.fromarray(image).resize((12, 16), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(imresize(image, 0.25)[2:-2, 2:-2], pillow[2:-2, 2:-2], atol=1e-5)


def test_input_is_left_alone_and_output_is_contiguous(photo):
    before = photo.copy()
    assert imresize(photo, 0.5).flags.c_contiguous
    np.testing.assert_array_equal(photo, before)


@pytest.mark.parametrize("scale", [0, -2, math.nan, math.inf])
def test_impossible_scales_are_refused(refused, scale):
    with refused("scale must be a positive number", str(scale)):
        imresize(np.zeros((4, 4)), scale)


@pytest.mark.parametrize("shape", [(4,), (2, 2, 2, 2), (0, 4), (4, 4, 0)])
def test_other_shapes_are_refused(refused, shape):
    with refused("H×W", str(shape)):
        imresize(np.zeros(shape), 2)


@pytest.mark.parametrize(("dataset", "published_psnr"), [("Set5", 28.43), ("Set14", 26.09)])
def test_equals_matlabs_own_files(benchmark_data, dataset, published_psnr):
    scores = []
    for path in sorted((benchmark_data / dataset / "HR").iterdir()):
        hr = load_image(path)
        matlabs = load_image(benchmark_data / dataset / "LRbicx4" / path.name)
        ours = imresize(hr, 1 / 4)
        # These HR files were cropped after MATLAB had made the LR: their borders differ.
        np.testing.assert_array_equal(ours[3:-3, 3:-3], matlabs[3:-3, 3:-3])
        scores.append(psnr(imresize(matlabs, 4), hr, crop_border=4))
    assert len(scores) == int(dataset.removeprefix("Set"))
    assert np.mean(scores) == pytest.approx(published_psnr, abs=0.01)
