"""Figure for a paper of a comparison: its pictures, and crops of them.

matplotlib is imported when the first one is drawn.
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
from esrgan.demo.figure_file import FigureFile, check_form, saved
from esrgan.demo.limits import MAX_CROPS
from esrgan.demo.server.served import served_folder
from esrgan.demo.viewer import Alphas
from esrgan.errors import UserError
from esrgan.evaluation.evaluate import Numbers
from esrgan.evaluation.niqe import PristineModel, load_pristine
from esrgan.inference.blend import STRIP_ALPHAS
from esrgan.pictures.images import to_rgb, to_uint8
from esrgan.pictures.places import most_different
from esrgan.pictures.resize import imresize

if TYPE_CHECKING:
    from esrgan.figures.compose import Drawn

Rectangle = tuple[int, int, int, int]
# Numbers below the panes of a comparison, by its run and the pane's title.
Known = Mapping[tuple[str, str], Numbers]
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
CROP_SIDE = 64  # where none is marked
WHOLE, CROPS_ONLY, STRIP = "whole", "crops", "strip"
NOTHING_YET = "There is nothing to draw yet: wait until the models' results are there."


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
        return "No crop is marked: the place where PSNR and GAN differ most is shown."
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
    numbers: Known
    figure: FigureFile | None = None


def figure(
    session: Session | None, marks: Marks, wish: FigureWish, known: Known
) -> Generator[Drawing, None, None]:
    """Draw a figure of a comparison; what is known of it is not measured again.

    Raises:
        UserError: there is nothing to draw yet.
    """
    check_form(wish.suffix, wish.width)
    session = ready(session)
    crops = marks.within(session.view.width, session.view.height).shown
    crops = crops or (where_models_differ(session, _side(wish)),)
    numbers = {key: value for key, value in known.items() if key[0] == session.view.run}
    if wish.layout == STRIP:
        drawn = yield from _strip(session, crops, wish, numbers)
    else:
        drawn = yield from _crops(session, crops, wish, numbers)
    name = "strip" if wish.layout == STRIP else "crops"
    yield Drawing("", numbers, saved(*drawn, new_folder(), name, wish.suffix, wish.width))


def _crops(
    session: Session,
    crops: Sequence[Rectangle],
    wish: FigureWish,
    numbers: dict[tuple[str, str], Numbers],
) -> Generator[Drawing, None, "Drawn"]:
    """Fig. 7; what is measured is added to `numbers`."""
    from esrgan.figures import compose

    comparison, pristine = session.comparison, load_pristine()
    rows = []
    for name in available(session, wish.panes):
        title = title_of(session, name, wish.at)
        yield Drawing(f"{title} …", dict(numbers))
        picture = picture_of(session, name, wish.at)
        key = session.view.run, title
        if key not in numbers:
            numbers[key] = _numbers(comparison, name, picture, pristine)
        rows.append(compose.Row(title, picture, numbers=numbers[key]))
    if not rows:
        raise UserError("Choose at least one of the pictures that the comparison has.")
    has_hr = comparison.hr is not None
    whole = wish.layout == WHOLE
    what_it_is = "HR" if has_hr else "LR (bicubic)"
    title = wish.title or (what_it_is if whole else "")
    example = compose.Example(title, shown_whole(session), rows)
    metrics = () if has_hr else ("niqe",)
    (drawn,) = compose.crops_figures([example], pristine.label, crops, wish.width, whole, metrics)
    return drawn


def _strip(
    session: Session, crops: Sequence[Rectangle], wish: FigureWish, numbers: Known
) -> Generator[Drawing, None, "Drawn"]:
    """Fig. 10 of the last crop."""
    from esrgan.figures import compose

    rows = []
    modes = (NETWORK, IMAGE) if session.view.obstacle is None else (IMAGE,)
    for mode, alpha in product(modes, STRIP_ALPHAS):
        yield Drawing(f"{mode} α = {alpha:g} …", numbers)
        at = Alphas(network=alpha, image=alpha)
        rows.append(compose.Row("PSNR–GAN", picture_of(session, mode, at), mode, alpha))
    whole = shown_whole(session)
    *_, crop = compose.crops_of(whole, crops)
    example = compose.Example(wish.title or "the picture", whole, rows)
    return compose.strip_figure(example, STRIP_ALPHAS, crop, wish.width)


def _side(wish: FigureWish) -> int:
    """Of a crop where none is marked; those of a strip fill it."""
    from esrgan.figures import strip_side

    return strip_side(wish.width, len(STRIP_ALPHAS)) if wish.layout == STRIP else CROP_SIDE


def where_models_differ(session: Session, side: int = CROP_SIDE) -> Rectangle:
    """The square in which the pictures at α = 0 and 1 differ most."""
    results = session.comparison.results
    return most_different((to_uint8(results["psnr"]), to_uint8(results["gan"])), side)


def ready(session: Session | None) -> Session:
    if session is None or not {"psnr", "gan"} <= session.comparison.results.keys():
        raise UserError(NOTHING_YET)
    return session


def _scale(comparison: Comparison) -> int:
    return compute.common_scale(comparison.trio)


def available(session: Session, panes: Sequence[str]) -> list[str]:
    """Those of the panes that the comparison has, in the order of `TITLES`."""
    comparison = session.comparison
    there = {LR, BICUBIC, IMAGE, *comparison.results}
    if session.view.obstacle is None:
        there.add(NETWORK)
    if comparison.hr is not None:
        there.add(HR)
    return [name for name in TITLES if name in panes and name in there]


def title_of(session: Session, name: str, at: Alphas) -> str:
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


def picture_of(session: Session, name: str, at: Alphas) -> np.ndarray:
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


def _numbers(
    comparison: Comparison, name: str, picture: np.ndarray, pristine: PristineModel
) -> Numbers:
    """Numbers below a pane; none for LR, which is no result."""
    from esrgan.figures.compose import numbers_of

    if name == LR:
        return {}
    hr = None if comparison.hr is None else to_rgb(to_uint8(comparison.hr))
    return numbers_of(picture, hr, _scale(comparison), pristine)


def shown_whole(session: Session) -> np.ndarray:
    return picture_of(session, BICUBIC if session.comparison.hr is None else HR, Alphas())


def new_folder() -> Path:
    return served_folder() / uuid.uuid4().hex
