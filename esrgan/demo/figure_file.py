"""Figures as files: the format and width of a paper, a PNG for the page, and LaTeX.

matplotlib is imported when the first one is drawn.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from esrgan.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "pdf", "svg")
WIDTHS = {"Column": 3.4, "Page": 7.0}  # of a paper, in inches


@dataclass(frozen=True)
class FigureFile:
    """Drawn figure as files.

    Attributes:
        file: as it was asked for.
        shown: the same for the page.
        latex: what includes it.
        place: the HR picture in which its crops are marked, if it shows crops.
    """

    file: Path
    shown: Path
    latex: str
    place: Path | None


def check_form(suffix: str, width: float) -> None:
    """Raises UserError unless it is one of FORMATS and one of WIDTHS."""
    if suffix not in FORMATS or width not in WIDTHS.values():
        raise UserError("Choose a format and a width of the figure.")


def saved(
    figure: "Figure",
    caption: str,
    folder: Path,
    name: str,
    suffix: str,
    width: float,
    place: Path | None = None,
) -> FigureFile:
    """Write a figure, and as PNG too, to be shown."""
    from esrgan.figures import latex_figure, save_figure

    file, shown = folder / f"{name}.{suffix}", folder / f"{name}.png"
    for path in {file, shown}:
        save_figure(figure, path)
    return FigureFile(file, shown, latex_figure(Path(file.name), width, caption), place)
