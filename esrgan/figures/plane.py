"""Fig. 2: the perception–distortion plane, with the three regions of PIRM."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from esrgan.errors import UserError
from esrgan.figures.sheet import (
    COLOURS,
    COLUMN_WIDTH,
    FONT_SIZE,
    GAP,
    SMALLEST_FONT,
    Sheet,
    pixels,
    shrink,
)

# PIRM's regions by the largest RMSE that each allows, in grey levels of 0 … 255.
REGIONS = (("Region 1", 11.5), ("Region 2", 12.5), ("Region 3", 16.0))
REGION_COLOURS = ("#dceaf7", "#e6f3e1", "#fbeede")
MODES = {"network": "network interpolation", "image": "image interpolation"}
MARKERS = "osD^vP"
# Where a label may stand beside its point: directions, and distances in points.
DIRECTIONS = ((1, 1), (1, -1), (-1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1))
DISTANCES = (3.0, 7.0, 12.0)
NEAR = DISTANCES[:2]  # what is dispensable stays beside its point


@dataclass(frozen=True)
class PlanePoint:
    """A method on the plane.

    Attributes:
        label: its name; that of the curve for a point between two models.
        rmse: distortion, grey levels of 0 … 255.
        perceptual: PI or NIQE, lower is better.
        alpha: position on the curve from the PSNR (0) to the GAN model (1), if it is on one.
        mode: "network" or "image" interpolation, likewise.
        rmse_interval, perceptual_interval: the ends of its error bars, if it has any.
        emphasised: whether it is one's own.
    """

    label: str
    rmse: float
    perceptual: float
    alpha: float | None = None
    mode: str | None = None
    rmse_interval: tuple[float, float] | None = None
    perceptual_interval: tuple[float, float] | None = None
    emphasised: bool = False


def draw_plane(
    points: Sequence[PlanePoint],
    measure: str = "NIQE",
    width: float = COLUMN_WIDTH,
    regions: bool = True,
) -> Figure:
    """RMSE against a perceptual measure: a curve a mode and a mark a method.

    Args:
        points: in any order; those of one label and mode make a curve.
        measure: what the vertical axis shows, "PI" or "NIQE".
        width: of the figure in inches.
        regions: whether PIRM's are shown; they say something of PIRM's pictures only.

    Raises:
        UserError: there is no point, or one is not finite.
    """
    if not points:
        raise UserError("There is nothing to draw on the plane: no method has both measures.")
    if not all(isfinite(p.rmse) and isfinite(p.perceptual) for p in points):
        raise UserError("A point of the plane is not a finite number.")
    height = min(round(pixels(width) * 0.82), 1100)
    sheet = Sheet(width, height)
    box = (GAP, GAP, sheet.width - 2 * GAP, height - 2 * GAP)
    axes = sheet.axes(*box)
    shown = REGIONS if regions else ()
    _set_limits(axes, points, [limit for _, limit in shown])
    axes.set_xlabel("RMSE", fontsize=FONT_SIZE)
    axes.set_ylabel(f"{measure} (lower is better)", fontsize=FONT_SIZE)
    if regions:
        _colour_regions(axes)
    colours = _plot(axes, points)
    curves = any(mode for _, mode in colours)
    (sheet.fit_with_legend if curves else sheet.fit)(axes, *box)
    taken = _name_regions(axes) if regions else []
    _label_points(axes, points, colours, taken)
    return sheet.figure


def _set_limits(axes: Axes, points: Sequence[PlanePoint], limits: Sequence[float]) -> None:
    """All points, their bars, and all limits of regions, with some air; more above, for the names
    of these."""
    xs = [x for p in points for x in (p.rmse, *(p.rmse_interval or ()))] + [*limits]
    ys = [y for p in points for y in (p.perceptual, *(p.perceptual_interval or ()))]
    x_air, y_air = 0.08 * (max(xs) - min(xs)) or 0.5, 0.15 * (max(ys) - min(ys)) or 0.5
    axes.set_xlim(min(xs) - x_air, max(xs) + x_air)
    axes.set_ylim(min(ys) - y_air, max(ys) + 1.8 * y_air)


def _colour_regions(axes: Axes) -> None:
    left = axes.get_xlim()[0]
    for (_, right), colour in zip(REGIONS, REGION_COLOURS, strict=True):
        axes.axvspan(left, right, facecolor=colour, zorder=0)
        axes.axvline(right, color="0.6", linewidth=0.5, linestyle="--", zorder=1)
        left = right


def _plot(axes: Axes, points: Sequence[PlanePoint]) -> dict[tuple[str, str | None], str]:
    """Curves, marks and error bars; returns the colour of each label and mode."""
    groups: dict[tuple[str, str | None], list[PlanePoint]] = defaultdict(list)
    for point in sorted(points, key=lambda p: p.mode is None):  # curves get the first colours
        groups[point.label, point.mode].append(point)
    several = len({label for label, mode in groups if mode}) > 1
    colours = {}
    for number, ((label, mode), members) in enumerate(groups.items()):
        colour = colours[label, mode] = COLOURS[number % len(COLOURS)]
        members = sorted(members, key=lambda p: p.alpha or 0)
        axes.plot(
            [p.rmse for p in members],
            [p.perceptual for p in members],
            color=colour,
            marker=MARKERS[number % len(MARKERS)],
            markersize=5 if members[0].emphasised else 3,
            linewidth=1 if mode else 0,
            label=_curve_name(label, mode, several) if mode else None,
        )
        for point in members:
            _draw_bars(axes, point, colour)
    return colours


def _draw_bars(axes: Axes, point: PlanePoint, colour: str) -> None:
    x, y = point.rmse, point.perceptual
    xs, ys = point.rmse_interval, point.perceptual_interval
    if xs:
        axes.plot(xs, (y, y), color=colour, linewidth=0.6, zorder=1.5)
    if ys:
        axes.plot((x, x), ys, color=colour, linewidth=0.6, zorder=1.5)


def _curve_name(label: str, mode: str, several: bool) -> str:
    name = MODES[mode]
    return f"{label}: {name}" if several else name


def _name_regions(axes: Axes) -> list[Bbox]:
    """Write each region's name at its top, upright where it is too narrow; returns the room."""
    left, taken = axes.get_xlim()[0], []
    for name, right in REGIONS:
        text = axes.annotate(
            name,
            ((left + right) / 2, 1),
            xytext=(0, -3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=FONT_SIZE - 1,
            color="0.35",
            ha="center",
            va="top",
        )
        room = axes.transData.transform([(left, 0), (right, 0)])[:, 0]
        if text.get_window_extent().width > 0.95 * (room[1] - room[0]):
            text.set_rotation(90)
        taken.append(text.get_window_extent())
        left = right
    return taken


def _label_points(
    axes: Axes,
    points: Sequence[PlanePoint],
    colours: dict[tuple[str, str | None], str],
    taken: list[Bbox],
) -> None:
    """Write the name or α beside each point; where another method's name tells as much, and between
    the ends of a curve, only if there is room."""
    marks = axes.transData.transform([(p.rmse, p.perceptual) for p in points])
    taken += [Bbox.from_bounds(x - 8, y - 8, 16, 16) for x, y in marks]
    for line in axes.get_lines():
        if line.get_linewidth() and line.get_linestyle() != "--":
            taken += _along(axes.transData.transform(line.get_xydata()))
    named = {tuple(mark.round()) for p, mark in zip(points, marks, strict=True) if p.alpha is None}
    written = set()
    for point, mark in sorted(
        zip(points, marks, strict=True), key=lambda pair: pair[0].alpha not in (None, 0, 1)
    ):
        inner = point.alpha not in (None, 0, 1)
        dispensable = inner or (point.alpha is not None and tuple(mark.round()) in named)
        string = point.label if point.alpha is None else f"{point.alpha:g}"
        if point.alpha in (0, 1):
            string = f"α = {string}"
        if (string, *mark.round()) in written:  # the two curves share their ends
            continue
        written.add((string, *mark.round()))
        text = axes.annotate(
            string,
            (point.rmse, point.perceptual),
            textcoords="offset points",
            xytext=(0, 0),
            fontsize=FONT_SIZE - 0.5 if point.alpha is None else SMALLEST_FONT,
            color="black" if point.alpha is None else colours[point.label, point.mode],
            fontweight="bold" if point.emphasised else "normal",
            parse_math=False,
        )
        shrink(text, axes.get_window_extent().width / 2)
        distances = NEAR if dispensable else DISTANCES
        covered = _place(text, axes.get_window_extent(), mark, marks, taken, distances)
        if dispensable and covered:
            text.remove()
        else:
            taken.append(text.get_window_extent())


def _place(
    text: Annotation,
    frame: Bbox,
    mark: np.ndarray,
    marks: np.ndarray,
    taken: list[Bbox],
    distances: Sequence[float],
) -> int:
    """Move a label to where it covers the least, and say how much that is."""

    def move(dx: int, dy: int, distance: float) -> Bbox:
        text.set_position((dx * distance, dy * distance))
        text.set_horizontalalignment("left" if dx > 0 else "right" if dx else "center")
        text.set_verticalalignment("bottom" if dy > 0 else "top" if dy else "center")
        return text.get_window_extent()

    def cost(candidate: tuple[int, int, float]) -> int:
        box = move(*candidate)
        centre = np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
        to_own = np.hypot(*(centre - mark))
        ambiguous = bool((np.hypot(*(marks - centre).T) < to_own - 1).any())
        outside = box.x0 < frame.x0 or box.x1 > frame.x1 or box.y0 < frame.y0 or box.y1 > frame.y1
        return box.count_overlaps(taken) + ambiguous + 100 * outside

    candidates = [(dx, dy, far) for far in distances for dx, dy in DIRECTIONS]
    return cost(min(candidates, key=cost))


def _along(corners: np.ndarray) -> list[Bbox]:
    """Small boxes all along a line through N×2 positions in pixels."""
    steps = np.linspace(0, 1, 16)[:, None]
    places = [a + steps * (b - a) for a, b in pairwise(corners)]
    return [Bbox.from_bounds(x - 2, y - 2, 4, 4) for x, y in np.concatenate([corners[:1], *places])]
