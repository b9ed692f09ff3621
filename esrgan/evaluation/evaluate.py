"""Measuring methods on a folder of HR pictures (Sec. 4.2)."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from esrgan.errors import UserError
from esrgan.evaluation.colour import colour_difference, flat_deviation
from esrgan.evaluation.common_area import Area, common_area, place_of
from esrgan.evaluation.histogram import brightness_shift
from esrgan.evaluation.learned_metrics import USUAL, Metric, SetMetric
from esrgan.evaluation.methods import Method
from esrgan.evaluation.metrics import Channel, psnr, rmse, ssim
from esrgan.evaluation.niqe import PristineModel, UnmeasurableError, niqe
from esrgan.evaluation.pairs import Pair, load_pair
from esrgan.evaluation.results import GREYS, METRICS, Score, picture_path
from esrgan.evaluation.similarities import similarity
from esrgan.pictures.encoding import save_image
from esrgan.pictures.files import file_digest
from esrgan.pictures.images import crop_to_multiple, load_image, to_rgb, to_uint8

# Pixels that PIRM shaves before it measures NIQE, whatever the scale.
NIQE_BORDER = 4
# Counted up when a number changes its definition or joins, so that no row of before is taken.
DEFINITIONS = 4
# By name, of `METRICS`; where one can't be had, the reason in a few words.
Numbers = dict[str, float | str]
# HR, and LR if there is one.
PairFiles = tuple[Path, Path | None]


@dataclass(frozen=True)
class Measures:
    """The metrics besides the distances to HR.

    Attributes:
        pristine: NIQE's model.
        learned: of `learned_metrics`: a function each, or why it can't be had.
        grey: of `GREYS`: which luma of grey pictures is measured.
        similarities: names of `SIMILARITIES` that are measured too.
        common: whether only what all results of a picture show is measured, where those of others
            are off by some pixels; else all are of the HR's size.
        parameters: of `parameters_digest`: what the learned ones were given.
    """

    pristine: PristineModel
    learned: Mapping[str, Metric | str] = field(
        default_factory=lambda: dict.fromkeys(USUAL, "not measured here")
    )
    grey: str = GREYS[0]
    similarities: Sequence[str] = ()
    common: bool = False
    parameters: str = ""

    @property
    def digest(self) -> str:
        had = sorted(name for name, metric in self.learned.items() if not isinstance(metric, str))
        told = f"{DEFINITIONS} {self.pristine.digest} {had} {self.grey} {sorted(self.similarities)}"
        return told + (f" {self.parameters}" if self.parameters else "")

    def luma_of(self, hr: np.ndarray) -> Channel:
        """What PSNR, SSIM and RMSE of luma are of, with this HR picture."""
        return "grey" if hr.ndim == 2 and self.grey == "matlab" else "y"


def evaluate(
    files: Sequence[PairFiles],
    methods: Sequence[Method],
    scale: int,
    measures: Measures,
    known: Iterable[Score] = (),
    folder: Path | None = None,
    leave_out: Callable[[Path, UserError], None] | None = None,
    share: Callable[[Sequence[PairFiles]], Iterable[PairFiles]] = iter,
) -> Iterator[Score]:
    """A row for each method on each picture, picture by picture; nothing is done ahead.

    Args:
        files: of `pair_files`.
        methods: what makes the SR pictures.
        scale: of all of them; as many pixels are cropped for the distances.
        measures: the metrics without reference, and learned ones.
        known: rows of former runs. Those of the same settings (weights, pictures, options) are
            given as they are.
        folder: where the SR pictures are kept, at `picture_path`; None keeps none.
        leave_out: told of an HR picture that can't be measured, and why; the next one follows. Rows
            may have been given for it already. Without this, it ends all.
        share: those of the files that are measured here, where several processes do it.

    Raises:
        UserError: a picture can't be read or is of the wrong size, a method can't do it, or two
            results would be kept as one file.
    """
    if folder:
        _check_paths(folder, files, methods)
    found: dict[tuple[str | float | None, ...], Score] = {
        (*score.method, score.picture, score.settings): score for score in known
    }
    flat = cache(_flat)  # of each method once
    for hr_file, lr_file in share(files):
        try:
            yield from _rows(hr_file, lr_file, methods, scale, measures, found, folder, flat)
        except UserError as error:
            if leave_out is None:
                raise
            leave_out(hr_file, error)


def _check_paths(
    folder: Path, files: Sequence[tuple[Path, Path | None]], methods: Sequence[Method]
) -> None:
    kept: dict[Path, str] = {}
    for (hr_file, _), method in product(files, methods):
        row = _score(method, hr_file.name, {}, "", "")
        told = f"{hr_file.name} by {method.model}"
        other = kept.setdefault(picture_path(folder, row), told)
        if other != told:
            raise UserError(
                f"The results {other} and {told} would be kept as one file; rename one, or keep no "
                "pictures."
            )


def _rows(
    hr_file: Path,
    lr_file: Path | None,
    methods: Sequence[Method],
    scale: int,
    measures: Measures,
    found: Mapping[tuple[str | float | None, ...], Score],
    folder: Path | None,
    flat: Callable[[Method], float | str],
) -> Iterator[Score]:
    """Those of one picture."""
    pair = area = None
    hr_digest = file_digest(hr_file)
    digest = f"{scale} {hr_digest} {file_digest(lr_file) if lr_file else 'resize'}"
    if measures.common:
        digest += f" {[m.digest(hr_file.name) for m in methods if m.upscale is None]}"
    for method in methods:
        settings = _hash(f"{digest} {method.digest(hr_file.name)} {measures.digest}")
        key = (method.model, method.mode, method.alpha, hr_file.name, settings)
        score = found.get(key)
        if score is None or (folder and not picture_path(folder, score).is_file()):
            pair = pair or load_pair(hr_file, lr_file, scale)
            area = area or _area(methods if measures.common else (), pair)
            sr, hr = _compared(method, pair, area)
            numbers = {**measure(sr, hr, scale, measures), "flat": flat(method)}
            score = _score(method, pair.name, numbers, settings, hr_digest, hr.ndim == 2)
            if hr.shape != pair.hr.shape:
                score = replace(score, area=astuple(area))
            if folder:
                save_image(sr, picture_path(folder, score))
        yield score


def _area(methods: Sequence[Method], pair: Pair) -> Area:
    """What those of the methods' results that come as pictures have in common with HR."""
    kept = [method.result(pair) for method in methods if method.upscale is None]
    return common_area([place_of(sr, pair.hr) for sr in kept], *pair.hr.shape[:2])


def _compared(method: Method, pair: Pair, area: Area) -> tuple[np.ndarray, np.ndarray]:
    """The area of the method's result and of HR."""
    sr = method.result(pair)
    place = place_of(sr, pair.hr)
    return area.cut(sr, place.top, place.left), area.cut(pair.hr)


def _flat(method: Method) -> float | str:
    """Largest error on flat pictures in grey levels, or the reason why there is none."""
    return "pictures only" if method.upscale is None else flat_deviation(method.upscale)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def measure(sr: np.ndarray, hr: np.ndarray, scale: int, measures: Measures) -> Numbers:
    """All numbers of one SR picture (Sec. 4.2), as `evaluate` and training show them.

    Args:
        sr, hr: H×W, H×W×3 or H×W×4, `uint8`, of one size.
        scale: as many pixels are cropped for PSNR, SSIM and RMSE; NIQE's border is `NIQE_BORDER`.
        measures: the metrics without reference, and learned ones.

    Raises:
        UserError: the sizes differ, or the picture is too small for SSIM.
    """
    luma = measures.luma_of(hr)
    sr = to_rgb(sr)
    learned: Numbers = {
        name: metric if isinstance(metric, str) else _finite(metric(sr, hr))
        for name, metric in measures.learned.items()
    }
    numbers = basic_numbers(sr, hr, scale, measures.pristine, luma)
    differences = colour_difference(sr, hr)
    return {
        **numbers,
        "rmse_y": rmse(sr, hr, scale, luma),
        "psnr_rgb": psnr(sr, hr, scale, "rgb"),
        "brightness": brightness_shift(sr, hr),
        "delta_e": float(differences.mean()),
        "delta_e_95": float(np.percentile(differences, 95)),
        **learned,
        **{name: similarity(name, sr, hr, scale) for name in measures.similarities},
        "pi": _perceptual_index(learned["ma"], numbers["niqe"]),
    }


BASIC = ("psnr_y", "ssim_y", "niqe")


def basic_numbers(
    sr: np.ndarray,
    hr: np.ndarray,
    scale: int,
    pristine: PristineModel,
    luma: Channel = "y",
) -> Numbers:
    """PSNR-Y, SSIM-Y and NIQE (`BASIC`) of one SR picture, as tables and figures show them.

    Args:
        pristine: NIQE's model; others and errors as `measure`.
        luma: what PSNR and SSIM are of.
    """
    return {
        "psnr_y": psnr(sr, hr, scale, luma),
        "ssim_y": ssim(sr, hr, scale, luma),
        "niqe": niqe_or_reason(sr, pristine),
    }


def niqe_or_reason(sr: np.ndarray, model: PristineModel) -> float | str:
    """NIQE of a picture without `NIQE_BORDER`, or why there is none in a few words."""
    try:
        return niqe(sr, model, NIQE_BORDER)
    except UnmeasurableError as error:
        return error.short


def _finite(value: float) -> float | str:
    return value if np.isfinite(value) else "not a number"


def _perceptual_index(ma: float | str, niqe: float | str) -> float | str:
    """PI = ½ ((10 - Ma) + NIQE) (Sec. 1), or why there is none."""
    if isinstance(ma, str):
        return ma
    return niqe if isinstance(niqe, str) else ((10 - ma) + niqe) / 2


def with_fid(
    scores: Sequence[Score],
    files: Sequence[PairFiles],
    scale: int,
    folder: Path | None,
    distance: SetMetric | str,
) -> list[Score]:
    """The rows with FID, one number a method, of its pictures and HR's; or with the reason.

    Args:
        scores: of `evaluate`, a row a method and picture.
        files, scale: as `evaluate` took them.
        folder: where it kept the SR pictures.
        distance: of `frechet_distance`.

    Raises:
        UserError: a picture can't be read.
    """
    methods: dict[tuple[str | float | None, ...], list[Score]] = {}
    for score in scores:
        methods.setdefault(score.method, []).append(score)
    hr_files = {hr.name: hr for hr, _ in files}

    def of_method(rows: Sequence[Score]) -> float | str:
        if isinstance(distance, str):
            return distance
        if folder is None:
            return "only of pictures that -o keeps"
        if len(rows) < 2:
            return "only of two pictures or more"
        results = [load_image(picture_path(folder, row)) for row in rows]
        return _finite(
            distance(results, [hr_of(row, hr_files[row.picture], scale) for row in rows])
        )

    found = {method: of_method(rows) for method, rows in methods.items()}
    return [_with_fid(score, found[score.method]) for score in scores]


def hr_of(score: Score, file: Path, scale: int) -> np.ndarray:
    """The part of an HR picture that a row is of, `uint8`.

    Raises:
        UserError: the picture can't be read.
    """
    hr = crop_to_multiple(to_uint8(load_image(file)), scale)
    return Area(*score.area).cut(hr) if score.area else hr


def _with_fid(score: Score, value: float | str) -> Score:
    reasons = {name: reason for name, reason in score.reasons.items() if name != "fid"}
    if isinstance(value, str):
        return replace(score, fid=None, reasons={**reasons, "fid": value})
    return replace(score, fid=value, reasons=reasons)


def _score(
    method: Method, picture: str, numbers: Numbers, settings: str, hr: str, grey: bool = False
) -> Score:
    had = {name: value for name, value in numbers.items() if not isinstance(value, str)}
    known: dict[str, Any] = {name: had.get(name) for name in METRICS}
    return Score(
        method.model,
        picture,
        **known,
        mode=method.mode,
        alpha=method.alpha,
        reasons={name: value for name, value in numbers.items() if isinstance(value, str)},
        settings=settings,
        hr=hr,
        grey=grey,
    )
