"""Fig. 7: a crop of each method's result with its numbers, beside the picture it is from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from math import ceil

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from esrgan.errors import UserError
from esrgan.figures.sheet import (
    COLOURS,
    DPI,
    GAP,
    LINE,
    PAGE_WIDTH,
    RED,
    Crop,
    Sheet,
    level,
    pixels,
    shown_size,
)

# The picture gets this share of the width at least, if it is wide enough to fill it.
PICTURE_SHARE = 0.3
# A block is this share of the width high at most, if it can be.
HEIGHT_SHARE = 0.5
# Crops beside their picture may be made smaller by this, so that a block is not too high.
SHRUNK = 0.75
# The marks of several crops in one picture, which frame them too: red and Okabe and Ito's.
MARKS = (RED, COLOURS[0], COLOURS[4])
# Pixels: the height of two lines below a crop, and the width that they need, by the letter.
CAPTION, CAPTION_WIDTH, LETTER = 2 * LINE + GAP, 200, 13


@dataclass(frozen=True)
class MethodResult:
    """A method's picture, of the HR's size, its name and its numbers as they are to be written."""

    name: str
    picture: np.ndarray
    numbers: str = ""


@dataclass(frozen=True)
class CropExample:
    """A block of the figure: one crop of a picture, or several, one below the other.

    Attributes:
        title: of the picture.
        hr: what is shown whole, with the crops marked: without an HR, what stands for it.
        crops: in HR pixels, of one width.
        results: from left to right, row by row; HR as the last one if it is to be shown.
        measures: what the numbers are, "(PSNR / SSIM / NIQE)".
        whole: whether the whole picture stands beside its crops.
    """

    title: str
    hr: np.ndarray
    crops: Sequence[Crop]
    results: Sequence[MethodResult]
    measures: str = ""
    whole: bool = True

    @property
    def size(self) -> tuple[int, int]:
        """The width and height of the crops together, in HR pixels."""
        return self.crops[0].width, sum(crop.height for crop in self.crops)

    @property
    def below(self) -> int:
        """Pixels of the text below the crops and of the gaps between them."""
        return CAPTION + (len(self.crops) - 1) * GAP

    @property
    def caption_width(self) -> int:
        """Width for the text below a crop."""
        return max(CAPTION_WIDTH, LETTER * max(len(result.numbers) for result in self.results))


@dataclass(frozen=True)
class _Block:
    """Layout of an example: places of its parts, in pixels."""

    columns: int
    rows: int
    cell: tuple[int, int]  # of the crops together
    aspect: float  # of the whole picture, width over height
    room: int  # in which the block must fit
    share: float  # of it for the whole picture at least; 0 without it
    caption_width: int
    below: int  # of the example
    in_grid: bool = False  # the whole picture is in the first place of the crops

    @property
    def pitch(self) -> int:
        """From one column to the next: a crop may be narrower than what is written below it."""
        return max(self.cell[0], self.caption_width) + GAP

    @property
    def heading(self) -> int:
        """The height of a line above, in which stands what else is below the whole picture."""
        return 0 if self.share else LINE + GAP

    @property
    def height(self) -> int:
        return self.heading + self.rows * (self.cell[1] + self.below)

    @property
    def picture(self) -> tuple[int, int]:
        """As high as the crops, if there is room for that."""
        if not self.share:
            return 0, 0
        high = self.height - CAPTION
        wide = round(min(high * self.aspect, self.room - self.columns * self.pitch))
        return wide, min(high, round(wide / self.aspect))

    @property
    def width(self) -> int:
        return self.picture[0] + self.columns * self.pitch

    @property
    def fits(self) -> bool:
        """Whether the picture is as large as it should be at least."""
        wanted = min((self.height - CAPTION) * self.aspect, self.share * self.room)
        return self.columns * self.pitch + wanted <= self.room


def draw_crops(examples: Sequence[CropExample], width: float = PAGE_WIDTH) -> Figure:
    """A block an example: the whole picture with the crops marked, then those of each method.

    Raises:
        UserError: there is none, a crop is not inside its picture, or a result's size differs
            from the HR's.
    """
    if not examples or not all(example.results for example in examples):
        raise UserError("The figure of crops needs a picture and the result of a method.")
    for example in examples:
        _check(example)
    blocks = [_block(example, pixels(width)) for example in examples]
    sheet = Sheet(width, sum(block.height + 2 * GAP for block in blocks) - 2 * GAP)
    top = 0
    below: list[list[Text]] = []
    for example, block in zip(examples, blocks, strict=True):
        below += _draw(sheet, example, block, top)
        top += block.height + 2 * GAP
    for line in zip(*below, strict=True):
        level(line)
    return sheet.figure


def pages_of_crops(
    examples: Sequence[CropExample], width: float, height: float
) -> list[list[CropExample]]:
    """The blocks of as many figures as it takes for none to be higher than this.

    Args:
        width, height: in inches; a block that is higher has a figure of its own.
    """
    pages: list[list[CropExample]] = []
    left = 0.0
    for example in examples:
        high = _block(example, pixels(width)).height + 2 * GAP
        if high > left:
            pages.append([])
            left = height * DPI + 2 * GAP  # no gap beneath the last one
        pages[-1].append(example)
        left -= high
    return pages


def _check(example: CropExample) -> None:
    for result in example.results:
        if result.picture.shape[:2] != example.hr.shape[:2]:
            sizes = [f"{p.shape[1]}×{p.shape[0]}" for p in (result.picture, example.hr)]
            raise UserError(f"{result.name} of {example.title} is {sizes[0]}, its HR {sizes[1]}.")


def _block(example: CropExample, width: int) -> _Block:
    """The arrangement with the largest crops, weighed against the places that it leaves empty, in
    the fewest rows, that is not too high; the lowest, if all are."""
    share = PICTURE_SHARE if example.whole else 0
    most = max(1, round(width * (1 - share)) // (example.caption_width + GAP))
    counts = range(1, min(len(example.results), most) + 1)
    blocks = [_arranged(example, width, columns, share) for columns in counts]
    low = [block for block in blocks if block.height <= HEIGHT_SHARE * width]
    if example.whole and len(example.crops) > 1:  # two rows of them leave more empty
        low = [block for block in low if block.rows == 1]
    count = len(example.results)

    def worth(block: _Block) -> tuple[float, int, int]:
        return block.cell[0] * count / (block.rows * block.columns), -block.rows, -block.columns

    if low or not example.whole:
        return max(low, key=worth) if low else blocks[-1]
    return _grid(example, width)


def _grid(example: CropExample, width: int) -> _Block:
    """In a narrow figure: the whole picture in the first of equal places."""
    count, most = len(example.results) + 1, max(1, width // (example.caption_width + GAP))
    rows = ceil(count / min(count, most))
    columns = ceil(count / rows)
    cell = shown_size(*example.size, width // columns - GAP)
    caption = example.caption_width, example.below
    return _Block(columns, rows, cell, 1, width, 0, *caption, in_grid=True)


def _arranged(example: CropExample, width: int, columns: int, share: float) -> _Block:
    """So many columns, and the crops as large as leaves room for the picture."""
    (wide, high), aspect = example.size, example.hr.shape[1] / example.hr.shape[0]
    room = round(width * (1 - share)) // columns - GAP
    cell = shown_size(wide, high, room)
    rows = ceil(len(example.results) / columns)
    caption = example.caption_width, example.below
    block = _Block(columns, rows, cell, aspect, width, share, *caption)
    while block.fits:
        cell = block.cell
        block = replace(block, cell=(cell[0] + wide, cell[1] + high))
    largest = block = replace(block, cell=cell)
    least = SHRUNK * cell[0] if example.whole else cell[0]
    while block.height > HEIGHT_SHARE * width and block.cell[0] > least + wide:
        block = replace(block, cell=(block.cell[0] - wide, block.cell[1] - high))
    return block if block.height <= HEIGHT_SHARE * width else largest


def _draw(sheet: Sheet, example: CropExample, block: _Block, top: int) -> list[list[Text]]:
    """Returns what is written below each crop, line by line."""
    cell, (wide, high) = block.cell, block.picture
    left = (sheet.width - block.width) // 2
    first = 0
    if block.in_grid:
        first, room = 1, block.pitch - GAP
        size = _inside(example.hr.shape, (room, cell[1]))
        y = top + block.heading + (cell[1] - size[1]) // 2
        corner = left + GAP + (room - size[0]) // 2, y
        _whole(sheet, example, corner, size)
    elif example.whole:
        y = top + (block.height - CAPTION - high) // 2
        _whole(sheet, example, (left, y), block.picture)
        _write_below(sheet, (example.title, example.measures), left + wide / 2, y + high, wide)
    if block.heading:
        heading = f"{example.title} {example.measures}".strip()
        sheet.text(heading, sheet.width / 2, top + LINE / 2, sheet.width)
    below = []
    for number, result in enumerate(example.results, start=first):
        row, column = divmod(number, block.columns)
        x = left + wide + GAP + column * block.pitch
        y = top + block.heading + row * (cell[1] + block.below)
        room = block.pitch - GAP
        bottom = _crops(sheet, example, result, (x + (room - cell[0]) // 2, y), cell[0])
        lines = result.name, result.numbers
        below.append(_write_below(sheet, lines, x + room / 2, bottom, room))
    return below


def _crops(
    sheet: Sheet, example: CropExample, result: MethodResult, corner: tuple[int, int], width: int
) -> int:
    """Those of a result, one below the other, framed as they are marked; returns where they end."""
    x, y = corner
    for crop, colour in zip(example.crops, cycle(MARKS), strict=False):
        size = width, round(crop.height * width / crop.width)
        edge = colour if len(example.crops) > 1 else None
        sheet.picture(crop.cut(result.picture), x, y, size, edge)
        y += size[1] + GAP
    return y - GAP


def _inside(shape: Sequence[int], room: tuple[int, int]) -> tuple[int, int]:
    """The width and height of an H×W[×C] picture made to fit in this room."""
    factor = min(room[0] / shape[1], room[1] / shape[0])
    return round(shape[1] * factor), round(shape[0] * factor)


def _whole(
    sheet: Sheet, example: CropExample, corner: tuple[int, int], size: tuple[int, int]
) -> None:
    """The whole picture with the crops marked."""
    axes = sheet.picture(example.hr, *corner, size)
    for crop, colour in zip(example.crops, cycle(MARKS), strict=False):
        marked = (crop.x, crop.y), crop.width, crop.height
        axes.add_patch(Rectangle(*marked, fill=False, edgecolor=colour, linewidth=1))


def _write_below(
    sheet: Sheet, lines: Sequence[str], middle: float, bottom: float, room: float
) -> list[Text]:
    return [
        sheet.text(line, middle, bottom + (number + 0.7) * LINE, room)
        for number, line in enumerate(lines)
    ]
