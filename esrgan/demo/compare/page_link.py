"""Addresses that restore a comparison: example, models, α and crop. Knows nothing of gradio.

`?example=chelsea&as=hr&models=psnr,gan,gan-after&network=0.8&image=0.5&third=0&crop=10,20,64,64`;
what is missing or wrong is as without it, since people type addresses too.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from esrgan.demo import examples
from esrgan.models import zoo


@dataclass(frozen=True)
class Address:
    """Comparison that an address names.

    Attributes:
        example: a picture of the page's own.
        is_hr: whether LR is made from it.
        models: two or three names of `zoo.MODELS`, or none.
        alphas: where the sliders stand: network, image and third; each in [0, 1].
        mark: x, y, w, h of the marked crop, or nothing.
    """

    example: Path
    is_hr: bool
    models: tuple[str, ...]
    alphas: dict[str, float]
    mark: tuple[int, ...]


def read(query: Mapping[str, str]) -> Address:
    """Read the part of an address after `?`; what is wrong there counts as missing."""
    known = examples.pictures()
    models = tuple(name for name in query.get("models", "").split(",") if name in zoo.MODELS)
    return Address(
        example=known.get(query.get("example", ""), known[examples.FIRST]),
        is_hr=query.get("as") != "lr",
        models=models if len(models) in (2, 3) else (),
        alphas=_alphas(query),
        mark=_mark(query.get("crop", "")),
    )


def _alphas(query: Mapping[str, str]) -> dict[str, float]:
    found = {}
    for name in ("network", "image", "third"):
        with suppress(KeyError, ValueError):
            alpha = float(query[name])
            if 0 <= alpha <= 1:
                found[name] = round(alpha, 2)
    return found


def _mark(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if len(parts) != 4 or not all(part.isdecimal() and len(part) < 6 for part in parts):
        return ()
    x, y, w, h = map(int, parts)
    return (x, y, w, h) if w and h else ()
