"""Animation of α of a comparison.

The encoders are imported when they are first needed.
"""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from esrgan.demo import comparison as compute
from esrgan.demo.compare.figure import Marks, new_folder, ready, where_models_differ
from esrgan.demo.compare.session import Session
from esrgan.demo.comparison import Comparison
from esrgan.errors import UserError

if TYPE_CHECKING:
    from esrgan.figures.animation import Source

NETWORK, IMAGE = "network", "image"
ANIMATED = {"network": [NETWORK], "image": [IMAGE], "both": [NETWORK, IMAGE]}
WHOLE, CROP = "whole", "crop"
SIZE = 640
MOST_STEPS = 30


@dataclass(frozen=True)
class AnimationWish:
    """Request of an animation.

    Attributes:
        region: WHOLE, or CROP: the one that is marked.
        mode: a key of ANIMATED.
        suffix: "gif", "webp" or "mp4".
        steps, seconds, captioned: as in `animation.Look`.
    """

    region: str
    mode: str
    suffix: str
    steps: float = 20
    seconds: float = 4
    captioned: bool = True


@dataclass(frozen=True)
class Animation:
    """Progress of an animation, and at the end its file."""

    status: str
    file: Path | None = None


def animate(
    session: Session | None, marks: Marks, wish: AnimationWish
) -> Generator[Animation, None, None]:
    """Draw α from 0 to 1 and back: each frame is the network's own picture, never a cross-fade.

    Raises:
        UserError: there is nothing to draw yet, or as `animation.Look`.
    """
    from esrgan.figures.animation import FORMATS, Look, frames, save_animation
    from esrgan.figures.sheet import Crop

    session = ready(session)
    comparison = session.comparison
    if session.view.obstacle is not None and NETWORK in ANIMATED.get(wish.mode, []):
        raise UserError(f"{session.view.obstacle} Animate the image interpolation instead.")
    if f".{wish.suffix}" not in FORMATS or wish.mode not in ANIMATED:
        raise UserError("Choose what to animate, and a format.")
    if wish.steps not in range(1, MOST_STEPS + 1):
        raise UserError(
            f"The page animates in up to {MOST_STEPS} steps of α; "
            "`python -m esrgan animate` takes more."
        )
    if not isinstance(wish.seconds, int | float):
        raise UserError("Choose how many seconds the animation lasts.")
    crop: Crop | None = None
    if wish.region == CROP:
        marks = marks.within(session.view.width, session.view.height)
        last = marks.current or next(reversed(marks.collected), None)
        crop = Crop(*(last or where_models_differ(session)))
    look = Look(crop, int(wish.steps), wish.seconds, SIZE, wish.captioned)
    pictures: list[np.ndarray] = []
    total = wish.steps + 1
    yield Animation(f"Frame 1 of {total}")
    for picture in frames(_sources(comparison, wish.mode), look):
        pictures.append(picture)
        if len(pictures) < total:
            yield Animation(f"Frame {len(pictures) + 1} of {total}")
    yield Animation("Writing the file …")
    file = new_folder() / f"alpha.{wish.suffix}"
    save_animation(pictures, file, look.seconds)
    yield Animation("", file)


def _sources(comparison: Comparison, mode: str) -> dict[str, "Source"]:
    at: dict[str, Source] = {
        NETWORK: lambda alpha: compute.network_interpolated(comparison, alpha),
        IMAGE: lambda alpha: compute.image_interpolated(comparison, alpha),
    }
    return {name: at[name] for name in ANIMATED[mode]}
