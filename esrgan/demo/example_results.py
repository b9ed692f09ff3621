"""Results of the built-in models on the example pictures, and thumbnails, made anew and stored.

`python -m esrgan.demo.example_results`
"""

import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from esrgan.demo import choice, examples
from esrgan.demo import comparison as compute
from esrgan.inference.blend import DEFAULT_ALPHA
from esrgan.pictures.encoding import encode_image
from esrgan.pictures.files import atomic_path
from esrgan.pictures.images import crop_to_multiple, load_image
from esrgan.pictures.resize import imresize

# Of the shorter side, for screens of two pixels a CSS pixel; see #examples in page.css.
THUMBNAIL_SIDE, THUMBNAIL_QUALITY = 140, 80
ENDS = (0.0, 1.0, DEFAULT_ALPHA)


def main() -> None:
    """Write the stored results; those of other pictures or weights are deleted."""
    shutil.rmtree(examples.RESULTS, ignore_errors=True)
    examples.RESULTS.mkdir()
    examples.manifest.cache_clear()
    names = {}
    for name, path in tqdm(examples.pictures().items(), unit="picture"):
        lr = lr_of(name)
        names[examples.digest(lr)] = name
        for parts in networks(name):
            with atomic_path(examples.result_file(name, parts)) as temporary:
                result = compute.network_of(parts)(lr)
                temporary.write_bytes(encode_image(result, ".webp"))
        _write_thumbnail(name, path)
    _write_given(load_image(examples.pictures()[examples.FIRST]))
    with atomic_path(examples.RESULTS / examples.MANIFEST) as temporary:
        temporary.write_text(json.dumps({"pictures": names}, indent=2) + "\n", "utf-8")


def _write_given(hr: np.ndarray) -> None:
    """Store what the first example shows without a model."""
    hr = crop_to_multiple(hr, 4)
    lr = imresize(hr, 1 / 4)
    for pane, picture in {"lr": lr, "bicubic": imresize(lr, 4), "hr": hr}.items():
        with atomic_path(examples.given_file(pane)) as temporary:
            temporary.write_bytes(encode_image(picture, ".webp"))


def _write_thumbnail(name: str, picture: Path) -> None:
    examples.THUMBNAILS.mkdir(exist_ok=True)
    with Image.open(picture) as opened, atomic_path(examples.thumbnail(name)) as temporary:
        shrink = THUMBNAIL_SIDE / min(opened.size)
        size = (round(opened.width * shrink), round(opened.height * shrink))
        small = opened.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        small.save(temporary, "WEBP", quality=THUMBNAIL_QUALITY)


def lr_of(name: str) -> np.ndarray:
    """What the models see of an example."""
    picture = examples.load(name)
    return picture if name in examples.photographs() else imresize(picture, 1 / 4)


def networks(name: str) -> list[compute.Parts]:
    """Networks whose results of an example are stored: those of the models that are proposed for
    it, and the one where α begins."""
    photo = name in examples.photographs()
    trio = choice.photo_trio() if photo else choice.builtin_trio()
    between = [compute.parts_at(trio, alpha) for alpha in ENDS]
    return between if photo else [*between, compute.parts_at(trio, 0, third=1)]


if __name__ == "__main__":
    main()
