"""Where the HR and LR pictures of a data set lie: the layouts in common use.

DIV2K and Flickr2K (`DIV2K_valid_HR` beside `DIV2K_valid_LR_bicubic/X4`), EDSR and SwinIR (`HR`
beside `LR_bicubic/X4`), BasicSR (`GTmod12` beside `LRbicx4`), KAIR (`testH` beside `testL`), RCAN
(`HR/Set5/x4` beside `LR/LRBI/Set5/x4`), SelfExSR (`image_SRF_4`), MATLAB scripts (`HR/x4` beside
`LR/x4`), IMDN (`Set5` beside `Set5_LR/x4`).
"""

import re
from pathlib import Path

from esrgan.errors import UserError
from esrgan.pictures.folders import list_images

# HR folders by the end of their names, the first that is there being taken; what stands before it,
# such as "DIV2K_valid_", stands before that of LR too. {} is the scale.
HR_ENDS = ("GTmod12", "GTmod4", "HR", "GT", "testH", "trainH")
LR_ENDS = (
    *("LRbicx{0}", "LR_bicubic/X{0}", "LR_bicubic_X{0}/X{0}", "LR/X{0}", "LR/x{0}"),
    *("LR/LRBI/x{0}", "testL", "trainL", "LR"),
)
SELF_EX_SR = "image_SRF_{}"
# A folder of LR pictures, or of what was made of them, by its name.
LR_NAME = re.compile(
    r"(?:.*[-_])?LR(?:[-_]?(?:bi|bic|bicubic|unknown|mild|difficult|wild|blur|bi|bd|dn|x\d|sub)+)*"
    r"(?:[-_]x\d)?|(?:test|train|val)L|(?:LR)?bic(?:ubic)?(?:x\d)?|x[2-8](?:_sub)?",
    re.IGNORECASE,
)
# What says of a folder which pictures of a data set are in it.
PLACE_NAME = re.compile(r"HR|GT(?:mod\d+)?|original|image_SRF_\d|x[2-8]|(?:test|train)H")
LISTED = 4  # folders in a message


def find_data_set(folder: Path, scale: int = 4) -> tuple[Path, Path | None]:
    """The folders of HR and of LR pictures in that of a data set; the folder itself and None where
    it is none of a known layout.

    Raises:
        UserError: it holds several.
    """
    inner = folder / SELF_EX_SR.format(scale)
    if inner.is_dir():
        return inner, None
    found = _marked(folder, scale) or _beside(folder, scale)
    within = [] if found else [each for each in _folders(folder) if _marked(each, scale)]
    if len(found) > 1 or within:
        places = found or [(each, None) for each in within]
        raise UserError(f"{folder} holds several data sets; {_advice(places)}.")
    return found[0] if found else (folder, None)


def _marked(folder: Path, scale: int) -> list[tuple[Path, Path | None]]:
    """HR folders by their names, each with its LR folder."""
    inner = _folders(folder)
    for end in HR_ENDS:
        places = [place for place in inner if _prefix(place.name, end) is not None]
        if places:
            return [
                pair
                for place in places
                for pair in _by_scale(place, f"{folder}/{_prefix(place.name, end)}", scale)
            ]
    return []


def _prefix(name: str, end: str) -> str | None:
    """DIV2K_valid_ of DIV2K_valid_HR."""
    prefix = name.removesuffix(end)
    return prefix if prefix != name and (not prefix or prefix[-1] in "-_") else None


def _by_scale(place: Path, start: str, scale: int) -> list[tuple[Path, Path | None]]:
    """An HR folder with its LR folder, or those below it that are of this scale (RCAN, MATLAB)."""
    scaled = place / f"x{scale}"
    sets = [each for each in _folders(place) if (each / f"x{scale}").is_dir()]
    if sets and not scaled.is_dir():
        lows = (f"{start}LR/LRBI", f"{start}LR")
        return [
            (each / f"x{scale}", _first(*(f"{low}/{each.name}/x{scale}" for low in lows)))
            for each in sets
        ]
    lr = _first(*(start + end.format(scale) for end in LR_ENDS))
    return [(scaled if scaled.is_dir() else place, lr)]


def _beside(folder: Path, scale: int) -> list[tuple[Path, Path | None]]:
    """Set5 beside Set5_LR, and what else is no LR folder; none where nothing is beside its LR."""
    found = [
        (place, _first(f"{place}_LR/x{scale}", f"{place}_LR/X{scale}", f"{place}_LR"))
        for place in _folders(folder)
        if not LR_NAME.fullmatch(place.name)
    ]
    return found if any(lr for _, lr in found) else []


def _folders(folder: Path) -> list[Path]:
    return sorted(place for place in folder.iterdir() if place.is_dir()) if folder.is_dir() else []


def _first(*places: str) -> Path | None:
    return next((Path(place) for place in places if Path(place).is_dir()), None)


def set_name(folder: Path) -> str:
    """Set5 for Set5/HR, Set5/image_SRF_4 and HR/Set5/x4."""
    parts = folder.resolve().parts
    own = [part for part in parts[1:] if not PLACE_NAME.fullmatch(part)]
    return own[-1] if own else parts[-1]


def hr_pictures(folder: Path) -> list[Path]:
    """The pictures of a folder and of those in it, all of which are taken for HR.

    Raises:
        UserError: as `list_images`, or a folder in it is named as one of LR pictures.
    """
    files = list_images(folder)
    below = {file: file.relative_to(folder).parts[:-1] for file in files}
    low = [file.parent for file in files if any(map(LR_NAME.fullmatch, below[file]))]
    if low:
        high = dict.fromkeys(file.parent for file in files if file.parent not in low)
        found: list[tuple[Path, Path | None]] = [(place, None) for place in high]
        raise UserError(
            f"{folder} holds LR pictures, or those of several scales, in {low[0]}; "
            f"{_advice(found)}."
        )
    return files


def _advice(found: list[tuple[Path, Path | None]]) -> str:
    """Which folders to name."""
    told = [f"{hr} with --lr {lr}" if lr else str(hr) for hr, lr in found[:LISTED]]
    more = f" or another of {len(found)}" if len(found) > LISTED else ""
    return ": ".join(["name the folder of HR pictures", *[", ".join(told) + more] * bool(told)])
