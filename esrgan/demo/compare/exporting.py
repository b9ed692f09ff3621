"""Figure for a paper and animation of α, both of a comparison.

matplotlib and the encoders are imported when they are first needed.
"""

import uuid
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from esrgan.demo import comparison as compute
from esrgan.demo.compare.session import Session
from esrgan.demo.comparison import Comparison
from esrgan.demo.figure_file import Illustrated, check_form, saved
from esrgan.demo.limits import MAX_CROPS
from esrgan.demo.server.served import served_folder
from esrgan.demo.viewer import Alphas
from esrgan.errors import UserError
from esrgan.inference.blend import STRIP_ALPHAS
from esrgan.pictures.images import to_rgb, to_uint8
from esrgan.pictures.resize import imresize

if TYPE_CHECKING:
    from esrgan.figures import Crop
    from esrgan.figures.animation import Source
    from esrgan.figures.illustrations import Drawn

Rectangle = tuple[int, int, int, int]
# Numbers below the panes of a comparison, by its run and the pane's title.
Numbers = Mapping[tuple[str, str], str]
# Panes in the order of the figure, and how it names them.
LR, BICUBIC, NETWORK, IMAGE, HR = "lr", "bicubic", "network", "image", "hr"
TITLES = {
    LR: "LR",
    BICUBIC: "bicubic",
    "psnr": "PSNR",
    "gan": "GAN",
    "after": "GAN, after activation",
    NETWORK: "network",
    IMAGE: "image",
    HR: "HR",
}
WHOLE, CROPS_ONLY, STRIP = "whole", "crops", "strip"
CROP = "crop"
NOTHING_YET = "There is nothing to draw yet: wait until the models' results are there."
ANIMATED = {"network": [NETWORK], "image": [IMAGE], "both": [NETWORK, IMAGE]}
ANIMATION_SIZE = 640
MOST_ANIMATED_STEPS = 30


@dataclass(frozen=True)
class Marks:
    """Crops of the results, each x, y, width, height from the left upper corner, in pixels."""

    current: Rectangle | None = None
    collected: tuple[Rectangle, ...] = ()

    def within(self, width: int, height: int) -> "Marks":
        """Marks that lie inside a picture."""

        def inside(crop: Rectangle) -> bool:
            return crop[0] + crop[2] <= width and crop[1] + crop[3] <= height

        current = self.current if self.current and inside(self.current) else None
        return Marks(current, tuple(filter(inside, self.collected)))

    @property
    def shown(self) -> tuple[Rectangle, ...]:
        """Crops of a figure: those collected or, without any, the marked one."""
        return self.collected or ((self.current,) if self.current else ())


def marked(marks: Marks, mark: object) -> Marks:
    """Marks with the crop that the browser sent; None forgets it.

    Raises:
        UserError: it is no rectangle.
    """
    if mark is None:
        return replace(marks, current=None)
    sides = [mark.get(key) for key in "xywh"] if isinstance(mark, Mapping) else []
    numbers = [side for side in sides if type(side) is int]
    if len(numbers) != 4 or min(numbers[:2]) < 0 or min(numbers[2:]) < 1:
        raise UserError("A crop is marked by four whole numbers: x, y, width and height.")
    x, y, w, h = numbers
    return replace(marks, current=(x, y, w, h))


def with_current(marks: Marks) -> Marks:
    """Marks with the marked crop among those collected.

    Raises:
        UserError: none is marked, or there are enough.
    """
    if marks.current is None:
        raise UserError("Mark a crop first: click into one of the pictures above.")
    if marks.current in marks.collected:
        return marks
    if len(marks.collected) == MAX_CROPS:
        raise UserError(f"A figure of the page shows {MAX_CROPS} crops at most.")
    return replace(marks, collected=(*marks.collected, marks.current))


def told_crops(marks: Marks) -> str:
    """Sentence on the crops that a figure will show."""
    if not marks.shown:
        return "No crop is marked: the place where the picture varies most is shown."
    listed = "; ".join(f"{w}×{h} at {x}, {y}" for x, y, w, h in marks.shown)
    return f"Crops: {listed}" if marks.collected else f"Marked: {listed}"


@dataclass(frozen=True)
class FigureWish:
    """Request of a figure.

    Attributes:
        panes: keys of TITLES; those that the comparison lacks are left out.
        layout: WHOLE (Fig. 7), CROPS_ONLY, or STRIP (Fig. 10), which shows every α.
        suffix, width: as in `figure_file`.
        title: of the picture.
        at: where the sliders stand.
    """

    panes: Sequence[str]
    layout: str
    suffix: str
    width: float
    title: str = ""
    at: Alphas = field(default_factory=Alphas)


@dataclass(frozen=True)
class Drawing:
    """Progress of a figure.

    Attributes:
        status: what is done now, in a few words.
        numbers: those measured so far, for the next figure of the same comparison.
        figure: at the end.
    """

    status: str
    numbers: Numbers
    figure: Illustrated | None = None


def figure(
    session: Session | None, marks: Marks, wish: FigureWish, known: Numbers
) -> Generator[Drawing, None, None]:
    """Draw a figure of a comparison; what is known of it is not measured again.

    Raises:
        UserError: there is nothing to draw yet.
    """
    check_form(wish.suffix, wish.width)
    session = _ready(session)
    crops = marks.within(session.view.width, session.view.height).shown
    numbers = {key: value for key, value in known.items() if key[0] == session.view.run}
    if wish.layout == STRIP:
        drawn = yield from _strip(session, crops, wish, numbers)
    else:
        drawn = yield from _crops(session, crops, wish, numbers)
    name = "strip" if wish.layout == STRIP else "crops"
    yield Drawing("", numbers, saved(*drawn, _new_folder(), name, wish.suffix, wish.width))


def _crops(
    session: Session,
    crops: Sequence[Rectangle],
    wish: FigureWish,
    numbers: dict[tuple[str, str], str],
) -> Generator[Drawing, None, "Drawn"]:
    """Fig. 7; what is measured is added to `numbers`."""
    from esrgan.figures import MethodResult
    from esrgan.figures import illustrations as draw

    comparison = session.comparison
    results = []
    for name in _available(session, wish.panes):
        title = _title(session, name, wish.at)
        yield Drawing(f"{title} …", dict(numbers))
        picture = _picture(session, name, wish.at)
        key = session.view.run, title
        if key not in numbers:
            numbers[key] = _numbers(comparison, name, picture)
        results.append(MethodResult(title, picture, numbers[key]))
    if not results:
        raise UserError("Choose at least one of the pictures that the comparison has.")
    has_hr = comparison.hr is not None
    whole = wish.layout == WHOLE
    what_it_is = "HR" if has_hr else "LR (bicubic)"
    title = wish.title or (what_it_is if whole else "")
    example = draw.Example(title, _shown_whole(session), [])
    label = draw.measures(has_hr)
    return draw.crops_figure([example], [results], label, crops, wish.width, whole)


def _strip(
    session: Session, crops: Sequence[Rectangle], wish: FigureWish, numbers: Numbers
) -> Generator[Drawing, None, "Drawn"]:
    """Fig. 10 of the last crop."""
    from esrgan.evaluation.results import Score
    from esrgan.figures import illustrations as draw

    rows = []
    modes = (NETWORK, IMAGE) if session.view.obstacle is None else (IMAGE,)
    for mode, alpha in product(modes, STRIP_ALPHAS):
        yield Drawing(f"{mode} α = {alpha:g} …", numbers)
        score = Score("", "", None, None, None, mode=mode, alpha=alpha)
        at = Alphas(network=alpha, image=alpha)
        rows.append(draw.Row(score, _picture(session, mode, at)))
    whole = _shown_whole(session)
    *_, crop = draw.crops_of(whole, crops)
    example = draw.Example(wish.title or "the picture", whole, rows)
    return draw.strip_figure(example, STRIP_ALPHAS, crop, wish.width)


def _ready(session: Session | None) -> Session:
    if session is None or not {"psnr", "gan"} <= session.comparison.results.keys():
        raise UserError(NOTHING_YET)
    return session


def _scale(comparison: Comparison) -> int:
    return compute.common_scale(comparison.trio)


def _available(session: Session, panes: Sequence[str]) -> list[str]:
    comparison = session.comparison
    there = {LR, BICUBIC, IMAGE, *comparison.results}
    if session.view.obstacle is None:
        there.add(NETWORK)
    if comparison.hr is not None:
        there.add(HR)
    return [name for name in TITLES if name in panes and name in there]


def _title(session: Session, name: str, at: Alphas) -> str:
    """Title of a pane: with its α, and with the names of models that are no built-in."""
    if name not in (NETWORK, IMAGE):
        chosen = dict(zip(compute.RESULTS, session.comparison.trio.titles, strict=False))
        return chosen.get(name, TITLES[name])
    alpha = at.network if name == NETWORK else at.image
    third = _third(session, name, at)
    return f"{TITLES[name]} α = {alpha:g}" + (f", third {third:g}" if third else "")


def _third(session: Session, name: str, at: Alphas) -> float:
    """The third model's share in an interpolation."""
    there = "after" in session.comparison.results
    blended = there and (name == IMAGE or session.view.third_obstacle is None)
    return at.third if blended else 0


def _picture(session: Session, name: str, at: Alphas) -> np.ndarray:
    """Picture of a pane, H×W×3 `uint8`, of the results' size."""
    comparison, third = session.comparison, _third(session, name, at)
    if name == NETWORK:
        picture = compute.network_interpolated(comparison, at.network, third)
    elif name == IMAGE:
        picture = compute.image_interpolated(comparison, at.image, third)
    elif name == LR:
        picture = comparison.lr.repeat(_scale(comparison), 0).repeat(_scale(comparison), 1)
    elif name == BICUBIC:
        picture = imresize(comparison.lr, _scale(comparison))
    elif name == HR and comparison.hr is not None:
        picture = comparison.hr
    else:
        picture = comparison.results[name]
    return to_rgb(to_uint8(picture))


def _numbers(comparison: Comparison, name: str, picture: np.ndarray) -> str:
    """Numbers below a pane; none for LR, which is no result."""
    from esrgan.figures.illustrations import measured

    if name == LR:
        return ""
    hr = None if comparison.hr is None else to_rgb(to_uint8(comparison.hr))
    return measured(picture, hr, _scale(comparison))


def _shown_whole(session: Session) -> np.ndarray:
    return _picture(session, BICUBIC if session.comparison.hr is None else HR, Alphas())


def _new_folder() -> Path:
    return served_folder() / uuid.uuid4().hex


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
    from esrgan.figures.illustrations import crops_of

    session = _ready(session)
    comparison = session.comparison
    if session.view.obstacle is not None and NETWORK in ANIMATED.get(wish.mode, []):
        raise UserError(f"{session.view.obstacle} Animate the image interpolation instead.")
    if f".{wish.suffix}" not in FORMATS or wish.mode not in ANIMATED:
        raise UserError("Choose what to animate, and a format.")
    if wish.steps not in range(1, MOST_ANIMATED_STEPS + 1):
        raise UserError(
            f"The page animates in up to {MOST_ANIMATED_STEPS} steps of α; "
            "`python -m esrgan animate` takes more."
        )
    if not isinstance(wish.seconds, int | float):
        raise UserError("Choose how many seconds the animation lasts.")
    crop: Crop | None = None
    if wish.region == CROP:
        marks = marks.within(session.view.width, session.view.height)
        marked = [marks.current] if marks.current else marks.collected[-1:]
        (crop,) = crops_of(_shown_whole(session), marked)
    look = Look(crop, int(wish.steps), wish.seconds, ANIMATION_SIZE, wish.captioned)
    pictures: list[np.ndarray] = []
    total = wish.steps + 1
    yield Animation(f"Frame 1 of {total}")
    for picture in frames(_sources(comparison, wish.mode), look):
        pictures.append(picture)
        if len(pictures) < total:
            yield Animation(f"Frame {len(pictures) + 1} of {total}")
    yield Animation("Writing the file …")
    file = _new_folder() / f"alpha.{wish.suffix}"
    save_animation(pictures, file, look.seconds)
    yield Animation("", file)


def _sources(comparison: Comparison, mode: str) -> dict[str, "Source"]:
    at: dict[str, Source] = {
        NETWORK: lambda alpha: compute.network_interpolated(comparison, alpha),
        IMAGE: lambda alpha: compute.image_interpolated(comparison, alpha),
    }
    return {name: at[name] for name in ANIMATED[mode]}
