"""Measuring methods on a folder of HR pictures (Sec. 4.2)."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from esrgan.evaluation.histogram import brightness_shift
from esrgan.evaluation.learned_metrics import Metric
from esrgan.evaluation.methods import Method, file_digest
from esrgan.evaluation.metrics import psnr, rmse, ssim
from esrgan.evaluation.niqe import PristineModel, UnmeasurableError, niqe
from esrgan.evaluation.pairs import Pair, load_pair
from esrgan.evaluation.results import Score, picture_path
from esrgan.inference.upscale import Upscale
from esrgan.pictures.images import save_image, to_rgb

# Pixels that PIRM shaves before it measures NIQE, whatever the scale.
NIQE_BORDER = 4
# Counted up when a number changes its definition or joins, so that no row of before is taken.
DEFINITIONS = 2


@dataclass(frozen=True)
class Measures:
    """What is measured besides the distances to HR.

    Attributes:
        pristine: NIQE's model.
        learned: of `learned_metrics`: a function each, or why it can't be had.
    """

    pristine: PristineModel
    learned: Mapping[str, Metric | str]

    @property
    def digest(self) -> str:
        had = sorted(name for name, metric in self.learned.items() if not isinstance(metric, str))
        return f"{DEFINITIONS} {self.pristine.digest} {had}"


def evaluate(
    files: Sequence[tuple[Path, Path | None]],
    methods: Sequence[Method],
    scale: int,
    measures: Measures,
    known: Iterable[Score] = (),
    folder: Path | None = None,
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

    Raises:
        UserError: a picture can't be read or is of the wrong size, or a method can't do it.
    """
    found = {(*score.method, score.picture, score.settings): score for score in known}
    for hr_file, lr_file in files:
        pair = None
        digest = f"{scale} {file_digest(hr_file)} {file_digest(lr_file) if lr_file else 'resize'}"
        for method in methods:
            settings = _hash(f"{digest} {method.digest(hr_file.name)} {measures.digest}")
            key = (method.model, method.mode, method.alpha, hr_file.name, settings)
            score = found.get(key)
            if score is None or (folder and not picture_path(folder, score).is_file()):
                pair = pair or load_pair(hr_file, lr_file, scale)
                sr = method.result(pair)
                score = replace(
                    measured(method.model, sr, pair, scale, measures),
                    mode=method.mode,
                    alpha=method.alpha,
                    settings=settings,
                )
                if folder:
                    save_image(sr, picture_path(folder, score))
            yield score


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def measured(model: str, sr: np.ndarray, pair: Pair, scale: int, measures: Measures) -> Score:
    """All numbers of one SR picture; those that can't be had are None, with the reason."""
    values = {
        name: metric if isinstance(metric, str) else _finite(metric(sr, pair.hr))
        for name, metric in measures.learned.items()
    }
    values["niqe"] = _niqe_or_reason(sr, measures.pristine)
    values["pi"] = _perceptual_index(values["ma"], values["niqe"])
    numbers = {name: value for name, value in values.items() if not isinstance(value, str)}
    return replace(
        score(model, lambda _: sr, pair, scale),
        niqe=numbers.get("niqe"),
        ma=numbers.get("ma"),
        pi=numbers.get("pi"),
        lpips=numbers.get("lpips"),
        reasons={name: value for name, value in values.items() if isinstance(value, str)},
    )


def _niqe_or_reason(sr: np.ndarray, model: PristineModel) -> float | str:
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


def score(model: str, upscale: Upscale, pair: Pair, scale: int) -> Score:
    """Upscale one pair's LR and measure its distances to HR."""
    sr = to_rgb(upscale(pair.lr))
    return Score(
        model,
        pair.name,
        psnr_y=psnr(sr, pair.hr, scale),
        ssim_y=ssim(sr, pair.hr, scale),
        rmse_y=rmse(sr, pair.hr, scale),
        psnr_rgb=psnr(sr, pair.hr, scale, "rgb"),
        brightness=brightness_shift(sr, pair.hr),
    )
