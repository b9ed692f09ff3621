"""`python -m esrgan compare`: models side by side, as one HTML page that works offline."""

from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from esrgan.command_line import Parser
from esrgan.commands.common import (
    add_picture_options,
    add_running_options,
    check_crop,
    check_page_name,
    make_upscaler,
    note_strangers,
    write_page,
)
from esrgan.errors import UserError
from esrgan.evaluation.methods import PAIR, labels
from esrgan.evaluation.pairs import load_pair
from esrgan.inference.blend import DEFAULT_ALPHA, Blend
from esrgan.models import interpolation, zoo
from esrgan.models.interpolation import alpha_weights
from esrgan.pictures.encoding import encode_for_browsers
from esrgan.pictures.images import load_image, to_rgb, to_uint8
from esrgan.pictures.places import most_different
from esrgan.pictures.resize import imresize
from esrgan.studies.sources import pictures_named
from esrgan.viewer.saved_page import bytes_in_page, saved_page
from esrgan.viewer.shown import MODELS, Look, Shown, score_line, size_line, titles_of

USUAL = (*PAIR, "gan-after")  # whose titles need not name them
FRAMES, MOST_FRAMES = 11, 101  # of α, whose step is 0.01
MAX_MB = 100.0
THUMBNAIL = 168  # pixels of its shorter side


def add(command: Parser) -> None:
    add_picture_options(command, "+")
    command.add_argument(
        "--models",
        nargs="+",
        default=PAIR,
        metavar="MODEL",
        help="two or three names or files: α = 0, α = 1, and a third (default: psnr gan)",
    )
    command.add_argument("--lr", action="store_true", help="the pictures are LR: upscale them")
    command.add_argument(
        "--frames",
        type=int,
        default=FRAMES,
        metavar="N",
        help="α from 0 to 1 at which the network's own picture is there; between them the page "
        f"blends neighbours (default: {FRAMES})",
    )
    about = "show only the N×N pixels where the models differ most"
    command.add_argument("--crop", type=int, metavar="N", help=about)
    about = "of the page (default: the picture's name)"
    command.add_argument("--title", default="", metavar="TEXT", help=about)
    about = f"the largest page to write (default: {MAX_MB:g})"
    command.add_argument("--max-mb", type=float, default=MAX_MB, metavar="MB", help=about)
    add_running_options(command)
    command.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Write the page and say how large it is."""
    _check(options)
    models = _models(options)
    files = pictures_named(options.pictures, models.scale, options.lr)
    if not files:
        raise UserError("There is no picture to compare.")
    page = saved_page(_within(options.max_mb, _made(files, models, options)), options.title)
    size = write_page(options.out, page)
    print(
        f"{options.out}: {size:.1f} MB, pictures: {len(files)}, values of α: {len(models.alphas)}"
    )
    return 0


def _check(options: Namespace) -> None:
    """Raises UserError if options are wrong, before anything is computed."""
    check_page_name(options.out)
    if len(options.models) not in (2, 3):
        raise UserError(f"Name two or three models, not {len(options.models)}.")
    if not 2 <= options.frames <= MOST_FRAMES:
        raise UserError(f"--frames is from 2, the models themselves, to {MOST_FRAMES}.")
    check_crop(options.crop)


def _within(max_mb: float, comparisons: Iterator[Shown]) -> Iterator[Shown]:
    """The comparisons, as long as a page of so many MB holds them."""
    size = 0
    for number, comparison in enumerate(comparisons, 1):
        size += bytes_in_page(comparison)
        if size > max_mb * 1e6:
            raise UserError(
                f"After {number} of the pictures the page has {size / 1e6:.3g} MB, more than the "
                f"{max_mb:g} of --max-mb. Take fewer frames (--frames 5), crops (--crop 256) or "
                "fewer pictures, or allow more."
            )
        yield comparison


@dataclass(frozen=True)
class _Models:
    """The models of all comparisons.

    Attributes:
        alphas: at which the network's own picture is made.
        titles, obstacle, third_obstacle: as in `Shown`.
    """

    blend: Blend
    alphas: Sequence[float]
    titles: Mapping[str, str]
    obstacle: str | None
    third_obstacle: str | None

    @property
    def number(self) -> int:
        return len(self.blend.networks)

    @property
    def scale(self) -> int:
        return self.blend.networks[0].scale

    def weights(self, alpha: float) -> tuple[float, ...]:
        return (*alpha_weights(alpha), 0.0)[: self.number]


def _models(options: Namespace) -> _Models:
    """The models that are asked for.

    Raises:
        UserError: as `zoo.load`, or their scales differ.
    """
    networks = [zoo.load(model).network for model in options.models]
    scales = sorted({network.scale for network in networks})
    if len(scales) > 1:
        factors = " and ".join(f"×{scale}" for scale in scales)
        raise UserError(f"Only models of one scale can be compared, not {factors}.")
    obstacle = interpolation.obstacle(networks[:2])
    if obstacle is None:
        note_strangers(networks[:2])
    steps = options.frames - 1 if obstacle is None else 1
    usual = tuple(options.models) == USUAL[: len(networks)]
    return _Models(
        Blend(networks, partial(make_upscaler, options=options)),
        [round(step / steps, 2) for step in range(steps + 1)],
        {} if usual else titles_of(labels(options.models)),
        obstacle,
        interpolation.obstacle(networks),
    )


def _made(
    files: Sequence[tuple[Path, Path | None]], models: _Models, options: Namespace
) -> Iterator[Shown]:
    """The comparisons of the pictures of `pictures_named`, one after another."""
    each = models.number + len(models.alphas) - 2
    with tqdm(total=len(files) * each, unit="result", dynamic_ncols=True) as bar:
        for file, lr_file in files:
            bar.set_postfix_str(file.name)
            if options.lr:
                lr, hr = to_uint8(load_image(file)), None
            else:
                pair = load_pair(file, lr_file, models.scale)
                lr, hr = pair.lr, pair.hr
            yield _compared(file.stem, lr, hr, models, options.crop, bar.update)


def _compared(
    name: str,
    lr: np.ndarray,
    hr: np.ndarray | None,
    models: _Models,
    side: int | None,
    done: Callable[[], object],
) -> Shown:
    """The comparison of one picture, or of its place where the models differ most.

    Args:
        side: of that place.
        done: told of each result.
    """
    blend, scale = models.blend, models.scale
    results = {}
    for place, pane in enumerate(MODELS[: models.number]):
        alone = [float(place == other) for other in range(models.number)]
        results[pane] = blend.image(alone)(lr)
        done()
    ends = [results["psnr"], results["gan"]]
    height, width = ends[0].shape[:2]
    box = (0, 0, width, height) if side is None else most_different(ends, side, scale)

    def cut(picture: np.ndarray) -> np.ndarray:
        """The place in LR, or in a picture of the results' size."""
        x, y, w, h = (number * picture.shape[0] // height for number in box)
        return picture[y : y + h, x : x + w]

    given = {"lr": lr} if hr is None else {"lr": lr, "hr": hr}
    pictures = {pane: cut(picture) for pane, picture in given.items()}
    scores = {pane: size_line(picture) for pane, picture in pictures.items()}

    def scored(key: str, picture: np.ndarray) -> np.ndarray:
        shown = cut(picture)
        scores[key] = score_line(shown, pictures.get("hr"), scale)
        return shown

    pictures["bicubic"] = scored("bicubic", imresize(lr, scale))
    own = {pane: scored(pane, picture) for pane, picture in results.items()}
    if "after" in own:
        pictures["after"] = own["after"]
    frames = {}
    for alpha in models.alphas:
        weights = models.weights(alpha)
        scored(f"image {alpha:g}", blend.image(weights)(lr))
        frames[alpha] = _file(scored(f"network {alpha:g}", blend.network(weights)(lr)))
        if 0 < alpha < 1:
            done()
    start = min(models.alphas, key=lambda alpha: abs(alpha - DEFAULT_ALPHA))
    return Shown(
        name=name,
        width=box[2],
        height=box[3],
        pictures={pane: _file(picture) for pane, picture in pictures.items()},
        frames=frames,
        scores=scores,
        titles=models.titles,
        obstacle=models.obstacle,
        third_obstacle=models.third_obstacle,
        look=Look(network=start, image=start),
        thumbnail=_thumbnail(pictures.get("hr", pictures["bicubic"])),
    )


def _file(picture: np.ndarray) -> bytes:
    picture = to_uint8(picture)
    return encode_for_browsers(picture if picture.ndim == 2 else to_rgb(picture))


def _thumbnail(picture: np.ndarray) -> bytes:
    by = min(1, THUMBNAIL / min(picture.shape[:2]))
    width, height = (max(1, round(by * side)) for side in picture.shape[1::-1])
    return _file(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))
