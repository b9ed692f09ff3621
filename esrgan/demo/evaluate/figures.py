"""Figures of an evaluation, drawn from the pictures that it kept.

Nothing is computed again; only Fig. 6 looks at the picture with the perceptual network. matplotlib
is imported when the first one is drawn.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from esrgan.demo.evaluate.job import HR, KEPT, Evaluation, pictures
from esrgan.demo.figure_file import FigureFile, check_form, saved
from esrgan.demo.limits import MAX_CROPS, MAX_LR_PIXELS
from esrgan.errors import UserError
from esrgan.inference.blend import MODES
from esrgan.models import zoo
from esrgan.pictures.images import crop_to_multiple, load_image, to_rgb, to_uint8

if TYPE_CHECKING:
    from esrgan.figures.compose import Drawn, Example
    from esrgan.figures.sheet import Crop

PLANE, FEATURES, CROPS, ABLATION = "plane", "features", "crops", "ablation"
BRIGHTNESS, STRIP = "brightness", "strip"
OF_ONE_CROP = (BRIGHTNESS, STRIP)
OF_CROPS = (CROPS, ABLATION, *OF_ONE_CROP)
BEFORE, AFTER = "gan", "gan-after"
SIDE = 64  # of a crop that was set by a click, in HR pixels
# The picture in which crops are marked: its longer side, and their colour.
PLACE_SIDE, MARK = 640, (208, 0, 0)

Box = tuple[int, int, int, int]  # x, y, width, height in HR pixels


def read_crops(text: str | None) -> list[Box]:
    """Read crops: lines of x, y, width and height.

    Raises:
        UserError: a line is something else, or there are too many.
    """
    boxes = []
    for line in filter(str.strip, (text or "").splitlines()):
        numbers = line.replace(",", " ").split()
        if len(numbers) != 4 or not all(n.isascii() and n.isdigit() for n in numbers):
            raise UserError(f"A crop is x y width height, such as 60 40 64 48, not {line[:40]!r}.")
        x, y, width, height = (int(number[:9]) for number in numbers)
        boxes.append((x, y, width, height))
    if len(boxes) > MAX_CROPS:
        raise UserError(f"A figure of the page shows up to {MAX_CROPS} crops, not {len(boxes)}.")
    return boxes


def write_crops(boxes: Sequence[Box]) -> str:
    """Write crops as `read_crops` reads them."""
    return "\n".join(" ".join(map(str, box)) for box in boxes)


def crop_around(
    evaluation: Evaluation, picture: str, point: tuple[int, int], before: Sequence[Box]
) -> Box:
    """The crop around a point of the picture that `FigureFile.place` shows, as large as the one
    before it, moved to where it is inside.

    Raises:
        UserError: there is no such picture.
    """
    height, width = _hr(evaluation, picture).shape[:2]
    scale = max(1.0, max(width, height) / PLACE_SIDE)
    *_, wide, high = before[-1] if before else (SIDE, SIDE)
    wide, high = min(wide, width), min(high, height)
    x, y = (round(value * scale) for value in point)
    left, top = x - wide // 2, y - high // 2
    return max(0, min(left, width - wide)), max(0, min(top, height - high)), wide, high


def draw(
    evaluation: Evaluation,
    kind: str,
    picture: str | None,
    suffix: str,
    width: float,
    crops: Sequence[Box] = (),
) -> FigureFile:
    """Draw a figure of what an evaluation kept.

    Args:
        kind: PLANE, of all pictures, or another, of one.
        picture: one of `pictures`; the first if None.
        suffix, width: as in `figure_file`.
        crops: of HR; the place where the methods differ most if there are none. BRIGHTNESS and
            STRIP show the first only.

    Raises:
        UserError: there are no rows yet, the evaluation lacks what the figure shows, or a crop is
            not inside the picture.
    """
    known = pictures(evaluation)
    picture = picture or next(iter(known), None)
    check_form(suffix, width)
    if picture is None:
        raise UserError("There is nothing to draw yet: evaluate some pictures first.")
    folder = evaluation.folder / "figures" / _digest(width, crops)
    stem = Path(picture).stem
    if kind not in OF_CROPS:
        name = kind if kind == PLANE else f"{kind}-{stem}"
        return saved(*_without_crops(evaluation, kind, picture, width), folder, name, suffix, width)
    (figure, caption), hr, shown = _of_crops(evaluation, kind, picture, width, crops)
    place = _marked(hr, shown, folder / f"{kind}-{stem}-crops.png")
    return saved(figure, caption, folder, f"{kind}-{stem}", suffix, width, place)


def _digest(width: float, crops: Sequence[Box]) -> str:
    """Digest of what the file's name does not say, so that no browser shows another figure."""
    return hashlib.sha256(f"{width} {crops}".encode()).hexdigest()[:16]


def _hr(evaluation: Evaluation, picture: str) -> np.ndarray:
    """HR picture, H×W×3 `uint8`, as it was compared.

    Raises:
        UserError: it is none of the evaluation's.
    """
    if picture not in pictures(evaluation):
        raise UserError("There is nothing to draw yet: evaluate some pictures first.")
    whole = to_rgb(to_uint8(load_image(evaluation.folder / HR / picture)))
    return crop_to_multiple(whole, evaluation.results.scale)


def _marked(hr: np.ndarray, crops: "Sequence[Crop]", path: Path) -> Path:
    """Write HR, made smaller for the page, with its crops marked."""
    height, width = hr.shape[:2]
    scale = min(1.0, PLACE_SIDE / max(width, height))
    image = Image.fromarray(hr).resize((round(width * scale), round(height * scale)))
    draw = ImageDraw.Draw(image)
    for crop in crops:
        ends = crop.x, crop.y, crop.x + crop.width, crop.y + crop.height
        corners = [scale * number for number in ends]
        draw.rectangle(corners, outline=MARK, width=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def _without_crops(evaluation: Evaluation, kind: str, picture: str, width: float) -> "Drawn":
    from esrgan.figures import compose

    if kind == PLANE:
        return compose.plane_figure(evaluation.results, width=width)
    return _features(_hr(evaluation, picture), Path(picture).stem, width)


def _of_crops(
    evaluation: Evaluation, kind: str, picture: str, width: float, crops: Sequence[Box]
) -> "tuple[Drawn, np.ndarray, Sequence[Crop]]":
    """The figure, HR, and the crops of it that are shown."""
    from esrgan.figures import ablation_side, compose, strip_side

    results = evaluation.results
    alphas = sorted({s.alpha for s in results.scores if s.alpha is not None})
    singles = [s.model for s in results.scores if s.picture == picture and s.alpha is None]
    example = _example(evaluation, kind, picture, singles, alphas)
    side = SIDE
    if kind == STRIP:
        side = strip_side(width, max(1, len(alphas)))
    elif kind == ABLATION:
        side = ablation_side(width, len(example.rows))
    found = compose.crops_of_example(example, crops, side)
    for crop in found:
        crop.cut(example.hr)  # refuses what is outside
    if kind == CROPS:
        boxes = [(crop.x, crop.y, crop.width, crop.height) for crop in found]
        (drawn,) = compose.crops_figures([example.with_hr()], results.niqe_label, boxes, width)
    elif kind == ABLATION:
        settings = {row.model: evaluation.settings[row.model] for row in example.rows}
        drawn = compose.ablation_figure([example] * len(found), found, settings, width)
    elif kind == STRIP:
        drawn = compose.strip_figure(example, alphas, found[0], width)
    else:
        before, after = (row.picture for row in example.rows)
        drawn = compose.brightness_figure(example, before, after, found[0], width)
    return drawn, example.hr, found[:1] if kind in OF_ONE_CROP else found


def _example(
    evaluation: Evaluation,
    kind: str,
    picture: str,
    singles: Sequence[str],
    alphas: Sequence[float],
) -> "Example":
    """What a figure of crops shows of a picture.

    Raises:
        UserError: the evaluation lacks it.
    """
    from esrgan.figures import compose

    names, modes, shown = singles, MODES, alphas
    if kind == CROPS:  # points of the network's curve where there is nothing else
        modes, shown = ("network",), () if singles else alphas
    elif kind == ABLATION:
        names, shown = [name for name in singles if name in evaluation.settings], ()
        if not names:
            raise UserError("This figure compares models; evaluate some.")
    elif kind == STRIP:
        names = []
    else:
        names, shown = [_result_of(model, singles) for model in (BEFORE, AFTER)], ()
    if picture not in pictures(evaluation):
        raise UserError("There is nothing to draw yet: evaluate some pictures first.")
    hr = evaluation.folder / HR / picture
    return compose.kept(evaluation.results, evaluation.folder / KEPT, hr, names, modes, shown)


def _features(hr: np.ndarray, title: str, width: float) -> "Drawn":
    """Fig. 6 by the built-in network.

    Raises:
        UserError: the picture is too large for the page, or too small for the network.
    """
    from esrgan.figures import active_share
    from esrgan.figures.compose import features_figure

    if hr.shape[0] * hr.shape[1] > MAX_LR_PIXELS:
        raise UserError(
            "The page shows features of pictures up to 1 megapixel; "
            "`python -m esrgan figure features` takes larger ones."
        )
    network = zoo.load_perceptual("builtin")
    return features_figure(network, title, hr, active_share(network, hr), width=width)


def _result_of(model: str, singles: Sequence[str]) -> str:
    """Name of a model in the results, where what is done after the network may stand behind it.

    Raises:
        UserError: it has none.
    """
    for name in singles:
        if name.split(" ")[0] == model:
            return name
    raise UserError(f"This figure compares {BEFORE} with {AFTER}; evaluate both.")
