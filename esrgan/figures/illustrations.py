"""The paper's figures of what methods made: which pictures and numbers go where, with captions.

From what `evaluate` kept they are drawn without computing anything again.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import isinf
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from esrgan.errors import UserError
from esrgan.evaluation.histogram import brightness_histogram
from esrgan.evaluation.methods import UNKNOWN
from esrgan.evaluation.metrics import psnr, ssim
from esrgan.evaluation.niqe import UnmeasurableError, load_pristine, niqe
from esrgan.evaluation.results import Results, Score, picture_path
from esrgan.figures import (
    COLUMN_WIDTH,
    PAGE_WIDTH,
    AblationColumn,
    Crop,
    CropExample,
    MethodResult,
    PlanePoint,
    busiest_crop,
    draw_ablation,
    draw_brightness,
    draw_crops,
    draw_features,
    draw_plane,
    draw_strip,
    feature_maps,
)
from esrgan.inference.blend import MODES
from esrgan.networks import VGGFeatures
from esrgan.networks.vgg import layer_names
from esrgan.pictures.images import crop_to_multiple, load_image, to_rgb, to_uint8

BINS = 64
Drawn = tuple[Figure, str]  # with its caption


@dataclass(frozen=True)
class Row:
    """A method's result of a picture, H×W×3 `uint8`, and its numbers as far as they are known."""

    score: Score
    picture: np.ndarray

    @property
    def name(self) -> str:
        score = self.score
        return score.model if score.alpha is None else f"{score.mode} α = {score.alpha:g}"


@dataclass(frozen=True)
class Example:
    """An HR picture, H×W×3 `uint8`, and what the methods made of its LR.

    Without an HR, `hr` is what stands for it where the whole picture is shown.
    """

    name: str
    hr: np.ndarray
    rows: Sequence[Row]


def kept(
    results: Results,
    folder: Path,
    file: Path,
    names: Sequence[str] | None = None,
    modes: Sequence[str] = MODES,
    alphas: Sequence[float] = (),
) -> Example:
    """A picture's results in the folder of an evaluation.

    Args:
        results: of the evaluation.
        folder: where it keeps the SR pictures.
        file: of the HR picture; its name is enough.
        names: of the methods that are no points of a curve; None for all.
        modes, alphas: of the points of curves.

    Raises:
        UserError: a result is missing, or a picture can't be read.
    """
    file = file if file.is_file() else Path(results.hr) / file.name
    rows = [score for score in results.scores if score.picture == file.name]
    singles = {score.model: score for score in rows if score.alpha is None}
    names = list(singles) if names is None else names
    missing = [name for name in names if name not in singles]
    if missing or not rows:
        lacking = f" by {missing[0]}" if rows else ""
        raise UserError(f"The evaluation holds no result of {file.name}{lacking}.")
    chosen = [singles[name] for name in names]
    chosen += [row for row in rows if row.alpha in alphas and row.mode in modes]
    hr = crop_to_multiple(to_rgb(to_uint8(load_image(file))), results.scale)
    pictures = [to_rgb(load_image(picture_path(folder, row))) for row in chosen]
    return Example(file.stem, hr, [Row(s, p) for s, p in zip(chosen, pictures, strict=True)])


def crops_of(picture: np.ndarray, wanted: Sequence[Sequence[int]] | None) -> list[Crop]:
    """The crops x, y, width, height that are wanted, or the one that shows most."""
    return [Crop(*numbers) for numbers in wanted] if wanted else [busiest_crop(picture)]


def plane_figure(
    results: Results, measure: str | None = None, width: float = COLUMN_WIDTH
) -> Drawn:
    """Fig. 2 of the means, by "niqe" or "pi" (default: where every row has it).

    Raises:
        UserError: as `draw_plane`.
    """
    means = results.means()
    measure = measure or _measure(means)
    points = [  # without HR itself, whose RMSE is 0
        PlanePoint(mean.model, mean.rmse_y, value, mean.alpha, mean.mode)
        for mean in means
        if mean.rmse_y and (value := getattr(mean, measure)) is not None
    ]
    label = _label(results, measure)
    caption = f"RMSE and {label} of the methods (lower is better)."
    return draw_plane(points, label, width), caption


def _measure(scores: Sequence[Score]) -> str:
    """The perceptual index if every row has it, else NIQE."""
    return "pi" if all(score.pi is not None for score in scores) else "niqe"


def _label(results: Results, measure: str) -> str:
    return results.pi_label if measure == "pi" else results.niqe_label


def features_figure(
    network: VGGFeatures,
    title: str,
    picture: np.ndarray,
    shares: Mapping[str, float],
    layers: Sequence[str] | None = None,
    channels: int = 6,
    width: float = PAGE_WIDTH,
) -> Drawn:
    """Fig. 6 of an H×W×3 `uint8` picture, of which `shares` are those of `active_share`.

    Args:
        layers: conv2_2 and the network's last without them, as in the paper.

    Raises:
        UserError: as `feature_maps` and `draw_features`.
    """
    layers = layers or ("conv2_2", layer_names(network.depth)[-1])
    maps = [feature_maps(network, picture, layer, channels) for layer in layers]
    active = ", ".join(f"{100 * shares[layer]:.2f} % at {layer}" for layer in layers)
    caption = f"Features of {title} before and after activation, where neurons stay: {active}."
    return draw_features(title, picture, maps, shares, width, network.title), caption


def kept_numbers(
    results: Results, shown: Sequence[Example]
) -> tuple[str, list[list[MethodResult]]]:
    """Headings of the numbers, and each example's pictures with their numbers."""
    measure = _measure([row.score for each in shown for row in each.rows])
    found = []
    for each in shown:
        rows = []
        for row in each.rows:
            score = row.score
            numbers = written(score.psnr_y, score.ssim_y, getattr(score, measure))
            rows.append(MethodResult(row.name, row.picture, numbers))
        has_hr = any(row.name == "HR" for row in rows)
        found.append(rows if has_hr else [*rows, MethodResult("HR", each.hr)])
    return f"PSNR / SSIM / {_label(results, measure)}", found


def measured_numbers(shown: Sequence[Example]) -> tuple[str, list[list[MethodResult]]]:
    """`kept_numbers`, measured here and now, HR's too."""
    found = [
        [
            MethodResult(name, picture, measured(picture, each.hr))
            for name, picture in [*((row.name, row.picture) for row in each.rows), ("HR", each.hr)]
        ]
        for each in shown
    ]
    return measures(), found


def measures(has_hr: bool = True) -> str:
    """Headings of the numbers of `measured`."""
    label = load_pristine().label
    return f"PSNR / SSIM / {label}" if has_hr else label


def measured(picture: np.ndarray, hr: np.ndarray | None, border: int = 4) -> str:
    """The numbers below a crop of a picture; without an HR, NIQE only.

    Args:
        picture, hr: H×W×3 `uint8`, of one size.
        border: pixels cut off at each side for PSNR and SSIM: the scale.
    """
    naturalness = None
    with contextlib.suppress(UnmeasurableError):
        naturalness = niqe(picture, load_pristine())
    if hr is None:
        return f"({_number(naturalness)})"
    if min(hr.shape[:2]) < 11 + 2 * border:  # of SSIM's window
        return written(None, None, naturalness)
    return written(psnr(picture, hr, border), ssim(picture, hr, border), naturalness)


def written(psnr: float | None, ssim: float | None, perceptual: float | None) -> str:
    """Numbers below a crop."""
    return f"({_number(psnr)} / {_number(ssim, 4)} / {_number(perceptual)})"


def _number(value: float | None, digits: int = 2) -> str:
    return UNKNOWN if value is None else "∞" if isinf(value) else f"{value:.{digits}f}"


def crops_figure(
    shown: Sequence[Example],
    results: Sequence[Sequence[MethodResult]],
    label: str,
    wanted: Sequence[Sequence[int]] | None = None,
    width: float = PAGE_WIDTH,
    whole: bool = True,
) -> Drawn:
    """Fig. 7: a block an example and crop, with the numbers that `label` names.

    Args:
        whole: whether the whole picture stands beside its crops.

    Raises:
        UserError: as `draw_crops`.
    """
    blocks = [
        CropExample(each.name, each.hr, crop, found, f"({label})", whole)
        for each, found in zip(shown, results, strict=True)
        for crop in crops_of(each.hr, wanted)
    ]
    unit = " (PSNR in dB; PSNR and SSIM of luma)" if "PSNR" in label else ""
    caption = f"Results of the methods, with {label} of the whole picture{unit}."
    return draw_crops(blocks, width), caption


def ablation_figure(
    shown: Sequence[Example],
    crops: Sequence[Crop],
    settings: Mapping[str, Mapping[str, str]],
    width: float = PAGE_WIDTH,
) -> Drawn:
    """Fig. 8: a row an example and its crop, a column a model.

    Args:
        shown: each with the results of the models, in the order of `settings`.
        crops: as many.
        settings: of `model_settings`, by the titles of the columns.

    Raises:
        UserError: there are no models or examples.
    """
    columns = [
        AblationColumn(
            title,
            found,
            [crop.cut(each.rows[n].picture) for each, crop in zip(shown, crops, strict=True)],
        )
        for n, (title, found) in enumerate(settings.items())
    ]
    references = [crop.cut(each.hr) for each, crop in zip(shown, crops, strict=True)]
    caption = "Each column is a model; what it changes from the one before it is red."
    return draw_ablation(columns, [each.name for each in shown], references, width), caption


def brightness_figure(
    example: Example,
    before: np.ndarray,
    after: np.ndarray,
    crop: Crop,
    width: float = COLUMN_WIDTH,
) -> Drawn:
    """Fig. 9, of results with the perceptual loss before and after activation."""
    pictures = {"HR": example.hr, "before activation": before, "after activation": after}
    curves = {name: brightness_histogram(picture, BINS) for name, picture in pictures.items()}
    crops = {name: crop.cut(picture) for name, picture in pictures.items()}
    caption = f"Brightness of {example.name}, with the perceptual loss before and after activation."
    return draw_brightness(curves, crops, width), caption


def strip_figure(
    example: Example, alphas: Sequence[float], crop: Crop, width: float = PAGE_WIDTH
) -> Drawn:
    """Fig. 10, of an example that has both curves.

    Raises:
        UserError: a point of one is missing.
    """
    found = {(row.score.mode, row.score.alpha): crop.cut(row.picture) for row in example.rows}
    for mode, alpha in product(MODES, alphas):
        if (mode, alpha) not in found:
            raise UserError(
                f"The evaluation holds no {mode} interpolation of {example.name} at α = {alpha:g}; "
                "the strip needs both interpolations at each α."
            )
    network, image = ([found[mode, alpha] for alpha in alphas] for mode in MODES)
    caption = f"Network and image interpolation of {example.name}."
    return draw_strip(alphas, network, image, width), caption
