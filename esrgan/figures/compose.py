"""The paper's figures of methods' results: which pictures and numbers go where, with captions.

Plain data in, a figure and its caption out. Nothing is computed again of what `evaluate` kept.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import inf, isinf
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from esrgan.errors import UserError
from esrgan.evaluation.columns import BY_NAME
from esrgan.evaluation.comparison_table import interval_of, shared
from esrgan.evaluation.evaluate import Numbers, basic_numbers, hr_of, niqe_or_reason
from esrgan.evaluation.histogram import brightness_histogram, brightness_shift, darker_share
from esrgan.evaluation.methods import UNKNOWN, Method
from esrgan.evaluation.niqe import PristineModel
from esrgan.evaluation.pairs import load_pair
from esrgan.evaluation.results import METRICS, Results, Score, picture_path
from esrgan.evaluation.significance import bootstrap_interval, compared
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
    draw_brightness_shift,
    draw_crops,
    draw_features,
    draw_plane,
    draw_strip,
    feature_maps,
    pages_of_crops,
)
from esrgan.inference.blend import MODES
from esrgan.networks import VGGFeatures
from esrgan.networks.vgg import layer_names
from esrgan.pictures.files import file_digest
from esrgan.pictures.images import load_image, to_rgb
from esrgan.pictures.places import most_different

BINS = 64
# Sides that SSIM's window needs inside the border.
SSIM_WINDOW = 11
MOST_INSETS = 3  # crops of a picture in one block, each with a colour of its own
# Of the numbers below a crop, where they are shorter than in tables.
SHORT = {"niqe": ".2f", "pi": ".2f"}
Drawn = tuple[Figure, str]  # with its caption


@dataclass(frozen=True)
class Row:
    """A method's result.

    Attributes:
        model, mode, alpha: the method, as in `Score`.
        picture: H×W×3 `uint8`.
        numbers: of it, as far as they are known.
    """

    model: str
    picture: np.ndarray
    mode: str | None = None
    alpha: float | None = None
    numbers: Numbers = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.model if self.alpha is None else f"{self.mode} α = {self.alpha:g}"


@dataclass(frozen=True)
class Example:
    """An HR picture, H×W×3 `uint8`, and the methods' results of its LR.

    Without an HR, `hr` is what stands for it where the whole picture is shown.
    """

    name: str
    hr: np.ndarray
    rows: Sequence[Row]

    def with_hr(self) -> "Example":
        """With HR as its last result, if it is none yet."""
        if any(row.name == "HR" for row in self.rows):
            return self
        return replace(self, rows=[*self.rows, Row("HR", self.hr)])

    def renamed(self, names: Mapping[str, str]) -> "Example":
        """With other names of its methods and itself, by those of before."""
        rows = [replace(row, model=names.get(row.model, row.model)) for row in self.rows]
        return replace(self, name=names.get(self.name) or self.name, rows=rows)


def most_telling(sets: Iterable[Results]) -> str:
    """The picture of evaluations on which PSNR-Y of the methods differs most."""
    spread = {}
    for results in sets:
        for picture in results.pictures:
            rows = [score for score in results.scores if score.picture == picture]
            values = [v for row in rows if (v := row.psnr_y) is not None and not isinf(v)]
            spread[picture] = max(values, default=0) - min(values, default=0)
    return max(spread, key=lambda picture: spread[picture])


def made(methods: Sequence[Method], file: Path, scale: int) -> Example:
    """An example made here and now, of an HR picture's file.

    Raises:
        UserError: the picture can't be read, or a method can't do it.
    """
    pair = load_pair(file, None, scale)
    rows = [Row(m.model, to_rgb(m.result(pair)), m.mode, m.alpha) for m in methods]
    return Example(file.stem, to_rgb(pair.hr), rows)


def kept(
    results: Results,
    folder: Path,
    file: Path,
    names: Sequence[str] | None = None,
    modes: Sequence[str] = MODES,
    alphas: Sequence[float] = (),
) -> Example:
    """An example that `evaluate` kept.

    Args:
        results: of the evaluation.
        folder: where it keeps the SR pictures.
        file: of the HR picture; its name is enough.
        names: of the methods that are no points of a curve; None for all.
        modes, alphas: of the points of curves.

    Raises:
        UserError: a result is missing, HR is another than was measured, or a picture can't be read.
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
    if any(row.hr != file_digest(file) for row in chosen):
        raise UserError(
            f"{file} is not the picture of this name that the evaluation measured; name that one, "
            "or run `evaluate` again."
        )
    hr = to_rgb(hr_of(rows[0], file, results.scale))
    return Example(file.stem, hr, [_row(score, folder) for score in chosen])


def _row(score: Score, folder: Path) -> Row:
    picture = to_rgb(load_image(picture_path(folder, score)))
    had = {name: value for name in METRICS if (value := getattr(score, name)) is not None}
    return Row(score.model, picture, score.mode, score.alpha, had)


def measured(example: Example, scale: int, pristine: PristineModel) -> Example:
    """The example with the numbers of its results, measured here and now, HR's too."""
    rows = example.with_hr().rows
    known = [replace(r, numbers=numbers_of(r.picture, example.hr, scale, pristine)) for r in rows]
    return replace(example, rows=known)


def numbers_of(
    picture: np.ndarray, hr: np.ndarray | None, scale: int, pristine: PristineModel
) -> Numbers:
    """`basic_numbers` as far as they go: without an HR, or with a tiny one, NIQE only.

    Args:
        picture, hr: H×W×3 `uint8`, of one size.
    """
    if hr is None or min(hr.shape[:2]) < SSIM_WINDOW + 2 * scale:
        return {"niqe": niqe_or_reason(picture, pristine)}
    return basic_numbers(picture, hr, scale, pristine)


def crops_of(
    picture: np.ndarray,
    wanted: Sequence[Sequence[int]] | None,
    results: Sequence[np.ndarray] = (),
    side: int = 64,
) -> list[Crop]:
    """The crops x, y, width, height that are wanted, or one: where results differ most, or without
    two results, where the picture varies most.

    Args:
        side: of that one in pixels; the picture's shorter side if that is less.
    """
    if wanted:
        return [Crop(*numbers) for numbers in wanted]
    if len(results) < 2:
        return [busiest_crop(picture, side)]
    return [Crop(*most_different(results, min(side, *picture.shape[:2])))]


def crops_of_example(
    example: Example, wanted: Sequence[Sequence[int]] | None, side: int = 64
) -> list[Crop]:
    """`crops_of` where the methods differ most, bicubic and HR aside: these differ from all others
    at every edge."""
    methods = [row.picture for row in example.rows if row.name.lower() not in ("bicubic", "hr")]
    return crops_of(example.hr, wanted, methods, side)


def plane_figure(
    results: Results,
    measure: str | None = None,
    width: float = COLUMN_WIDTH,
    regions: bool = False,
    intervals: bool = False,
    ours: Sequence[str] = (),
) -> Drawn:
    """Fig. 2 of the means, by "niqe" or "pi" (default: where every row has it).

    Args:
        regions: whether PIRM's are shown.
        intervals: whether methods have bars of their 95 % bootstrap intervals over pictures; points
            of curves have none.
        ours: methods that are emphasised.

    Raises:
        UserError: as `draw_plane`, or there is no such method.
    """
    means = results.means()
    by_index = all(mean.pi is not None for mean in means)
    measure = measure or ("pi" if by_index else "niqe")
    unknown = set(ours) - {mean.model for mean in means}
    if unknown:
        raise UserError(f"The evaluation has no method {unknown.pop()!r}.")
    groups = shared(results)
    points = [
        PlanePoint(mean.model, mean.rmse_y, value, mean.alpha, mean.mode, *bars, mean.model in ours)
        for mean, group in zip(means, groups, strict=True)
        if mean.rmse_y and (value := getattr(mean, measure)) is not None  # HR's RMSE is 0
        for bars in [_bars(group, groups, measure) if intervals else (None, None)]
    ]
    label = results.pi_label if measure == "pi" else results.niqe_label
    caption = f"RMSE and {label} of the methods (lower is better)."
    if intervals:
        caption += " Bars are 95 % bootstrap intervals over pictures."
    return draw_plane(points, label, width, regions), caption


def _bars(
    group: Sequence[Score], groups: Sequence[Sequence[Score]], measure: str
) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """Of a method's RMSE and measure; none of a curve's point."""
    if group[0].alpha is not None:
        return None, None
    return interval_of(group, "rmse_y", groups), interval_of(group, measure, groups)


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
    caption = (
        f"Features of {title} before and after activation, by {network.full_title}. Active "
        f"neurons: {active}."
    )
    return draw_features(title, picture, maps, shares, width, network.full_title), caption


def crops_figures(
    shown: Sequence[Example],
    niqe_label: str,
    wanted: Sequence[Sequence[int]] | None = None,
    width: float = PAGE_WIDTH,
    whole: bool = True,
    metrics: Sequence[str] = (),
    height: float = inf,
) -> list[Drawn]:
    """Fig. 7: a block an example and its crops, with the numbers below each result that has any.

    Args:
        niqe_label: as of `Results`.
        wanted: the crops x, y, width, height of each example.
        whole: whether the whole picture stands beside its crops.
        metrics: those below the crops, of `METRICS`; by default PSNR, SSIM and NIQE or, where every
            row has it, the perceptual index.
        height: in inches; what is higher is several figures.

    Raises:
        UserError: as `draw_crops`, or no result has one of the metrics.
    """
    known = [row.numbers for each in shown for row in each.rows if row.numbers]
    if known:
        check_metrics(metrics, {name for each in known for name in each})
    names = metrics or ("psnr_y", "ssim_y", _perceptual(known))
    label = " / ".join(_title(name, names, niqe_label) for name in names)
    blocks = [
        CropExample(each.name, each.hr, crops, _written(each, names), f"({label})", whole)
        for each in shown
        for crops in _together(crops_of_example(each, wanted))
    ]
    unit = " (PSNR in dB; PSNR and SSIM of luma)" if "psnr_y" in names else ""
    caption = f"Results of the methods, with {label} of the whole picture{unit}."
    pages = pages_of_crops(blocks, width, height)
    parts = [f" Part {n} of {len(pages)}." for n in range(1, len(pages) + 1)]
    parts = parts if len(parts) > 1 else [""]
    return [
        (draw_crops(page, width), caption + part) for page, part in zip(pages, parts, strict=True)
    ]


def check_metrics(metrics: Sequence[str], known: Collection[str]) -> None:
    """Raises UserError: one of the metrics that are wanted is not among those known."""
    missing = [name for name in metrics if name not in known]
    if missing:
        raise UserError(
            f"There is no {missing[0]} of these results; `evaluate -o DIR --columns {missing[0]}` "
            "measures it, and --evaluation DIR takes it from there."
        )


def _together(crops: Sequence[Crop]) -> list[Sequence[Crop]]:
    """Crops of one width stand in one block, but not too many; others in one each."""
    most = MOST_INSETS if len({crop.width for crop in crops}) == 1 else 1
    return [crops[first : first + most] for first in range(0, len(crops), most)]


def _perceptual(known: Sequence[Numbers]) -> str:
    """The perceptual index where every row has it, else NIQE."""
    by_index = bool(known) and all(isinstance(n.get("pi"), float) for n in known)
    return "pi" if by_index else "niqe"


def _title(name: str, names: Sequence[str], niqe_label: str) -> str:
    """Of a metric among these; luma goes without saying, unless there is PSNR of colours too."""
    if name in ("niqe", "pi"):
        return niqe_label.replace("NIQE", name.upper())
    title = BY_NAME[name].title
    return title if "psnr_rgb" in names else title.removesuffix("-Y")


def _written(example: Example, names: Sequence[str]) -> list[MethodResult]:
    """The results with their numbers as they stand below them."""
    found = []
    for row in example.rows:
        numbers = " / ".join(_number(row.numbers.get(name), name) for name in names)
        found.append(MethodResult(row.name, row.picture, f"({numbers})" if row.numbers else ""))
    return found


def _number(value: float | str | None, metric: str) -> str:
    if value is None or isinstance(value, str):
        return UNKNOWN
    form = SHORT.get(metric, BY_NAME[metric].written)
    return "∞" if isinf(value) else f"{value:{form}}"


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


def brightness_set_figure(
    results: Results, folder: Path, names: Sequence[str], width: float = COLUMN_WIDTH
) -> Drawn:
    """Fig. 9a of all pictures of an evaluation: results with the perceptual loss before and after
    activation, compared with HR.

    Args:
        names: of the two methods in the evaluation.

    Raises:
        UserError: as `kept`.
    """
    curves: dict[str, list[np.ndarray]] = {"before": [], "after": []}
    shifts: dict[str, list[float]] = {"before": [], "after": []}
    for picture in results.pictures:
        example = kept(results, folder, Path(picture), names)
        share = darker_share(example.hr)
        for side, row in zip(curves, example.rows, strict=True):
            curves[side].append(darker_share(row.picture) - share)
            shifts[side].append(brightness_shift(row.picture, example.hr))
    shown = {f"{side} activation: {_mean_shift(shifts[side])}": curves[side] for side in curves}
    count = len(shifts["before"])
    caption = (
        f"Brightness of {count} pictures with the perceptual loss before and after activation: how "
        "many more pixels than of HR are darker than each level, and mean shifts in grey levels, "
        "with 95 % intervals over pictures."
    )
    found = compared(shifts["before"], shifts["after"], lower_is_better=False)
    if found:
        caption += (
            f" Before less after activation: {found.difference:+.2f} ({found.low:+.2f} to "
            f"{found.high:+.2f}) levels; brighter before on {100 * found.share:.0f} % of the "
            f"pictures (p = {found.p:.1g}, Wilcoxon)."
        )
    return draw_brightness_shift(shown, width), caption


def _mean_shift(shifts: Sequence[float]) -> str:
    """In grey levels, with half of its interval."""
    interval = bootstrap_interval(shifts)
    mean = f"{np.mean(shifts):+.2f}".replace("-", "−")
    return f"{mean} ± {(interval[1] - interval[0]) / 2:.2f}" if interval else mean


def strip_figure(
    example: Example, alphas: Sequence[float], crop: Crop, width: float = PAGE_WIDTH
) -> Drawn:
    """Fig. 10, of an example that has both curves.

    Raises:
        UserError: a point of one is missing.
    """
    found = {(row.mode, row.alpha): crop.cut(row.picture) for row in example.rows}
    for mode, alpha in product(MODES, alphas):
        if (mode, alpha) not in found:
            raise UserError(
                f"The evaluation holds no {mode} interpolation of {example.name} at α = {alpha:g}; "
                "the strip needs both interpolations at each α."
            )
    network, image = ([found[mode, alpha] for alpha in alphas] for mode in MODES)
    caption = f"Network and image interpolation of {example.name}."
    return draw_strip(alphas, network, image, width), caption
