"""HR pictures and their LR (or another method's results), found by the names in common use."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from esrgan.errors import UserError
from esrgan.evaluation.common_area import MOST_OFF
from esrgan.evaluation.layouts import find_data_set, hr_pictures
from esrgan.pictures.folders import is_image, list_files
from esrgan.pictures.images import crop_to_multiple, load_image, to_uint8
from esrgan.pictures.resize import imresize

# What stands behind a picture's own name: baby_HR, babyx4, img_001_SRF_4_LR, baby_LRBI_x4.
MARKS = r"(?:[-_ ]?x[2-8]|[-_ ](?:hr|gt|lr(?:bi|bic|bicubic)?|sr|srf[-_]?[2-8]|rlt|out))+$"
# What begins that of which a result's name has more than the picture's own.
MORE = re.compile(r"[-_ ]|x[2-8](?![0-9a-z])", re.IGNORECASE)
LISTED = 4  # files in a message
HR_MARK = re.compile(r"[-_ ](hr|gt)([-_ ]?x[2-8])?$", re.IGNORECASE)
LR_MARK = re.compile(r"[-_ ]lr(bi|bic|bicubic)?([-_ ]?x[2-8])?$", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """A ground truth (cut to a multiple of the scale) and its LR picture, `uint8`."""

    name: str
    lr: np.ndarray
    hr: np.ndarray


class Candidates:
    """Pictures among which one is sought that shows the same as another, by its name.

    Args:
        files: the pictures.
        folder: theirs, for messages.
        method: whose results they are, which says that more may stand behind a picture's own name:
            baby_SRGAN.png, baby_RCAN_x4.png, baby_ESRGAN_SRx4_official.png, baby_400000.png.
    """

    def __init__(self, files: Sequence[Path], folder: Path, method: str = "") -> None:
        self.folder, self.method = folder, method
        self._files = files
        self._by_name: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        self._by_own_name: dict[str, list[Path]] = {}
        for file in files:
            self._by_name.setdefault(file.name, []).append(file)
            self._by_stem.setdefault(file.stem, []).append(file)
            self._by_own_name.setdefault(_own_name(file.stem, method), []).append(file)

    def match(self, name: str) -> Path:
        """The picture of the same name as this HR file, or but for the suffixes.

        Raises:
            UserError: there is none, or more than one.
        """
        stem = Path(name).stem
        same = self._by_name.get(name) or self._by_stem.get(stem)
        same = same or self._by_own_name.get(_own_name(stem), [])
        if self.method:
            more = self._with_more(_own_name(stem), only_named=bool(same))
            same = list(dict.fromkeys([*same, *more]))
        if len(same) > 1:
            listed = ", ".join(str(file) for file in same[:LISTED]) + ", …" * (len(same) > LISTED)
            raise UserError(f"Each of {listed} could belong to {name}; leave one of them there.")
        if not same:
            raise UserError(
                f"{self.folder} lacks {name}, or a picture whose name differs in its suffix only."
            )
        return same[0]

    def _with_more(self, own: str, only_named: bool) -> list[Path]:
        """Those whose names begin with a picture's own: of several, those that have the method's
        name, and of these the ones whose ending is the commonest, as of a and a_b one is not to
        take a_b_SRGAN.png for a.

        Args:
            only_named: whether the method's name must be there, as a word of its own.
        """
        found = {file: rest for file in self._files if (rest := _rest(file.stem, own))}
        named = {f: rest for f, rest in found.items() if self.method.lower() in rest.lower()}
        if only_named:
            word = re.compile(rf"[-_ ]{re.escape(self.method)}(?![0-9a-z])", re.IGNORECASE)
            named = found = {f: rest for f, rest in named.items() if word.search(rest)}
        endings = {
            file: sum(other.stem.endswith(rest) for other in self._files)
            for file, rest in (named or found).items()
        }
        most = max(endings.values(), default=0)
        return [file for file, count in endings.items() if count == most]


def _rest(stem: str, own: str) -> str:
    """What stands behind a picture's own name in that of a result; "" where that is another's."""
    rest = stem.removeprefix(own)
    return rest if rest != stem and MORE.match(rest) else ""


def pair_files(
    hr_folder: Path, lr_folder: Path | None, scale: int = 4
) -> list[tuple[Path, Path | None]]:
    """The HR pictures of a folder, each with its LR picture if there are any.

    Understood are two folders of equal names, or of names that differ in suffixes such as `_HR`,
    `_LR` and `x4`; one folder of `*_HR` and `*_LR`; and the folder of a data set as
    `find_data_set` knows them.

    Raises:
        UserError: a folder is missing or empty, it holds several data sets or LR pictures among
            HR ones, or an LR picture is missing or ambiguous.
    """
    files, candidates = hr_and_candidates(hr_folder, lr_folder, scale)
    return [(file, candidates.match(file.name) if candidates else None) for file in files]


def hr_and_candidates(
    hr_folder: Path, lr_folder: Path | None, scale: int = 4
) -> tuple[list[Path], Candidates | None]:
    """The HR pictures that `pair_files` pairs, and the LR pictures among which it seeks, if any.

    Raises:
        UserError: as `pair_files`, or two HR pictures have the same name.
    """
    hr_folder, found = find_data_set(hr_folder, scale)
    lr_folder = lr_folder or found
    files = hr_pictures(hr_folder)
    marked = [file for file in files if HR_MARK.search(file.stem)]
    low = [file for file in files if LR_MARK.search(file.stem)]
    if marked and low:
        files = marked
    _check_names(files)
    if lr_folder:
        return files, Candidates(pictures_of(lr_folder), lr_folder)
    return files, Candidates(low, hr_folder) if marked and low else None


def pictures_of(folder: Path) -> list[Path]:
    """The pictures of a folder without its sub-folders, maybe none.

    Raises:
        UserError: there is no such folder.
    """
    return [file for file in list_files(folder, recursive=False) if is_image(file)]


def _check_names(files: Sequence[Path]) -> None:
    seen: dict[str, Path] = {}
    for file in files:
        if file.name in seen:
            raise UserError(f"{seen[file.name]} and {file} have the same name; rename one.")
        seen[file.name] = file


def _own_name(stem: str, method: str = "") -> str:
    """baby for baby_HR, babyx4 and baby_LRBI_x4; with a method's name, also for baby_SRGAN."""
    if method:
        stem = re.sub(rf"[-_ ]{re.escape(method)}$", "", stem, flags=re.IGNORECASE)
    return re.sub(MARKS, "", stem, flags=re.IGNORECASE)


def load_pair(hr_file: Path, lr_file: Path | None, scale: int) -> Pair:
    """Decode an HR picture and its LR; without a file, LR is made by our resize.

    Raises:
        UserError: a file can't be decoded, or the LR's size is not 1/scale of the HR's.
    """
    hr = crop_to_multiple(to_uint8(load_image(hr_file)), scale)
    if lr_file is None:
        return Pair(hr_file.name, imresize(hr, 1 / scale), hr)
    lr = to_uint8(load_image(lr_file))
    expected = (hr.shape[0] // scale, hr.shape[1] // scale)
    if lr.shape[:2] != expected:
        raise UserError(
            f"{lr_file} is {lr.shape[1]}×{lr.shape[0]} pixels, but {hr_file} at 1/{scale} "
            f"makes {expected[1]}×{expected[0]}."
        )
    return Pair(hr_file.name, lr, hr)


def load_result(file: Path, pair: Pair, off_by: int = 0) -> np.ndarray:
    """Another method's picture, `uint8`, of the size of the pair's HR.

    Args:
        off_by: pixels by which its sides may differ from the HR's.

    Raises:
        UserError: it can't be decoded, or is of another size.
    """
    sr = to_uint8(load_image(file))
    off = max(abs(a - b) for a, b in zip(sr.shape[:2], pair.hr.shape[:2], strict=True))
    if off > off_by:
        hint = "" if off > MOST_OFF else "; `evaluate --crop-to-common` measures what both show"
        raise UserError(
            f"{file} is {sr.shape[1]}×{sr.shape[0]} pixels, but the HR picture {pair.name} "
            f"is {pair.hr.shape[1]}×{pair.hr.shape[0]}{hint}."
        )
    return sr
