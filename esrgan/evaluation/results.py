"""Results of `evaluate`: rows of numbers, their means, and the file that figures read."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from esrgan.errors import UserError
from esrgan.pictures.files import atomic_path

FORMAT = 1
FILE = "results.json"
MEAN = "mean"  # stands for the picture in a row of means


@dataclass(frozen=True)
class Score:
    """A method's result on one picture, or the mean of a folder.

    Attributes:
        model: the method's name; for a point of a curve, its two ends.
        picture: file name of the HR picture, or "mean".
        psnr_y, ssim_y, rmse_y, psnr_rgb: against HR, cropped by the scale. An RMSE is in grey
            levels, the mean one the root of the mean squared error, as in PIRM.
        niqe: 4 pixels shaved; of the pristine model that `Results.niqe_label` names.
        brightness: of SR less that of HR, in grey levels (Fig. 9a); of the whole picture.
        delta_e, delta_e_95: mean and 95th percentile of the colour difference to HR after the
            filter of the brightness (CIE 2000); of the whole picture.
        flat: the largest deviation, in grey levels, of flat black, grey and white pictures; of the
            method, whatever the picture.
        ma, pi, lpips: Ma's score, the perceptual index (Sec. 1), LPIPS (AlexNet); from pyiqa.
        mode, alpha: "network" or "image", and α, for a point of a curve.
        reasons: why a number is missing, in a few words, by its attribute; in a mean also why
            it is not over all pictures.
        settings: the same for rows that must come out the same.
    """

    model: str
    picture: str
    psnr_y: float | None
    ssim_y: float | None
    rmse_y: float | None
    psnr_rgb: float | None = None
    niqe: float | None = None
    ma: float | None = None
    pi: float | None = None
    lpips: float | None = None
    mode: str | None = None
    alpha: float | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""
    brightness: float | None = None
    delta_e: float | None = None
    delta_e_95: float | None = None
    flat: float | None = None

    @property
    def method(self) -> tuple[str, str | None, float | None]:
        """Name, mode and α shared by the rows of one mean."""
        return self.model, self.mode, self.alpha


METRICS = (
    "psnr_y",
    "ssim_y",
    "rmse_y",
    "psnr_rgb",
    "brightness",
    "delta_e",
    "delta_e_95",
    "flat",
    "niqe",
    "ma",
    "pi",
    "lpips",
)


@dataclass(frozen=True)
class Results:
    """A table of scores and where it comes from.

    Attributes:
        scores: a row a method and picture, picture by picture.
        hr: the folder of ground truths.
        lr: the folder of LR pictures; "" if they are made from HR.
        scale: of all methods.
        niqe_label: heading of the NIQE column, "NIQE (fitted)" for our own pristine model.
        earlier: rows of former runs that this one did not ask for.
    """

    scores: tuple[Score, ...]
    hr: str = ""
    lr: str = ""
    scale: int = 4
    niqe_label: str = "NIQE"
    earlier: tuple[Score, ...] = ()

    @property
    def pi_label(self) -> str:
        """The perceptual index holds NIQE, and so is named after its model too."""
        return self.niqe_label.replace("NIQE", "PI")

    def means(self) -> list[Score]:
        """A row a method, in the order in which they first come."""
        groups: dict[tuple[str, str | None, float | None], list[Score]] = {}
        for score in self.scores:
            groups.setdefault(score.method, []).append(score)
        return [mean_score(group) for group in groups.values()]


def mean_score(scores: Sequence[Score]) -> Score:
    """The means over pictures; RMSE is the root of the mean squared error, as in PIRM.

    A number that some pictures lack is averaged over the others, and `reasons` says so.
    """
    means: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for name in METRICS:
        values = [v for v in (getattr(score, name) for score in scores) if v is not None]
        missing = [score.reasons[name] for score in scores if name in score.reasons]
        power = 2 if name == "rmse_y" else 1
        means[name] = float(np.mean(np.power(values, power)) ** (1 / power)) if values else None
        if missing:
            share = f"{len(values)} of {len(scores)} pictures; the others: "
            reasons[name] = (share if values else "") + ", ".join(dict.fromkeys(missing))
    first = scores[0]
    return Score(first.model, MEAN, **means, mode=first.mode, alpha=first.alpha, reasons=reasons)


def picture_path(folder: Path, score: Score) -> Path:
    """The file of a row's SR picture in the folder of an evaluation."""
    method = score.model if score.alpha is None else f"{score.model} {score.mode} {score.alpha:g}"
    safe = "".join("_" if c in '/\\:*?"<>|' else c for c in method)
    return folder / "pictures" / safe / f"{Path(score.picture).stem}.png"


def save_results(results: Results, folder: Path) -> None:
    """Write `results.json`, atomically.

    Raises:
        UserError: the file can't be written.
    """
    content = {"format": FORMAT, **asdict(results), "means": [asdict(m) for m in results.means()]}
    text = json.dumps(_infinities_named(content), indent=1, ensure_ascii=False, allow_nan=False)
    with atomic_path(folder / FILE) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _infinities_named(value: Any) -> Any:
    """JSON has no infinity, the PSNR of equal pictures: it becomes "inf"."""
    if isinstance(value, dict):
        return {key: _infinities_named(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_infinities_named(item) for item in value]
    return "inf" if value == float("inf") else value


def load_results(path: Path) -> Results:
    """The results in a `results.json`, or in the folder that holds one.

    Raises:
        UserError: there is no such file, or it is none of `evaluate`'s.
    """
    file = path / FILE if path.is_dir() else path
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError("another format")
        for part in ("scores", "earlier"):
            content[part] = tuple(map(_score, content[part]))
        return Results(**{f.name: content[f.name] for f in fields(Results)})
    except FileNotFoundError as error:
        raise UserError(f"There is no {file}; `python -m esrgan evaluate` makes it.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{file} is not a file of results that can be read; delete it or name another."
        ) from error


def _score(row: dict[str, Any]) -> Score:
    score = Score(**row)
    named: dict[str, Any] = {
        name: float("inf") for name in METRICS if getattr(score, name) == "inf"
    }
    return replace(score, **named)


def without(scores: Iterable[Score], done: Iterable[Score]) -> tuple[Score, ...]:
    """The rows that `done` does not hold or replace."""
    replaced = {(*score.method, score.picture) for score in done}
    return tuple(score for score in scores if (*score.method, score.picture) not in replaced)
