"""Fig. 9: the brightness of results before and after activation, and crops of them."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

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
        axes.stairs(100 * shares, edges, color=colour, linewidth=1, label=name)
    axes.set_xlim(0, 255)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("brightness after Gaussian filtering", fontsize=FONT_SIZE)
    axes.set_ylabel("pixels (%)", fontsize=FONT_SIZE)
    sheet.fit_with_legend(axes, *box)
