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
# Whose luma of grey pictures is measured: squeezed to 16 … 235, or the grey levels themselves.
GREYS = ("basicsr", "matlab")
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
        ma, pi, lpips, dists: Ma's score, the perceptual index (Sec. 1), LPIPS (AlexNet), DISTS;
            from pyiqa.
        fid: of the method's pictures of the whole data set, whatever the picture; from pyiqa.
        ms_ssim, vif, fsim, gmsd, haarpsi: of `similarities`, cropped by the scale.
        mode, alpha: "network" or "image", and α, for a point of a curve.
        reasons: why a number is missing, in a few words, by its attribute; in a mean also why
            it is not over all pictures.
        settings: the same for rows that must come out the same.
        hr: the digest of the HR picture's file.
        grey: whether HR is grey.
        area: the part of HR that was measured, if that is not the whole: top, left, height, width.
        count: of pictures, of which a mean is.
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
    hr: str = ""
    grey: bool = False
    count: int = 1
    ms_ssim: float | None = None
    vif: float | None = None
    fsim: float | None = None
    gmsd: float | None = None
    haarpsi: float | None = None
    area: tuple[int, int, int, int] | None = None
    dists: float | None = None
    fid: float | None = None

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
    "dists",
    "fid",
    "ms_ssim",
    "vif",
    "fsim",
    "gmsd",
    "haarpsi",
)
# Those that say something of a method, not of its pictures one by one: they have no intervals over
# pictures, nor tests.
OF_METHODS = ("flat", "fid")


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
        planned: how many pictures were to be measured; 0 if that is not known.
        grey: of `GREYS`.
    """

    scores: tuple[Score, ...]
    hr: str = ""
    lr: str = ""
    scale: int = 4
    niqe_label: str = "NIQE"
    earlier: tuple[Score, ...] = ()
    planned: int = 0
    grey: str = GREYS[0]

    @property
    def pi_label(self) -> str:
        """The perceptual index holds NIQE, and so is named after its model too."""
        return self.niqe_label.replace("NIQE", "PI")

    @property
    def pictures(self) -> list[str]:
        """The names of the pictures of which there are rows."""
        return list(dict.fromkeys(score.picture for score in self.scores))

    def means(self) -> list[Score]:
        """A row a method, in the order in which they first come, over the pictures that all have.

        A number that one of them lacks for a picture is averaged over the other pictures, for all
        methods, and `reasons` says so. RMSE is the root of the mean squared error, as in PIRM.
        """
        groups = self.by_method()
        if not groups:
            return []
        done = set.intersection(*({score.picture for score in group} for group in groups))
        shared = [[score for score in group if score.picture in done] for group in groups]
        return [mean_score(group, shared) for group in shared] if done else []

    def by_method(self) -> list[list[Score]]:
        """The rows of each method, in the order in which they first come."""
        groups: dict[tuple[str, str | None, float | None], list[Score]] = {}
        for score in self.scores:
            groups.setdefault(score.method, []).append(score)
        return list(groups.values())


def mean_score(scores: Sequence[Score], groups: Sequence[Sequence[Score]] = ()) -> Score:
    """The means of a method over pictures, as in `Results.means`.

    Args:
        scores: a row a picture.
        groups: the rows of all methods, each of the same pictures, these among them.
    """
    means: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for name in METRICS:
        values, lacking = values_of(scores, name, groups)
        power = 2 if name == "rmse_y" else 1
        means[name] = float(np.mean(np.power(values, power)) ** (1 / power)) if values else None
        if lacking:
            share = f"{len(values)} of {len(scores)} pictures; the others: "
            reasons[name] = (share if values else "") + lacking
    first = scores[0]
    return Score(
        first.model,
        MEAN,
        **means,
        mode=first.mode,
        alpha=first.alpha,
        reasons=reasons,
        grey=any(score.grey for score in scores),
        count=len(scores),
    )


def values_of(
    scores: Sequence[Score], name: str, groups: Sequence[Sequence[Score]] = ()
) -> tuple[list[float], str]:
    """A metric's values of those pictures for which all have it that have it at all, and why it is
    missing for the others; other arguments as `mean_score`."""
    had = [getattr(score, name) for score in scores]
    if all(value is None for value in had):
        told = [score.reasons[name] for score in scores if name in score.reasons]
        return [], ", ".join(dict.fromkeys(told))
    having = [g for g in groups or [scores] if any(getattr(s, name) is not None for s in g)]
    without_it = [s for group in having for s in group if getattr(s, name) is None]
    left_out = {score.picture for score in without_it}
    told = [score.reasons.get(name, "not measured") for score in without_it]
    values = [v for v, s in zip(had, scores, strict=True) if s.picture not in left_out]
    return values, ", ".join(dict.fromkeys(told))


def picture_path(folder: Path, score: Score) -> Path:
    """The file of a row's SR picture in the folder of an evaluation: a.png of a.png, a.jpg.png of
    a.jpg."""
    method = score.model if score.alpha is None else f"{score.model} {score.mode} {score.alpha:g}"
    safe = "".join("_" if c in '/\\:*?"<>|' else c for c in method)
    return folder / "pictures" / safe / f"{score.picture.removesuffix('.png')}.png"


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
            content[part] = tuple(map(score_of, content[part]))
        known = [f.name for f in fields(Results)]
        return Results(**{name: content[name] for name in known if name in content})
    except FileNotFoundError as error:
        raise UserError(f"There is no {file}; `python -m esrgan evaluate` makes it.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{file} is not a file of results that can be read; delete it or name another."
        ) from error


def score_of(row: Mapping[str, Any]) -> Score:
    """A row as it is kept in JSON."""
    score = Score(**row)
    named: dict[str, Any] = {
        name: float("inf") for name in METRICS if getattr(score, name) == "inf"
    }
    if score.area:
        named["area"] = tuple(score.area)
    return replace(score, **named)


def without(scores: Iterable[Score], done: Iterable[Score]) -> tuple[Score, ...]:
    """The rows that `done` does not hold or replace."""
    replaced = {(*score.method, score.picture) for score in done}
    return tuple(score for score in scores if (*score.method, score.picture) not in replaced)
