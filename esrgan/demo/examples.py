"""Example pictures of the page, and what the built-in models make of them. Knows nothing of gradio.

The results are stored, so that the first visitor of a server that has just started waits for no
network, and so are small pictures to choose from: `python -m esrgan.demo.example_results` makes
them anew when pictures or weights change.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from esrgan import assets
from esrgan.pictures.images import load_image

FIRST = "chelsea"
RESULTS = assets.EXAMPLES / "results"
THUMBNAILS = assets.EXAMPLES / "thumbnails"
MANIFEST = "results.json"
# x, y and width of the place to look at first, in pixels of the result: where the models differ for
# the eye.
DETAILS = {
    "astronaut": (108, 10, 200),
    "cat": (150, 60, 290),
    "chelsea": (92, 42, 170),
    "coffee": (300, 190, 200),
    "grass": (200, 130, 170),
    "hopper": (205, 190, 270),
    "motorcycle": (290, 220, 230),
    "rocket": (240, 180, 190),
}
# Weights files and their shares, as in `comparison`.
Parts = Sequence[tuple[Path, float]]


def pictures() -> dict[str, Path]:
    """Files of the examples by name, in the order in which they are shown: the first one first."""
    return originals() | photographs()


def originals() -> dict[str, Path]:
    """Those that are clean and large enough to be shrunk and compared with what comes out."""
    found = {path.stem: path for path in sorted(assets.EXAMPLES.glob("*.png"))}
    return {FIRST: found[FIRST], **found}


def photographs() -> dict[str, Path]:
    """Those that are small JPEGs, as web pages show them: to be made larger as they are."""
    return {path.stem: path for path in sorted(assets.EXAMPLES.glob("*.jpg"))}


def thumbnail(name: str) -> Path:
    """File of a small picture: all of the page's examples weigh less than one of them as it is."""
    return THUMBNAILS / f"{name}.webp"


def name_of(upload: Path) -> str:
    """Name of the example of which this uploaded file is a copy, or ""."""
    example = pictures().get(upload.stem)
    same = example is not None and example.read_bytes() == upload.read_bytes()
    return upload.stem if same else ""


def load(name: str) -> np.ndarray:
    return load_image(pictures()[name])


def digest(picture: np.ndarray) -> str:
    shape = f"{picture.shape}{picture.dtype}".encode()
    return hashlib.sha256(shape + picture.tobytes()).hexdigest()


def stored(lr_digest: str, parts: Parts) -> np.ndarray | None:
    """Stored result of the network that is the weighted sum of these, or None.

    Args:
        lr_digest: of the LR picture, by `digest`.
        parts: weights files and their shares.
    """
    example = manifest().get("pictures", {}).get(lr_digest)
    if example is None:
        return None
    file = result_file(example, parts)
    return load_image(file) if file.is_file() else None


def result_file(example: str, parts: Parts) -> Path:
    """File in which the result of these networks' weighted sum is stored, if it is."""
    weights = {_digest_of(file): share for file, share in parts if share}
    return RESULTS / file_name(example, weights)


def given_file(pane: str) -> Path:
    """File of what the first example shows without a model: pane "lr", "bicubic" or "hr"."""
    return RESULTS / f"{FIRST}_{pane}.webp"


def file_name(example: str, weights: dict[str, float]) -> str:
    """Name of a stored result, of which the weights' digests are part.

    Args:
        weights: shares by the digest of a weights file.
    """
    network = "+".join(f"{share:g}of{digest[:8]}" for digest, share in sorted(weights.items()))
    return f"{example}_{network}.webp"


@lru_cache(maxsize=1)
def manifest() -> dict[str, Any]:
    """Names of the examples by the digest of their LR picture, under "pictures"."""
    file = RESULTS / MANIFEST
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}


@lru_cache(maxsize=32)
def _digest_of(weights: Path) -> str:
    return hashlib.sha256(weights.read_bytes()).hexdigest()
