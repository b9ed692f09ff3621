"""`python -m esrgan animate`: a picture between two models, α from 0 to 1 and back."""

from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from esrgan.command_line import Parser
from esrgan.commands.common import add_running_options, make_upscaler, note_strangers
from esrgan.errors import UserError
from esrgan.evaluation.methods import PAIR
from esrgan.evaluation.pairs import load_pair
from esrgan.figures import Crop
from esrgan.figures.animation import Look, Source, check_animation_path, frames, save_animation
from esrgan.inference.blend import MODES, Blend
from esrgan.models import zoo
from esrgan.models.interpolation import alpha_weights
from esrgan.networks import Generator
from esrgan.pictures.images import load_image, to_uint8


def add(command: Parser) -> None:
    command.add_argument("picture", type=Path, help="HR, from which LR is made; LR with --lr")
    command.add_argument("-o", "--out", type=Path, required=True, metavar="FILE.{gif,webp,mp4}")
    command.add_argument("--lr", action="store_true", help="the picture is LR: upscale it")
    command.add_argument(
        "--models", nargs=2, default=PAIR, metavar=("A", "B"), help="default: psnr gan"
    )
    command.add_argument(
        "--mode",
        nargs="+",
        choices=MODES,
        default=["network"],
        help="what alpha interpolates; both stand side by side (default: network)",
    )
    command.add_argument(
        "--crop",
        nargs=4,
        type=int,
        metavar=("X", "Y", "W", "H"),
        help="in pixels of the result (default: the whole picture)",
    )
    look = Look()
    command.add_argument("--steps", type=int, default=look.steps, help="from 0 to 1 (default: 20)")
    command.add_argument(
        "--seconds", type=float, default=look.seconds, help="there and back (default: 4)"
    )
    command.add_argument(
        "--size",
        type=int,
        default=look.size,
        metavar="PIXELS",
        help="longest side of a picture: smaller ones are magnified by a whole factor, larger "
        f"ones shrunk (default: {look.size})",
    )
    command.add_argument("--no-caption", action="store_true", help="without α below")
    add_running_options(command)
    command.set_defaults(run=run)


def run(options: Namespace) -> int:
    check_animation_path(options.out)
    crop = Crop(*options.crop) if options.crop else None
    look = Look(crop, options.steps, options.seconds, options.size, not options.no_caption)
    networks = [zoo.load(model).network for model in options.models]
    if "network" in options.mode:
        note_strangers(networks)  # refuses different shapes
    lr = _lr(options, networks)
    make = partial(make_upscaler, options=options)
    between = sources(Blend(networks, make), lr)
    wanted = {mode: between[mode] for mode in dict.fromkeys(options.mode)}
    pictures = list(
        tqdm(frames(wanted, look), total=look.steps + 1, unit="frame", dynamic_ncols=True)
    )
    save_animation(pictures, options.out, look.seconds)
    print(options.out)
    return 0


def _lr(options: Namespace, networks: Sequence[Generator]) -> np.ndarray:
    """The picture to upscale, `uint8`.

    Raises:
        UserError: the models' scales differ, or the picture can't be read.
    """
    first, second = (network.scale for network in networks)
    if first != second:
        raise UserError(f"Only models of one scale can be animated, not ×{first} and ×{second}.")
    if options.lr:
        return to_uint8(load_image(options.picture))
    return load_pair(options.picture, None, first).lr


def sources(blend: Blend, lr: np.ndarray) -> dict[str, Source]:
    """LR at any α by network and by image interpolation."""

    def source(mode: str) -> Source:
        return lambda alpha: blend.by(mode, alpha_weights(alpha))(lr)

    return {mode: source(mode) for mode in MODES}
