"""Fig. 6: features of the perceptual network before and after activation, and how many stay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure

from esrgan.errors import UserError
from esrgan.figures.sheet import (
    COLOURS,
    FONT_SIZE,
    GAP,
    LINE,
    PAGE_WIDTH,
    RED,
    SMALLEST_FONT,
    Sheet,
    pixels,
)
from esrgan.networks import VGGFeatures
from esrgan.networks.vgg import layer_names
from esrgan.pictures.images import to_rgb, to_tensor

# Two upright lines of text between the picture and its maps.
LABELS = round(2.5 * LINE)
# Pixels that a bar needs for a number of three digits above it.
NARROW = 85


@dataclass(frozen=True)
class FeatureMaps:
    """Some channels of a layer: C×h×w each, float32.

    Attributes:
        layer: the convolution, "conv5_4".
        before: its output.
        after: the same after the ReLU.
    """

    layer: str
    before: np.ndarray
    after: np.ndarray


@torch.inference_mode()
def active_share(
    features: VGGFeatures, image: np.ndarray, layers: Sequence[str] | None = None
) -> dict[str, float]:
    """The share of a layer's neurons that are above 0, by layer (Sec. 3.3).

    The paper's is 0.1117 for baboon after VGG19-54, our conv5_4.

    Args:
        features: on the CPU.
        image: H×W[×C], `uint8` or `uint16`.
        layers: names of convolutions, "conv1_1" …; all of the network's without them.

    Returns:
        Shares in [0, 1].

    Raises:
        UserError: a name is not a convolution, or the picture is too small for it.
    """
    layers = layer_names(features.depth) if layers is None else layers
    _check_layers(features, layers)
    found = features(to_tensor(to_rgb(image)), layers)
    return {layer: float((found[layer] > 0).float().mean()) for layer in layers}


@torch.inference_mode()
def feature_maps(
    features: VGGFeatures, image: np.ndarray, layer: str, count: int = 6
) -> FeatureMaps:
    """Representative channels of a layer; other arguments and errors as `active_share`.

    Args:
        count: how many: those at even distances in the order of how active they are.

    Raises:
        UserError: the layer has not so many.
    """
    _check_layers(features, [layer])
    before = features(to_tensor(to_rgb(image)), [layer])[layer][0]  # C×h×w
    if not 1 <= count <= len(before):
        raise UserError(f"{layer} has {len(before)} channels; {count} of them can't be shown.")
    order = (before > 0).float().mean(dim=(1, 2)).argsort()
    places = torch.linspace(0, len(order) - 1, 2 * count + 1).round().long()[1::2]
    chosen = before[order[places]]
    return FeatureMaps(layer, chosen.numpy(), chosen.relu().numpy())


def _check_layers(features: VGGFeatures, layers: Sequence[str]) -> None:
    there = layer_names(features.depth)
    wrong = [layer for layer in layers if layer not in there]
    if wrong:
        raise UserError(
            f"{wrong[0]} is not a convolution of {features.title} ({there[0]} … {there[-1]})."
        )


def draw_features(
    title: str,
    image: np.ndarray,
    maps: Sequence[FeatureMaps],
    shares: Mapping[str, float],
    width: float = PAGE_WIDTH,
    network: str = "VGG19",
) -> Figure:
    """The picture and its feature maps, two rows a layer, above the share of active neurons.

    Args:
        title: of the picture.
        image: H×W[×C].
        maps: a layer each, with as many channels.
        shares: of active neurons by layer, as `active_share` gives them.
        network: the perceptual network's name.
        width: of the figure in inches.

    Raises:
        UserError: there are no maps or no shares.
    """
    if not maps or not shares:
        raise UserError("The figure of features needs a layer or more.")
    channels = len(maps[0].before)
    rows = 2 * len(maps)
    whole = pixels(width)
    aspect = image.shape[0] / image.shape[1]
    # The picture is as large as two maps by two.
    side = (whole - LABELS - (channels + 1) * GAP) // (channels + 2)
    cell = (side, round(side * aspect))
    picture = (2 * side, 2 * cell[1])
    top_height = rows * (cell[1] + GAP)
    sheet = Sheet(width, top_height + round(min(0.4 * whole, 600)))
    top = max(0, (top_height - picture[1] - LINE) // 2)
    sheet.picture(image, 0, top, picture)
    sheet.text(title, picture[0] / 2, top + picture[1] + 0.6 * LINE, picture[0])
    left = picture[0] + LABELS
    for number, layer in enumerate(maps):
        y = 2 * number * (cell[1] + GAP)
        middle = y + cell[1] + GAP / 2
        sheet.text(layer.layer, left - 1.7 * LINE, middle, 2 * cell[1], upright=True)
        for row, (name, planes) in enumerate((("before", layer.before), ("after", layer.after))):
            row_y = y + row * (cell[1] + GAP)
            sheet.text(name, left - 0.6 * LINE, row_y + cell[1] / 2, cell[1], upright=True)
            for column, plane in enumerate(planes):
                sheet.picture(_grey(plane), left + column * (side + GAP), row_y, cell)
    marked = {layer.layer for layer in maps}
    _plot_shares(sheet, shares, marked, top_height, network)
    return sheet.figure


def _grey(plane: np.ndarray) -> np.ndarray:
    """H×W of any range as `uint8`: its smallest value black, its largest white."""
    low, high = float(plane.min()), float(plane.max())
    return np.rint((plane - low) * (255 / ((high - low) or 1))).astype(np.uint8)


def _plot_shares(
    sheet: Sheet, shares: Mapping[str, float], marked: set[str], top: int, network: str
) -> None:
    box = (GAP, top + GAP, sheet.width - 2 * GAP, sheet.height - top - 2 * GAP)
    axes = sheet.axes(*box)
    percent = [100 * share for share in shares.values()]
    colours = [RED if layer in marked else COLOURS[0] for layer in shares]
    bars = axes.bar(range(len(shares)), percent, color=colours, width=0.7)
    narrow = sheet.width < NARROW * len(percent)
    upright = 90 if narrow else 0
    axes.bar_label(bars, fmt="%.1f", fontsize=SMALLEST_FONT, padding=1, rotation=upright)
    names = [layer.removeprefix("conv") for layer in shares]
    axes.set_xticks(range(len(shares)), names)
    axes.set_xlim(-0.6, len(shares) - 0.4)
    axes.set_ylim(0, (1.3 if narrow else 1.15) * max(*percent, 1))
    axes.set_xlabel(f"convolution of {network}", fontsize=FONT_SIZE)
    axes.set_ylabel("active neurons (%)", fontsize=FONT_SIZE)
    sheet.fit(axes, *box)
