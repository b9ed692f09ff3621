"""Pictures for the browser: lossless, of any shape that the page takes."""

from pathlib import Path

import numpy as np
import pytest

from esrgan.demo.server.served import serve
from esrgan.pictures.images import load_image


@pytest.mark.parametrize(
    ("shape", "suffix"),
    [((4, 16_383, 3), ".webp"), ((4, 17_000, 3), ".png"), ((17_000, 4), ".png")],
)
def test_panoramas_longer_than_webp_holds_are_png(shape, suffix, tmp_path, monkeypatch, rng):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    picture = rng.integers(0, 256, shape).astype(np.uint8)
    path = Path(serve(picture, "panorama"))
    assert path.suffix == suffix
    found = load_image(path)
    np.testing.assert_array_equal(found, picture)
