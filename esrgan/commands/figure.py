"""`python -m esrgan figure KIND`: the paper's figures of one's own pictures and models."""

from argparse import Namespace, _SubParsersAction
from collections.abc import Callable, Sequence
from pathlib import Path

from esrgan.command_line import Parser
from esrgan.commands.common import add_running_options
from esrgan.commands.drawing import (
    ablation_drawn,
    add_crop_option,
    add_width_option,
    examples,
    write,
)
from esrgan.errors import UserError
from esrgan.evaluation.methods import PAIR, labels
from esrgan.evaluation.results import load_results
from esrgan.figures import (
    COLUMN_WIDTH,
    PAGE_WIDTH,
    Crop,
    active_share,
    check_figure_path,
)
from esrgan.figures.illustrations import (
    Example,
    brightness_figure,
    crops_figure,
    crops_of,
    features_figure,
    kept_numbers,
    measured_numbers,
    plane_figure,
    strip_figure,
)
from esrgan.inference.blend import MODES, STRIP_ALPHAS
from esrgan.models import zoo
from esrgan.pictures.images import load_image, to_rgb, to_uint8


def add(command: Parser) -> None:
    kinds = command.add_subparsers(required=True, metavar="KIND", parser_class=Parser)
    for kind in (_add_plane, _add_features, _add_crops, _add_ablation, _add_brightness, _add_strip):
        kind(kinds)


def _kind(
    kinds: "_SubParsersAction[Parser]",
    name: str,
    about: str,
    draw: Callable[[Namespace], int],
    width: float = PAGE_WIDTH,
) -> Parser:
    command = kinds.add_parser(name, help=about, description=about)
    command.add_argument("-o", "--out", type=Path, required=True, metavar="FILE.{png,pdf,svg}")
    add_width_option(command, width)
    command.add_argument("--latex", action="store_true", help="print the LaTeX that includes it")

    def run(options: Namespace) -> int:
        check_figure_path(options.out)  # before anything is computed
        return draw(options)

    command.set_defaults(run=run)
    return command


def _add_method_options(command: Parser) -> None:
    """Add the options that name pictures, besides --models."""
    command.add_argument(
        "--evaluation",
        type=Path,
        metavar="DIR",
        help="take pictures and numbers that `evaluate -o DIR` made; nothing is computed",
    )
    add_crop_option(command)
    add_running_options(command)
    command.set_defaults(results=[], alphas=[], mode=None, scale=None)


def _add_plane(kinds: "_SubParsersAction[Parser]") -> None:
    about = "the perception–distortion plane of an evaluation (Fig. 2)"
    command = _kind(kinds, "plane", about, plane, COLUMN_WIDTH)
    command.add_argument("evaluation", type=Path, metavar="DIR", help="of `evaluate -o DIR`")
    command.add_argument("--measure", choices=("niqe", "pi"), help="default: pi if it is there")


def plane(options: Namespace) -> int:
    drawn = plane_figure(load_results(options.evaluation), options.measure, options.width)
    return write(*drawn, options)


def _add_features(kinds: "_SubParsersAction[Parser]") -> None:
    about = "VGG19's features before and after activation (Fig. 6)"
    command = _kind(kinds, "features", about, features)
    command.add_argument("picture", type=Path)
    command.add_argument(
        "--layers", nargs="+", metavar="LAYER", help="default: conv2_2 and the last"
    )
    command.add_argument("--channels", type=int, default=6, help="maps of each layer")
    command.add_argument("--perceptual", default="builtin", help="builtin, torchvision or a file")


def features(options: Namespace) -> int:
    network = zoo.load_perceptual(options.perceptual)
    picture = to_rgb(to_uint8(load_image(options.picture)))
    shares = active_share(network, picture)
    drawn = features_figure(
        network,
        options.picture.stem,
        picture,
        shares,
        options.layers,
        options.channels,
        options.width,
    )
    for layer, share in shares.items():
        print(f"{layer} {100 * share:6.2f} % active")
    return write(*drawn, options)


def _add_crops(kinds: "_SubParsersAction[Parser]") -> None:
    command = _kind(kinds, "crops", "crops of results with their numbers (Fig. 7)", crops)
    command.add_argument("pictures", nargs="+", type=Path, metavar="HR")
    about = "names or files; bicubic (default: bicubic psnr gan, or all of the evaluation)"
    command.add_argument("--models", nargs="+", metavar="MODEL", help=about)
    _add_method_options(command)
    about = "folders with other methods' pictures"
    command.add_argument("--results", nargs="+", default=[], metavar="NAME=DIR", help=about)
    about = "points between the first two networks"
    command.add_argument("--alphas", nargs="+", type=float, default=[], metavar="A", help=about)
    about = "what alpha interpolates (default: network)"
    command.add_argument("--mode", nargs="+", choices=MODES, help=about)
    command.add_argument("--crops-only", action="store_true", help="without the whole picture")


def crops(options: Namespace) -> int:
    _default_models(options, ["bicubic", *PAIR])
    shown = examples(options, options.pictures)
    if options.evaluation:
        label, results = kept_numbers(load_results(options.evaluation), shown)
    else:
        label, results = measured_numbers(shown)
    whole = not options.crops_only
    drawn = crops_figure(shown, results, label, options.crop, options.width, whole)
    return write(*drawn, options)


def _default_models(options: Namespace, names: Sequence[str]) -> None:
    """Default of --models: these, or all that an evaluation holds."""
    if options.models is None and not options.evaluation:
        options.models = list(names)


def _add_ablation(kinds: "_SubParsersAction[Parser]") -> None:
    about = "models side by side, with what they are made of (Fig. 8)"
    command = _kind(kinds, "ablation", about, ablation)
    command.add_argument("pictures", nargs="+", type=Path, metavar="HR")
    about = "names or files (default: psnr gan-after gan)"
    default = ["psnr", "gan-after", "gan"]
    command.add_argument("--models", nargs="+", default=default, metavar="MODEL", help=about)
    _add_method_options(command)


def ablation(options: Namespace) -> int:
    names = list(dict.fromkeys(options.models))
    models = dict(zip(labels(names), names, strict=True))
    return write(*ablation_drawn(models, options.pictures, options), options)


def _add_brightness(kinds: "_SubParsersAction[Parser]") -> None:
    about = "brightness with the perceptual loss before and after activation (Fig. 9)"
    command = _kind(kinds, "brightness", about, brightness, COLUMN_WIDTH)
    command.add_argument("picture", type=Path, metavar="HR")
    names = ("BEFORE", "AFTER")
    command.add_argument("--models", nargs=2, default=["gan", "gan-after"], metavar=names)
    _add_method_options(command)


def brightness(options: Namespace) -> int:
    (example,) = examples(options, [options.picture])
    before, after = (row.picture for row in example.rows)
    crop = _one_crop(example, options)
    return write(*brightness_figure(example, before, after, crop, options.width), options)


def _add_strip(kinds: "_SubParsersAction[Parser]") -> None:
    about = "network interpolation above image interpolation (Fig. 10)"
    command = _kind(kinds, "strip", about, strip)
    command.add_argument("picture", type=Path, metavar="HR")
    names = ("PSNR", "GAN")
    command.add_argument("--models", nargs=2, metavar=names, help="default: psnr gan")
    _add_method_options(command)
    command.add_argument("--alphas", nargs="+", type=float, default=list(STRIP_ALPHAS), metavar="A")
    command.set_defaults(mode=list(MODES))


def strip(options: Namespace) -> int:
    _default_models(options, PAIR)
    (example,) = examples(options, [options.picture])
    crop = _one_crop(example, options)
    return write(*strip_figure(example, options.alphas, crop, options.width), options)


def _one_crop(example: Example, options: Namespace) -> Crop:
    """The crop of a figure that shows one only.

    Raises:
        UserError: --crop was given more than once.
    """
    crop, *more = crops_of(example.hr, options.crop)
    if more:
        raise UserError("This figure shows one crop; give --crop once.")
    return crop
