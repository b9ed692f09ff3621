"""Figures on the page, as files; those of an evaluation, of which nothing is computed again.

matplotlib is imported when the first one is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from esrgan.demo.evaluation import HR, KEPT, Evaluation, pictures
from esrgan.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from esrgan.illustrations import Drawn

PLANE, CROPS, STRIP, BRIGHTNESS = "plane", "crops", "strip", "brightness"
FORMATS = ("png", "pdf", "svg")
WIDTHS = (3.4, 7.0)  # inches: a paper's column, and its page
BEFORE, AFTER = "gan", "gan-after"


@dataclass(frozen=True)
class Illustrated:
    """A figure that was drawn: the file that was asked for, one to be shown, and the LaTeX."""

    file: Path
    shown: Path
    latex: str


def illustrate(
    evaluation: Evaluation, kind: str, picture: str | None, suffix: str, width: float
) -> Illustrated:
    """Draw a figure of what an evaluation kept.

    Args:
        kind: PLANE, of all pictures, or CROPS, STRIP or BRIGHTNESS, of one.
        picture: one of `pictures`; the first if None.
        suffix: one of FORMATS.
        width: one of WIDTHS.

    Raises:
        UserError: there are no rows yet, or the evaluation lacks what the figure shows.
    """
    known = pictures(evaluation)
    picture = picture or next(iter(known), None)
    check_form(suffix, width)
    if picture not in known:
        raise UserError("There is nothing to draw yet: evaluate some pictures first.")
    figure, caption = _drawn(evaluation, kind, picture, width)
    name = kind if kind == PLANE else f"{kind}-{Path(picture).stem}"
    return saved(figure, caption, evaluation.folder / "figures", name, suffix, width)


def check_form(suffix: str, width: float) -> None:
    """Raises UserError unless it is one of FORMATS and one of WIDTHS."""
    if suffix not in FORMATS or width not in WIDTHS:
        raise UserError("Choose a format and a width of the figure.")


def saved(
    figure: "Figure", caption: str, folder: Path, name: str, suffix: str, width: float
) -> Illustrated:
    """Write a figure, and as PNG too, to be shown."""
    from esrgan.figures import latex_figure, save_figure

    file, shown = folder / f"{name}.{suffix}", folder / f"{name}.png"
    for path in {file, shown}:
        save_figure(figure, path)
    return Illustrated(file, shown, latex_figure(Path(file.name), width, caption))


def _drawn(evaluation: Evaluation, kind: str, picture: str, width: float) -> "Drawn":
    from esrgan import illustrations as draw

    results = evaluation.results
    if kind == PLANE:
        return draw.plane_figure(results, width=width)
    alphas = sorted({s.alpha for s in results.scores if s.alpha is not None})
    singles = [s.model for s in results.scores if s.picture == picture and s.alpha is None]
    kept = partial(draw.kept, results, evaluation.folder / KEPT, evaluation.folder / HR / picture)
    if kind == CROPS:  # points of the network's curve where there is nothing else
        example = kept(singles, ["network"], () if singles else alphas)
        label, found = draw.kept_numbers(results, [example])
        return draw.crops_figure([example], found, label, width=width)
    if kind == STRIP:
        example = kept([], draw.MODES, alphas)
        (crop,) = draw.crops_of(example.hr, None)
        return draw.strip_figure(example, alphas, crop, width)
    names = [_result_of(model, singles) for model in (BEFORE, AFTER)]
    example = kept(names)
    (crop,) = draw.crops_of(example.hr, None)
    before, after = (row.picture for row in example.rows)
    return draw.brightness_figure(example, before, after, crop, width)


def _result_of(model: str, singles: Sequence[str]) -> str:
    """A model's name in the results, where what is done after the network may stand behind it.

    Raises:
        UserError: it has none.
    """
    for name in singles:
        if name.split(" ")[0] == model:
            return name
    raise UserError(f"This figure compares {BEFORE} with {AFTER}; evaluate both.")
