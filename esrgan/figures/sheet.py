"""The sheet that figures are laid out on: whole pixels of 300 dpi, so that crops stay exact.

Everything is placed by its distance from the top left corner; texts are measured, and shrunk or
shortened to their room, so that nothing is clipped. matplotlib's global state is not used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from scipy.ndimage import uniform_filter

from esrgan.errors import UserError
from esrgan.latex import escaped
from esrgan.pictures.files import atomic_path
from esrgan.pictures.images import rgb_to_y, to_rgb, to_uint8

DPI = 300
# A paper's column and its page, in inches, and what is sensible at all.
COLUMN_WIDTH, PAGE_WIDTH = 3.4, 7.0
NARROWEST, WIDEST = 1.5, 40.0
# The height of a page's text, of which a caption takes some lines.
TEXT_HEIGHT, CAPTION_HEIGHT = 8.875, 0.9
# Their text is set in Times; this is like it, and comes with matplotlib.
SERIF: dict[Any, object] = {"font.family": "STIXGeneral", "mathtext.fontset": "stix"}
# Points; below the smallest, texts are shortened instead.
FONT_SIZE, SMALLEST_FONT = 7.0, 6.0
# Pixels: between pictures, and of a line of text.
GAP, LINE = 10, 36
# The colour-blind-safe palette of Okabe and Ito; the paper's red sign.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
RED = "#d00000"
FORMATS = (".png", ".pdf", ".svg")
# Text stays text: TrueType in PDF, <text> in SVG. The same data give the same bytes.
WRITING: dict[Any, object] = {"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "esrgan"}
Rectangle = tuple[float, float, float, float]
_writing = Lock()  # matplotlib's settings are global while a figure is written


@dataclass(frozen=True)
class Template:
    """What a paper has room for, in inches: its column, its page, and the height of its text."""

    column: float
    page: float
    height: float


# Those of the last two have one column.
TEMPLATES = {
    "cvpr": Template(3.28, 6.875, TEXT_HEIGHT),
    "ieee": Template(3.5, 7.16, 9.3),
    "neurips": Template(5.5, 5.5, 9.0),
    "springer": Template(4.8, 4.8, 7.6),
}


@dataclass(frozen=True)
class Crop:
    """A rectangle of HR pixels, from its left upper corner."""

    x: int
    y: int
    width: int
    height: int

    def cut(self, picture: np.ndarray) -> np.ndarray:
        """The crop of an H×W[×C] picture.

        Raises:
            UserError: it is empty or reaches beyond the picture.
        """
        height, width = picture.shape[:2]
        inside = 0 <= self.x < self.x + self.width <= width
        if not (inside and 0 <= self.y < self.y + self.height <= height):
            raise UserError(
                f"The crop {self.x} {self.y} {self.width} {self.height} (x, y, width, height) is "
                f"not inside the picture of {width}×{height} pixels."
            )
        return picture[self.y : self.y + self.height, self.x : self.x + self.width]


def busiest_crop(picture: np.ndarray, size: int = 64) -> Crop:
    """The square of a picture in which Y varies most: where methods differ.

    Args:
        picture: H×W[×C], `uint8` or `uint16`.
        size: side in pixels; the picture's shorter side if that is less.
    """
    y = rgb_to_y(picture)
    size = min(size, *y.shape)
    fits = tuple(slice(size // 2, side - size + size // 2 + 1) for side in y.shape)
    variance = (uniform_filter(y * y, size) - uniform_filter(y, size) ** 2)[fits]
    top, left = np.unravel_index(int(variance.argmax()), variance.shape)
    return Crop(int(left), int(top), size, size)


class Sheet:
    """A figure whose parts are placed in pixels from the top left corner.

    Args:
        width: in inches.
        height: in pixels of 300 dpi.

    Raises:
        UserError: the width is none for a figure.
    """

    def __init__(self, width: float, height: int) -> None:
        self.width, self.height = pixels(width), height
        self.figure = Figure(figsize=(self.width / DPI, height / DPI), dpi=DPI, facecolor="white")
        FigureCanvasAgg(self.figure)

    def axes(self, x: int, y: int, width: int, height: int) -> Axes:
        """Axes whose frame is this rectangle."""
        axes = self.figure.add_axes(self._fractions(x, y, width, height))
        axes.tick_params(labelsize=FONT_SIZE - 0.5, width=0.5, length=2, pad=2)
        for spine in axes.spines.values():
            spine.set_linewidth(0.5)
        return axes

    def _fractions(self, x: float, y: float, w: float, h: float) -> Rectangle:
        return x / self.width, 1 - (y + h) / self.height, w / self.width, h / self.height

    def fit(self, axes: Axes, x: int, y: int, width: int, height: int) -> None:
        """Move the frame of drawn axes so that all their labels are inside this rectangle."""
        for _ in range(2):  # a smaller frame may have other ticks
            frame, whole = axes.get_window_extent(), axes.get_tightbbox()
            assert whole is not None  # they are visible
            left, right = frame.x0 - whole.x0, whole.x1 - frame.x1
            above, below = whole.y1 - frame.y1, frame.y0 - whole.y0
            inner = (x + left, y + above, width - left - right, height - above - below)
            axes.set_position(self._fractions(*inner))

    def fit_with_legend(self, axes: Axes, x: int, y: int, width: int, height: int) -> None:
        """`fit`, with a legend over the frame, where it covers no data."""
        self.fit(axes, x, y, width, height)
        room = axes.get_window_extent().width
        for columns in (len(axes.get_legend_handles_labels()[0]), 1):
            legend = axes.legend(
                loc="lower left",
                bbox_to_anchor=(0, 1),
                borderaxespad=0.2,
                fontsize=FONT_SIZE - 0.5,
                frameon=False,
                ncols=columns,
            )
            if legend.get_window_extent().width <= room:
                break
        else:
            handle = legend.get_window_extent().width - max(map(_length, legend.get_texts()))
            for text in legend.get_texts():
                shrink(text, room - handle)
        self.fit(axes, x, y, width, height)

    def picture(
        self, image: np.ndarray, x: int, y: int, size: tuple[int, int], edge: str | None = None
    ) -> Axes:
        """Show a picture `size` = (width, height) pixels large.

        Whole multiples repeat its pixels; any other size is resampled. The axes' coordinates are
        the picture's own pixels.
        """
        axes = self.axes(x, y, *size)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(visible=edge is not None, color=edge, linewidth=1)
        shown = resampled(to_rgb(to_uint8(image)), size)
        height, width = image.shape[:2]
        extent = (0, width, height, 0)
        axes.imshow(shown, interpolation="nearest", aspect="auto", extent=extent)
        return axes

    def text(
        self,
        string: str,
        x: float,
        y: float,
        room: float,
        *,
        align: Literal["left", "center", "right"] = "center",
        upright: bool = False,
        colour: str = "black",
        bold: bool = False,
    ) -> Text:
        """Write a line whose middle is at height `y`, in at most `room` pixels.

        Args:
            align: "left", "center" or "right" of `x`.
            upright: turned by 90°, reading upwards, its middle at (x, y).
        """
        text = self.figure.text(
            x / self.width,
            1 - y / self.height,
            string,
            fontsize=FONT_SIZE,
            color=colour,
            fontweight="bold" if bold else "normal",
            ha="center" if upright else align,
            va="center_baseline" if not upright else "center",
            rotation=90 if upright else 0,
            parse_math=False,
        )
        shrink(text, room)
        return text


def _length(text: Text) -> float:
    """Of a line of text, in pixels."""
    extent = text.get_window_extent()
    return extent.height if text.get_rotation() else extent.width


def shrink(text: Text, room: float) -> None:
    """Make a line smaller until it fits, and if that is not enough, shorten it."""
    size = FONT_SIZE
    while _length(text) > room and size > SMALLEST_FONT:
        size -= 0.5
        text.set_fontsize(size)
    while _length(text) > room and len(text.get_text()) > 1:
        text.set_text(text.get_text()[:-2] + "…")


def level(texts: Sequence[Text]) -> None:
    """Make lines that are read together as small as the smallest."""
    size = min(text.get_fontsize() for text in texts)
    for text in texts:
        text.set_fontsize(size)


def pixels(inches: float) -> int:
    """A figure's width in pixels of 300 dpi.

    Raises:
        UserError: it is too small or too large for a figure.
    """
    if not NARROWEST <= inches <= WIDEST:
        raise UserError(
            f"A figure is {NARROWEST:g} to {WIDEST:g} inches wide, not {inches:g}; "
            f"{COLUMN_WIDTH} is a paper's column and {PAGE_WIDTH:g} its page."
        )
    return round(inches * DPI)


def shown_size(width: int, height: int, room: int) -> tuple[int, int]:
    """Magnification of a crop: the largest whole multiple in `room` pixels of width, or, if it is
    wider than that, shrunk to it."""
    if width > room:
        return room, max(1, round(height * room / width))
    return width * (room // width), height * (room // width)


def filling(room: int, about: int = 64) -> int:
    """The width of a crop, about so many pixels, that fills `room` with a whole magnification."""
    return max(1, room // max(1, round(room / about)))


def resampled(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """As it is if `size` is a whole multiple of its size, else resized to it."""
    height, width = image.shape[:2]
    factor = size[0] // width
    if factor >= 1 and size == (factor * width, factor * height):
        return image
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def check_figure_path(path: Path) -> None:
    """Raises UserError if a figure can't be written under such a name."""
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"Figures are written as .png, .pdf or .svg, not {path.suffix!r}.")


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure at 300 dpi as its suffix says, atomically, with its fonts embedded.

    Raises:
        UserError: the suffix is not .png, .pdf or .svg, or the file can't be written.
    """
    check_figure_path(path)
    kind = path.suffix.lower()[1:]
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with atomic_path(path) as temporary, _writing, mpl.rc_context(WRITING):
        figure.savefig(temporary, format=kind, dpi=DPI, metadata=undated.get(kind))


def save_figures(drawn: Sequence[tuple[Figure, str]], path: Path, width: float) -> dict[Path, str]:
    """Write figures and captions as `save_figure`: crops.pdf, crops-2.pdf and so on.

    Returns:
        The LaTeX that includes each, by its file.
    """
    found = {}
    for number, (figure, caption) in enumerate(drawn, start=1):
        file = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        save_figure(figure, file)
        found[file] = latex_figure(file, width, caption)
    return found


def latex_figure(path: Path, width: float, caption: str) -> str:
    """The LaTeX that includes a figure, over both columns if it is wider than one."""
    name = "figure*" if width > COLUMN_WIDTH + 0.2 else "figure"
    return "\n".join(
        [
            f"\\begin{{{name}}}",
            "  \\centering",
            f"  \\includegraphics[width={width:g}in]{{{path.as_posix()}}}",
            f"  \\caption{{{escaped(caption)}}}",
            f"  \\label{{fig:{path.stem}}}",
            f"\\end{{{name}}}",
        ]
    )
