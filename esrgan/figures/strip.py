"""Fig. 10: network interpolation above image interpolation, from α = 0 to 1."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from esrgan.errors import UserError
from esrgan.figures.sheet import GAP, LINE, PAGE_WIDTH, Sheet, filling, pixels, shown_size


def strip_side(width: float, count: int) -> int:
    """The side of a square crop, about 64 pixels, that so many of fill a strip of this width.

    Raises:
        UserError: as `pixels`.
    """
    return filling(_room(width, count))


def _room(width: float, count: int) -> int:
    return (pixels(width) - LINE - GAP) // count - GAP


def draw_strip(
    alphas: Sequence[float],
    network: Sequence[np.ndarray],
    image: Sequence[np.ndarray],
    width: float = PAGE_WIDTH,
) -> Figure:
    """One crop at each α: two rows of pictures, α above them.

    Args:
        alphas: as many as columns.
        network: the crop by network interpolation (Eq. 4) at each α, all of one size.
        image: by image interpolation.
        width: of the figure in inches.

    Raises:
        UserError: there are none, or not as many crops as α.
    """
    if not alphas or not len(alphas) == len(network) == len(image):
        raise UserError(
            "A strip needs one crop of each kind for each alpha, and one alpha or more."
        )
    height, wide = network[0].shape[:2]
    cell = shown_size(wide, height, _room(width, len(alphas)))
    left = (pixels(width) - LINE - len(alphas) * (cell[0] + GAP)) // 2
    sheet = Sheet(width, 2 * LINE + 2 * (cell[1] + GAP))
    for row, (title, crops) in enumerate((("network", network), ("image", image))):
        y = 2 * LINE + row * (cell[1] + GAP)
        sheet.text(title, left + LINE / 2, y + cell[1] / 2, cell[1], upright=True)
        for column, crop in enumerate(crops):
            sheet.picture(crop, left + LINE + column * (cell[0] + GAP), y, cell)
    for column, alpha in enumerate(alphas):
        middle = left + LINE + column * (cell[0] + GAP) + cell[0] / 2
        end = {0.0: "PSNR", 1.0: "GAN"}.get(alpha, "")
        sheet.text(end, middle, LINE / 2, cell[0])
        sheet.text(f"α = {alpha:g}", middle, 1.5 * LINE, cell[0])
    return sheet.figure
