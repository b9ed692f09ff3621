"""Fig. 8: what each change from SRGAN to ESRGAN does, a column a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from esrgan.errors import UserError
from esrgan.figures.sheet import GAP, LINE, PAGE_WIDTH, RED, Sheet, filling, pixels, shown_size

# Room at the left, for the names of the settings and of the pictures.
NAMES = 170


@dataclass(frozen=True)
class AblationColumn:
    """A model of the comparison.

    Attributes:
        title: above its column.
        settings: what it is made of, e.g. {"BN?": "no", "GAN": "RaGAN"}; the same names in all.
        crops: its results, one a row, each row of one size in all columns.
    """

    title: str
    settings: Mapping[str, str]
    crops: Sequence[np.ndarray]


def ablation_side(width: float, models: int) -> int:
    """The side of a square crop, about 64 pixels, that fills the columns of so many models and HR.

    Raises:
        UserError: as `pixels`.
    """
    return filling(_room(width, models + 1))


def _room(width: float, columns: int) -> int:
    return (pixels(width) - NAMES) // columns - GAP


def draw_ablation(
    columns: Sequence[AblationColumn],
    pictures: Sequence[str],
    references: Sequence[np.ndarray] = (),
    width: float = PAGE_WIDTH,
) -> Figure:
    """Rows of crops under a table of settings, what changed from the left neighbour in red.

    Args:
        columns: from left to right.
        pictures: the names of the rows.
        references: the crops of HR, shown as the first column; may be left out.
        width: of the figure in inches.

    Raises:
        UserError: there is no column, or one has not as many crops as there are rows.
    """
    shown = [AblationColumn("HR", {}, references)] if references else []
    shown += columns
    if not columns or not all(len(c.crops) == len(pictures) > 0 for c in shown):
        raise UserError("The ablation figure needs a model or more, each with a crop a picture.")
    settings = list(columns[0].settings)
    header = (len(settings) + 1) * LINE + GAP
    room = _room(width, len(shown))
    cells = [shown_size(c.shape[1], c.shape[0], room) for c in columns[0].crops]
    sheet = Sheet(width, header + sum(high + GAP for _, high in cells))
    for row, name in enumerate(settings):
        sheet.text(name, GAP, (row + 1.5) * LINE, NAMES - 2 * GAP, align="left")
    y = header
    for (_, high), name in zip(cells, pictures, strict=True):
        sheet.text(name, GAP, y + high / 2, NAMES - 2 * GAP, align="left")
        y += high + GAP
    before: Mapping[str, str] = {}
    for number, column in enumerate(shown):
        x = NAMES + number * (room + GAP)
        _draw_settings(sheet, column, before, x + room / 2, room)
        before = column.settings
        y = header
        for crop, cell in zip(column.crops, cells, strict=True):
            sheet.picture(crop, x + (room - cell[0]) // 2, y, cell)
            y += cell[1] + GAP
    return sheet.figure


def _draw_settings(
    sheet: Sheet, column: AblationColumn, before: Mapping[str, str], middle: float, room: int
) -> None:
    sheet.text(column.title, middle, LINE / 2, room)
    for row, (name, value) in enumerate(column.settings.items()):
        changed = name in before and before[name] != value
        y = (row + 1.5) * LINE
        sheet.text(value, middle, y, room, colour=RED if changed else "black", bold=changed)
