"""Results of the built-in models on the example pictures, and thumbnails, made anew and stored.

`python -m esrgan.demo.example_results`
"""

import hashlib
import json
import shutil
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from esrgan.demo import choice, examples
from esrgan.demo import comparison as compute
from esrgan.inference.blend import DEFAULT_ALPHA
from esrgan.models.interpolation import alpha_weights
from esrgan.pictures.encoding import encode_image
from esrgan.pictures.files import atomic_path
from esrgan.pictures.images import load_image
from esrgan.pictures.resize import imresize

# Of the shorter side, for screens of two pixels a CSS pixel; see #examples in page.css.
THUMBNAIL_SIDE, THUMBNAIL_QUALITY = 168, 80
ENDS = (0.0, 1.0, DEFAULT_ALPHA)


def main() -> None:
    """Write the stored results; those of other pictures or weights are deleted."""
    shutil.rmtree(examples.RESULTS, ignore_errors=True)
    examples.RESULTS.mkdir()
    examples.manifest.cache_clear()
    names = {}
    for name, path in tqdm(examples.pictures().items(), unit="picture"):
        lr = imresize(load_image(path), 1 / 4)
        names[examples.digest(lr)] = name
        for parts in networks():
            weights = {hashlib.sha256(f.read_bytes()).hexdigest(): share for f, share in parts}
            with atomic_path(examples.RESULTS / examples.file_name(name, weights)) as temporary:
                result = compute.network_of(parts)(lr)
                temporary.write_bytes(encode_image(result, ".webp"))
        _write_thumbnail(name, path)
    with atomic_path(examples.RESULTS / examples.MANIFEST) as temporary:
        temporary.write_text(json.dumps({"pictures": names}, indent=2) + "\n", "utf-8")


def _write_thumbnail(name: str, picture: Path) -> None:
    examples.THUMBNAILS.mkdir(exist_ok=True)
    with Image.open(picture) as opened, atomic_path(examples.thumbnail(name)) as temporary:
        shrink = THUMBNAIL_SIDE / min(opened.size)
        size = (round(opened.width * shrink), round(opened.height * shrink))
        small = opened.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        small.save(temporary, "WEBP", quality=THUMBNAIL_QUALITY)


def networks() -> list[compute.Parts]:
    """Networks whose results are stored: the three models, and the one where α begins."""
    first, second, after = choice.builtin_trio().files
    between = [
        tuple(part for part in zip((first, second), alpha_weights(alpha), strict=True) if part[1])
        for alpha in ENDS
    ]
    return [*between, ((after, 1.0),)]


if __name__ == "__main__":
    main()
