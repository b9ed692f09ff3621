"""Fig. 9: the brightness of results before and after activation, and crops of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy.special import stdtrit

from esrgan.errors import UserError
from esrgan.figures.sheet import (
    COLOURS,
    COLUMN_WIDTH,
    FONT_SIZE,
    GAP,
    LINE,
    Sheet,
    pixels,
    shown_size,
)

# Of the curves: told apart in a grey print too.
STYLES = ("-", "--", ":", "-.")


def draw_brightness(
    curves: Mapping[str, np.ndarray],
    crops: Mapping[str, np.ndarray],
    width: float = COLUMN_WIDTH,
) -> Figure:
    """The histograms in one plot (a), and a crop of each picture beneath (b).

    Args:
        curves: shares of the pixels in equal ranges of brightness 0 … 255, as `histogram` makes
            them, by the name in the legend.
        crops: of one size, by what is written below them; may be empty.
        width: of the figure in inches.

    Raises:
        UserError: there is no curve.
    """
    if not curves:
        raise UserError("The brightness figure needs at least one curve.")
    whole = pixels(width)
    cell, row = (0, 0), 0
    if crops:
        height, wide = next(iter(crops.values())).shape[:2]
        cell = shown_size(wide, height, whole // len(crops) - GAP)
        row = cell[1] + GAP + LINE
    plot_height = round(min(0.62 * whole, 900))
    sheet = Sheet(width, plot_height + row + GAP)
    _plot(sheet, curves, plot_height)
    left = (whole - len(crops) * (cell[0] + GAP) + GAP) // 2
    for number, (name, crop) in enumerate(crops.items()):
        x = left + number * (cell[0] + GAP)
        sheet.picture(crop, x, plot_height + GAP, cell)
        y = plot_height + GAP + cell[1] + 0.6 * LINE
        sheet.text(name, x + cell[0] / 2, y, cell[0])
    return sheet.figure


def _plot(sheet: Sheet, curves: Mapping[str, np.ndarray], height: int) -> None:
    box = (GAP, GAP, sheet.width - 2 * GAP, height - 2 * GAP)
    axes = sheet.axes(*box)
    for number, (name, shares) in enumerate(curves.items()):
        edges = np.linspace(0, 255, len(shares) + 1)
        colour = COLOURS[number % len(COLOURS)]
        style = STYLES[number % len(STYLES)]
        axes.stairs(100 * shares, edges, color=colour, linewidth=1, linestyle=style, label=name)
    axes.set_xlim(0, 255)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("brightness after Gaussian filtering", fontsize=FONT_SIZE)
    axes.set_ylabel("pixels (%)", fontsize=FONT_SIZE)
    sheet.fit_with_legend(axes, *box)


def draw_brightness_shift(
    shifts: Mapping[str, Sequence[np.ndarray]], width: float = COLUMN_WIDTH
) -> Figure:
    """How much of a data set's results is darker than each brightness, compared with HR: the mean
    over pictures with its 95 % interval. Darker results lie above 0.

    Args:
        shifts: by the names in the legend, a curve a picture: `darker_share` of SR less that of HR.
        width: of the figure in inches.

    Raises:
        UserError: there is no curve.
    """
    if not shifts or not all(shifts.values()):
        raise UserError("The figure of brightness needs pictures and methods.")
    height = round(min(0.62 * pixels(width), 900))
    sheet = Sheet(width, height)
    box = (GAP, GAP, sheet.width - 2 * GAP, height - 2 * GAP)
    axes = sheet.axes(*box)
    axes.axhline(0, color="0.4", linewidth=0.5)
    ends: list[np.ndarray] = []
    for number, (name, curves) in enumerate(shifts.items()):
        levels = np.arange(1, 256)
        mean, reach = _with_interval(100 * np.stack(curves))
        colour = COLOURS[number % len(COLOURS)]
        axes.fill_between(levels, mean - reach, mean + reach, color=colour, alpha=0.2, linewidth=0)
        style = STYLES[number % len(STYLES)]
        axes.plot(levels, mean, color=colour, linewidth=1.2, linestyle=style, label=name)
        ends += [mean, *np.percentile([mean - reach, mean + reach], (2, 98), axis=1)]
    low, high = min(map(np.min, ends)), max(map(np.max, ends))
    air = 0.08 * (high - low) or 1
    axes.set(xlim=(0, 255), ylim=(low - air, high + air))  # white alone has wide intervals
    axes.set_xlabel("brightness after Gaussian filtering", fontsize=FONT_SIZE)
    axes.set_ylabel("pixels darker than this, less HR's (%)", fontsize=FONT_SIZE)
    sheet.fit_with_legend(axes, *box)
    return sheet.figure


def _with_interval(curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of N×255 over N, and how far its 95 % interval reaches (Student's t); 0 of one."""
    count = len(curves)
    if count < 2:
        return curves.mean(axis=0), np.zeros(curves.shape[1])
    reach = stdtrit(count - 1, 0.975) * curves.std(axis=0, ddof=1) / count**0.5
    return curves.mean(axis=0), reach
