"""Addresses that restore a comparison: example, models, α and crop. Knows nothing of gradio.

`?example=chelsea&as=hr&models=psnr,gan,gan-after&network=0.8&image=0.5&third=0&crop=10,20,64,64
&view=wipe&pair=lr,gan&zoom=2.5,120,80` (or `zoom=fit`); what is missing or wrong is as without it,
since people type addresses too, and what is wrong is named.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esrgan.demo import examples
from esrgan.models import zoo

PARTS = ("example", "as", "models", "network", "image", "third", "crop", "view", "pair", "zoom")
VIEWS = ("grid", "wipe", "difference")
SLIDERS = ("network", "image", "third")
PANES = ("lr", "psnr", "gan", "network", "image", "hr", "bicubic", "after")
MAX_ZOOM = 64  # as in viewer/page/zoom.js


@dataclass(frozen=True)
class Address:
    """Comparison that an address names.

    Attributes:
        example: a picture of the page's own.
        is_hr: whether LR is made from it.
        models: two or three names of `zoo.MODELS`, or none.
        alphas: where the sliders stand: network, image and third; each in [0, 1].
        mark: x, y, w, h of the marked crop, or nothing.
        view, pair, zoom: how it is looked at, as in `viewer.Link`.
        wrong: the parts of the address that mean nothing here.
    """

    example: Path
    is_hr: bool
    models: tuple[str, ...]
    alphas: dict[str, float]
    mark: tuple[int, ...]
    view: str
    pair: tuple[str, ...]
    zoom: tuple[float, ...] | None
    wrong: tuple[str, ...]


def read(query: Mapping[str, str]) -> Address:
    """Read the part of an address after `?`; what is wrong there counts as missing."""
    known = examples.pictures()
    alphas, view = _alphas(query), query.get("view", "")
    found: dict[str, Any] = {
        "example": query.get("example", "") in known,
        "as": query.get("as") in ("hr", "lr"),
        "models": _names(query.get("models", ""), tuple(zoo.MODELS), (2, 3)),
        **{name: name in alphas for name in SLIDERS},
        "crop": _mark(query.get("crop", "")),
        "view": view in VIEWS,
        "pair": _names(query.get("pair", ""), PANES, (2,)),
        "zoom": _zoom(query.get("zoom", "")) is not None,
    }
    return Address(
        example=known.get(query.get("example", ""), known[examples.FIRST]),
        is_hr=query.get("as") != "lr",
        models=found["models"],
        alphas=alphas,
        mark=found["crop"],
        view=view if view in VIEWS else "",
        pair=found["pair"],
        zoom=_zoom(query.get("zoom", "")),
        wrong=tuple(name for name in query if name in found and not found[name]),
    )


def _names(text: str, known: Sequence[str], numbers: Sequence[int]) -> tuple[str, ...]:
    names = tuple(text.split(","))
    return names if len(names) in numbers and set(names) <= set(known) else ()


def _zoom(text: str) -> tuple[float, ...] | None:
    if text == "fit":
        return ()
    with suppress(ValueError):
        numbers = tuple(map(float, text.split(",")))
        if len(numbers) == 3 and 0 < numbers[0] <= MAX_ZOOM and all(0 <= n < 1e5 for n in numbers):
            return numbers
    return None


def _alphas(query: Mapping[str, str]) -> dict[str, float]:
    found = {}
    for name in SLIDERS:
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
