"""NIQE: how natural a picture looks by itself (Mittal et al. 2013), after the MATLAB release.

Statistics of blocks of the picture are compared with those of good photographs, the pristine
model. No ground truth is needed; lower is better. The paper's perceptual index (Sec. 1) holds it.
"""

import hashlib
import json
import os
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import scipy  # whose parts load when first used: as much starts faster

from esrgan import assets
from esrgan.errors import UserError
from esrgan.evaluation.layouts import find_data_set, hr_pictures
from esrgan.evaluation.matfile import read_matrices
from esrgan.pictures.files import atomic_path
from esrgan.pictures.images import load_image, rgb_to_y
from esrgan.pictures.resize import imresize

BLOCK = 96  # pixels a side; half as many at the second scale
SCALES = (1, 2)
FEATURES = 36  # 18 a scale
# Neighbours whose products are fitted: beside, below, and along the two diagonals.
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
# Blocks of a pristine picture count if they are sharper than this share of its sharpest block.
SHARPNESS = 0.75
# Differences below this are rounding errors of the filters: grey levels, of 255.
ROUNDING = 1e-9
FITTED = assets.FOLDER / "niqe-fitted.npz"
# Where users keep the model of their numbers, below their home or what this variable names.
HOME_VARIABLE = "ESRGAN_HOME"
KEPT_NAME = "niqe-model.npz"
# The digest of the published model, which carries no name.
PUBLISHED = "27eb8d80c78756655515761a2b14fb834e4ee108e7a1840920d329143af0a0c4"
# What the published files call the mean and the covariance: MATLAB's, BasicSR's.
KEYS = (
    ("mean", "covariance"),
    ("mu_prisparam", "cov_prisparam"),
    ("mu_pris_param", "cov_pris_param"),
)
ARRAYS = {name for keys in KEYS for name in keys}
WORDS = {"name", "facts"}
# Bytes of a file, and of what it unpacks to, which is 11 kB; and the largest number in it.
LARGEST_FILE, LARGEST_NUMBER = 100_000, 1e6
LONGEST_NAME = 40
# What NumPy raises on files that are none of theirs, or damaged.
READING_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    MemoryError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


class UnmeasurableError(UserError):
    """A picture that NIQE can't judge; `short` says why in two words, for the cell of a table."""

    def __init__(self, message: str, short: str) -> None:
        super().__init__(message)
        self.short = short


@dataclass(frozen=True, eq=False)
class PristineModel:
    """The Gaussian that block statistics of good photographs follow.

    Attributes:
        mean: 36 float64.
        covariance: 36×36 float64.
        name: "" for the published model; others are named wherever their number is shown.
        facts: how it was fitted, if the file says so.
    """

    mean: np.ndarray
    covariance: np.ndarray
    name: str
    facts: str = ""

    @property
    def label(self) -> str:
        """The heading of a column of its numbers."""
        return f"NIQE ({self.name})" if self.name else "NIQE"

    @property
    def digest(self) -> str:
        """The same for models that give the same numbers."""
        arrays = np.concatenate([self.mean, self.covariance.ravel()])
        return hashlib.sha256(np.round(arrays, 6).tobytes()).hexdigest()


def niqe(image: np.ndarray, model: PristineModel | None = None, crop_border: int = 4) -> float:
    """The distance of a picture's statistics from a pristine model's, > 0; lower is better.

    By the protocol of PIRM: Y rounded to whole grey levels, the border shaved, cut to a multiple
    of 96 pixels.

    Args:
        image: H×W or H×W×3, `uint8` or `uint16`.
        model: of `load_pristine` or `fit_pristine`; by default the fitted one of this project,
            whose numbers are higher than those of the published one.
        crop_border: pixels cut off at each side.

    Raises:
        UnmeasurableError: fewer than two blocks of 96×96 pixels, or than two that are not flat.
    """
    model = load_pristine() if model is None else model
    luma = _luma(image, crop_border)
    if luma.size // BLOCK**2 < 2:
        height, width = image.shape[:2]
        raise UnmeasurableError(
            f"NIQE needs two blocks of {BLOCK}×{BLOCK} pixels inside a border of {crop_border}; "
            f"this picture of {width}×{height} pixels is too small.",
            "too small",
        )
    features, _ = block_features(luma)
    if np.isfinite(features).all(axis=1).sum() < 2:
        raise UnmeasurableError(
            "NIQE can't judge this picture: it is flat, almost without texture.", "too flat"
        )
    mean, covariance = _gaussian(features)
    difference = model.mean - mean
    pooled = np.linalg.pinv((model.covariance + covariance) / 2)
    return float(np.sqrt(difference @ pooled @ difference))  # Eq. 10 of Mittal et al.


def _luma(image: np.ndarray, crop_border: int) -> np.ndarray:
    """Y in whole grey levels, shaved and cut to a multiple of 96: float64, maybe empty."""
    inside = slice(crop_border, -crop_border or None)
    y = np.floor(rgb_to_y(image)[inside, inside] + 0.5)
    height, width = (side - side % BLOCK for side in y.shape)
    return y[:height, :width]


def block_features(luma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 36 features of each 96×96 block, and its sharpness (the mean local deviation).

    Args:
        luma: H×W float64 in 0 … 255, both sides multiples of 96.

    Returns:
        N×36, NaN where a flat block has no statistics, and N, float64.
    """
    scales = []
    sharpness = np.empty(0)
    for scale in SCALES:
        coefficients, deviation = normalized(luma)
        side = BLOCK // scale
        scales.append(_features(_blocks(coefficients, side)))  # N×18
        if scale == 1:
            sharpness = _blocks(deviation, side).mean(axis=(1, 2))
        luma = imresize(luma, 0.5)
    return np.concatenate(scales, axis=1), sharpness


def normalized(luma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean-subtracted, contrast-normalised coefficients (Eq. 1) and the local deviation, H×W.

    Local is a 7×7 Gaussian window of σ = 7/6; the border is replicated.
    """
    mean = _smoothed(luma)
    deviation = np.sqrt(np.abs(_smoothed(luma**2) - mean**2))
    difference = luma - mean
    difference[np.abs(difference) < ROUNDING] = 0  # so that flat parts are flat
    return difference / (deviation + 1), deviation


def _smoothed(plane: np.ndarray) -> np.ndarray:
    window = np.exp(-(np.arange(-3, 4) ** 2) / (2 * (7 / 6) ** 2))
    window /= window.sum()
    for axis in (0, 1):
        plane = scipy.ndimage.correlate1d(plane, window, axis=axis, mode="nearest")
    return plane


def _blocks(plane: np.ndarray, side: int) -> np.ndarray:
    """H×W cut into squares: N×side×side."""
    rows, columns = plane.shape[0] // side, plane.shape[1] // side
    squares = plane.reshape(rows, side, columns, side).swapaxes(1, 2)
    return squares.reshape(-1, side, side)


def _features(blocks: np.ndarray) -> np.ndarray:
    """The 18 features a scale of N×side×side blocks: N×18."""
    alpha, left, right = fit_aggd(blocks)
    features = [alpha, (left + right) / 2]
    for shift in SHIFTS:
        products = blocks * np.roll(blocks, shift, axis=(1, 2))
        alpha, left, right = fit_aggd(products)
        mean = (right - left) * _gamma(2 / alpha) / _gamma(1 / alpha)  # Eq. 8
        features += [alpha, mean, left, right]
    return np.stack(features, axis=1)


def fit_aggd(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Asymmetric generalised Gaussians fitted by moments (Eq. 4 … 7), one a block.

    Args:
        blocks: N×H×W float64.

    Returns:
        The shape α in 0.2 … 10 and the scales β left and right of 0, N float64 each. A block
        without values on both sides has NaN scales and α = 0.2, as MATLAB's `min` gives.
    """
    flat = blocks.reshape(len(blocks), -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        left, right = (_one_sided_deviation(flat, side) for side in (flat < 0, flat > 0))
        ratio = left / right
        moments = np.abs(flat).mean(axis=1) ** 2 / (flat**2).mean(axis=1)
        wanted = moments * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shapes, ratios = _gamma_ratios()
    nearest = np.searchsorted((ratios[1:] + ratios[:-1]) / 2, wanted)
    alpha = shapes[np.where(np.isnan(wanted), 0, nearest)]
    spread = np.sqrt(_gamma(1 / alpha) / _gamma(3 / alpha))
    return alpha, left * spread, right * spread


def _gamma(x: np.ndarray) -> np.ndarray:
    values: np.ndarray = scipy.special.gamma(x)
    return values


def _one_sided_deviation(flat: np.ndarray, side: np.ndarray) -> np.ndarray:
    return np.sqrt(np.where(side, flat**2, 0).sum(axis=1) / side.sum(axis=1))


@cache
def _gamma_ratios() -> tuple[np.ndarray, np.ndarray]:
    """Γ(2/α)² / (Γ(1/α) Γ(3/α)) for α = 0.2, 0.201 … 10; it grows with α."""
    shapes = np.arange(200, 10_001) / 1000
    return shapes, _gamma(2 / shapes) ** 2 / (_gamma(1 / shapes) * _gamma(3 / shapes))


def _gaussian(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of N×36, as MATLAB's `nanmean` (by column) and `nancov` (whole rows)."""
    complete = features[np.isfinite(features).all(axis=1)]
    return np.nanmean(features, axis=0), np.cov(complete, rowvar=False)


def fit_pristine(
    *folders: Path, name: str = "fitted", progress: Callable[[list[Path]], Iterable[Path]] = iter
) -> PristineModel:
    """A pristine model of one's own: the Gaussian of the sharp blocks of good photographs.

    Of each picture, the blocks that are sharper than 0.75 of its sharpest, as the paper selects.

    Args:
        folders: read recursively, of a data set its HR pictures; pictures below 96×96 pixels are
            left out.
        name: by which its numbers are told from the published model's.
        progress: wraps the list of files, such as tqdm.

    Raises:
        UserError: no pictures, LR ones among them, one that can't be decoded, or no more than
            36 sharp blocks in all.
    """
    files = [file for folder in folders for file in hr_pictures(find_data_set(folder)[0])]
    chosen = [_sharp_features(load_image(file)) for file in progress(files)]
    features = np.concatenate(chosen)
    if len(features) <= FEATURES:
        raise UserError(
            f"These pictures hold {len(features)} sharp blocks of {BLOCK}×{BLOCK} pixels; a "
            f"pristine model needs more than {FEATURES}, and hundreds to be good."
        )
    facts = {
        "folders": [folder.resolve().name for folder in folders],
        "pictures": sum(len(blocks) > 0 for blocks in chosen),
        "blocks": len(features),
    }
    mean, covariance = _gaussian(features)
    return PristineModel(mean, covariance, name, json.dumps(facts))


def _sharp_features(image: np.ndarray) -> np.ndarray:
    """The features of a picture's sharp blocks, N×36; flat blocks have none to give."""
    luma = _luma(image, crop_border=0)
    if luma.size == 0:
        return np.empty((0, FEATURES))
    features, sharpness = block_features(luma)
    sharp = sharpness > SHARPNESS * sharpness.max()
    return features[sharp & np.isfinite(features).all(axis=1)]


def save_pristine(model: PristineModel, path: Path) -> None:
    """Write an `.npz` for `load_pristine`, atomically.

    Raises:
        UserError: the suffix is not .npz, or the file can't be written.
    """
    if path.suffix != ".npz":
        raise UserError(f"A pristine model is written as .npz, not {path.name!r}.")
    name, facts = np.array(model.name), np.array(model.facts)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, mean=model.mean, covariance=model.covariance, name=name, facts=facts)


def kept_path() -> Path:
    """Where `niqe-model` keeps the model that `own_pristine` takes."""
    folder = os.environ.get(HOME_VARIABLE) or Path.home() / ".local" / "share" / "esrgan"
    return Path(folder) / KEPT_NAME


def own_pristine() -> PristineModel:
    """The model that this user keeps, or ours.

    Raises:
        UserError: what is kept is none.
    """
    kept = kept_path()
    return load_pristine(kept if kept.is_file() else FITTED)


def load_pristine(path: Path = FITTED) -> PristineModel:
    """A pristine model: ours as `.npz`, or the published one as `.mat` or BasicSR's `.npz`.

    The file may be anybody's: nothing in it is run, and it is read only as far as a pristine model
    goes. Without a name in the file, it is named after the file; only the published model has none.

    Raises:
        UserError: no such file, or not a pristine model.
    """
    if not path.is_file():
        raise UserError(f"There is no pristine model {path}.")
    try:
        data, is_matlab = _read_bytes(path), path.suffix.lower() == ".mat"
        arrays = read_matrices(data, ARRAYS, LARGEST_FILE) if is_matlab else _read_npz(data)
        keys = next(keys for keys in KEYS if keys[0] in arrays)
        mean, covariance = (arrays[key].astype(np.float64, casting="safe") for key in keys)
        mean = mean.reshape(FEATURES)
        covariance = covariance.reshape(FEATURES, FEATURES)
    except (StopIteration, *READING_ERRORS) as error:
        raise UserError(_no_model(path)) from error
    if not _is_gaussian(mean, covariance):
        raise UserError(_no_model(path))
    model = PristineModel(mean, covariance, path.stem, str(arrays.get("facts", "")))
    name = str(arrays.get("name", "")).strip() or path.stem
    return replace(model, name="" if model.digest == PUBLISHED else name[:LONGEST_NAME])


def _is_gaussian(mean: np.ndarray, covariance: np.ndarray) -> bool:
    """Whether it is one of finite, sensible numbers: a symmetric covariance that is nowhere
    negative but for rounding."""
    numbers = np.concatenate([mean[None], covariance])
    if not (np.abs(numbers) < LARGEST_NUMBER).all():  # nor NaN
        return False
    variances = np.linalg.eigvalsh(covariance)
    least = -1e-6 * variances[-1]
    return bool(np.allclose(covariance, covariance.T) and least <= variances[0])


def _read_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise ValueError("too large")
    return data


def _read_npz(data: bytes) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(BytesIO(data)) as packed:
        if any(member.file_size > LARGEST_FILE for member in packed.infolist()):
            raise ValueError("unpacks too large")
    with np.lib.npyio.NpzFile(BytesIO(data), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files if name in ARRAYS | WORDS}
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise ValueError("not an array")  # NumPy gives the bytes of what is none
    return arrays


def _no_model(path: Path) -> str:
    return (
        f"{path.name} is not a pristine model of NIQE: a .mat or .npz file with the mean of "
        f"{FEATURES} features and their covariance."
    )
