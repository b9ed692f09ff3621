"""`python -m esrgan figure KIND`: the paper's figures of one's own pictures and models."""

import sys
from argparse import Namespace, _SubParsersAction
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import matplotlib as mpl

from esrgan.command_line import Parser
from esrgan.commands.common import (
    add_running_options,
    choose_methods,
    make_upscaler,
    named_otherwise,
)
from esrgan.errors import UserError
from esrgan.evaluation.evaluate import BASIC
from esrgan.evaluation.methods import COMPARATORS, PAIR, Selection, labels, model_settings
from esrgan.evaluation.niqe import own_pristine
from esrgan.evaluation.renaming import renamed, renaming
from esrgan.evaluation.results import METRICS, OF_METHODS, load_results
from esrgan.figures import (
    CAPTION_HEIGHT,
    COLUMN_WIDTH,
    PAGE_WIDTH,
    SERIF,
    TEMPLATES,
    TEXT_HEIGHT,
    Crop,
    ablation_side,
    active_share,
    check_figure_path,
    save_figures,
    strip_side,
)
from esrgan.figures.compose import (
    Drawn,
    Example,
    ablation_figure,
    brightness_figure,
    brightness_set_figure,
    check_metrics,
    crops_figures,
    crops_of_example,
    features_figure,
    kept,
    made,
    measured,
    plane_figure,
    strip_figure,
)
from esrgan.inference.blend import MODES, STRIP_ALPHAS
from esrgan.models import zoo
from esrgan.pictures.images import load_image, to_rgb, to_uint8

# Of the built-in perceptual network, whose neurons are not those that the paper speaks of.
NOT_VGG = (
    "the built-in network is half as wide as VGG19 and knows Caltech-101 only: other neurons stay "
    "active than in the paper's. --perceptual torchvision takes ImageNet's VGG19, which is fetched "
    "once, and --perceptual FILE one that you have"
)


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
    about = "the width of its column or page, and a serif typeface as its text"
    command.add_argument("--for", choices=TEMPLATES, dest="template", help=about)
    span = "column" if width == COLUMN_WIDTH else "page"
    about = f"with --for (default: {span})"
    command.add_argument("--span", choices=("column", "page"), default=span, help=about)
    command.add_argument("--latex", action="store_true", help="print the LaTeX that includes it")

    def run(options: Namespace) -> int:
        check_figure_path(options.out)  # before anything is computed
        options.height = TEXT_HEIGHT - CAPTION_HEIGHT
        if not options.template:
            return draw(options)
        template = TEMPLATES[options.template]
        options.width = template.page if options.span == "page" else template.column
        options.height = template.height - CAPTION_HEIGHT
        with mpl.rc_context(SERIF):
            return draw(options)

    command.set_defaults(run=run)
    return command


def add_width_option(command: Parser, width: float) -> None:
    about = f"of the figure; a paper's column is {COLUMN_WIDTH} (default: {width:g})"
    command.add_argument("--width", type=float, default=width, metavar="INCHES", help=about)


def add_crop_option(command: Parser) -> None:
    command.add_argument(
        "--crop",
        nargs=4,
        type=int,
        action="append",
        metavar=("X", "Y", "W", "H"),
        help="in HR pixels, again for more (default: where the methods differ most)",
    )


def add_name_option(command: Parser, of: str) -> None:
    about = f"names in the {of}: net_g_latest.pth=Ours"
    command.add_argument("--name", nargs="+", default=[], metavar="OLD=NEW", help=about)


def _write(drawn: Sequence[Drawn], options: Namespace) -> int:
    """Save figures as -o says and, if asked to, print their LaTeX; the exit code."""
    for file, latex in save_figures(drawn, options.out, options.width).items():
        print(file)
        if options.latex:
            print(latex)
    return 0


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


def _chosen(
    options: Namespace,
    models: Sequence[str],
    alphas: Sequence[float] = (),
    modes: Sequence[str] | None = None,
    results: Sequence[str] = (),
) -> Selection:
    make = partial(make_upscaler, options=options)
    return choose_methods(models, make, alphas, modes, results)


def _kept(
    options: Namespace,
    files: Sequence[Path],
    models: Sequence[str] | None,
    alphas: Sequence[float] = (),
    modes: Sequence[str] | None = None,
) -> list[Example]:
    """Results that `evaluate` kept of pictures in the folder of --evaluation.

    Args:
        files: of HR pictures; names are enough.
        models: None for all that there are.
    """
    results = load_results(options.evaluation)
    names = None if models is None else labels(models)
    curves = (modes or ["network"], alphas)
    return [kept(results, options.evaluation, file, names, *curves) for file in files]


def _example(
    options: Namespace,
    models: Sequence[str],
    alphas: Sequence[float] = (),
    modes: Sequence[str] | None = None,
) -> Example:
    """The one picture of a figure: kept, or made here and now."""
    if options.evaluation:
        return _kept(options, [options.picture], models, alphas, modes)[0]
    chosen = _chosen(options, models, alphas, modes)
    return made(chosen.methods, options.picture, chosen.scale)


def _add_plane(kinds: "_SubParsersAction[Parser]") -> None:
    about = "the perception–distortion plane of an evaluation (Fig. 2)"
    command = _kind(kinds, "plane", about, plane, COLUMN_WIDTH)
    command.add_argument("evaluation", type=Path, metavar="DIR", help="of `evaluate -o DIR`")
    command.add_argument("--measure", choices=("niqe", "pi"), help="default: pi if it is there")
    about = "bars of the methods' 95 %% bootstrap intervals over pictures"
    command.add_argument("--intervals", action="store_true", help=about)
    about = "methods that are emphasised"
    command.add_argument("--ours", nargs="+", default=[], metavar="METHOD", help=about)
    add_name_option(command, "figure, of methods")
    about = "PIRM's regions (default: where the evaluation's folder is named after PIRM)"
    command.add_argument("--regions", action="store_true", help=about)


def plane(options: Namespace) -> int:
    results = load_results(options.evaluation)
    models = dict.fromkeys(name for s in results.scores for name in (s.model, *s.model.split("–")))
    names = renaming(named_otherwise(options.name), models, ())
    results = renamed({"": results}, names)[""]
    regions = options.regions or "pirm" in results.hr.lower()
    ours = [names.get(name, name) for name in options.ours]
    looks = options.width, regions, options.intervals, ours
    return _write([plane_figure(results, options.measure, *looks)], options)


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
    if options.perceptual == "builtin":
        print(f"note: {NOT_VGG}", file=sys.stderr)
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
    return _write([drawn], options)


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
    own = [name for name in METRICS if name not in OF_METHODS]
    about = "below each crop: PSNR, SSIM and NIQE by default; with --evaluation any of "
    about += ", ".join(own)
    command.add_argument(
        "--metrics", nargs="+", choices=own, default=(), metavar="METRIC", help=about
    )
    add_name_option(command, "figure, of methods and pictures")


def crops(options: Namespace) -> int:
    models, files = options.models, options.pictures
    if options.evaluation:
        label = load_results(options.evaluation).niqe_label
        shown = _kept(options, files, models, options.alphas, options.mode)
        shown = [example.with_hr() for example in shown]
    else:
        check_metrics(options.metrics, BASIC)
        models = models or ["bicubic", *PAIR]
        chosen = _chosen(options, models, options.alphas, options.mode, options.results)
        pristine = own_pristine()
        label = pristine.label
        examples = [made(chosen.methods, file, chosen.scale) for file in files]
        shown = [measured(example, chosen.scale, pristine) for example in examples]
    known = {row.model: None for example in shown for row in example.rows}
    titles = [example.name for example in shown]
    names = renaming(named_otherwise(options.name), known, titles)
    shown = [example.renamed(names) for example in shown]
    looks = options.crop, options.width, not options.crops_only, options.metrics, options.height
    return _write(crops_figures(shown, label, *looks), options)


def _add_ablation(kinds: "_SubParsersAction[Parser]") -> None:
    about = "models side by side, with what they are made of (Fig. 8)"
    command = _kind(kinds, "ablation", about, ablation)
    command.add_argument("pictures", nargs="+", type=Path, metavar="HR")
    about = "names or files (default: psnr gan-after gan)"
    default = ["psnr", "gan-after", "gan"]
    command.add_argument("--models", nargs="+", default=default, metavar="MODEL", help=about)
    _add_method_options(command)


def ablation(options: Namespace) -> int:
    names, files = list(dict.fromkeys(options.models)), options.pictures
    check_crop_count(options.crop, files)
    others = [name for name in names if name in COMPARATORS]
    if others:
        raise UserError(f"This figure compares models, and {others[0]} is none.")
    if options.evaluation:
        shown = _kept(options, files, names)
        models = [zoo.load(name) for name in names]
    else:
        chosen = _chosen(options, names)
        shown = [made(chosen.methods, file, chosen.scale) for file in files]
        models = list(chosen.models.values())
    settings = dict(zip(labels(names), map(model_settings, models), strict=True))
    crops = crop_each(shown, options.crop, options.width)
    return _write([ablation_figure(shown, crops, settings, options.width)], options)


def check_crop_count(crops: Sequence[Sequence[int]] | None, pictures: Sequence[Path]) -> None:
    """Raises UserError if crops are given, but not one a picture."""
    if crops and len(crops) != len(pictures):
        raise UserError(f"Give one --crop a picture: {len(pictures)}, not {len(crops)}.")


def crop_each(
    shown: Sequence[Example], crops: Sequence[Sequence[int]] | None, width: float
) -> list[Crop]:
    """One crop an example: those given, or where the models differ most."""
    wanted = [[crop] for crop in crops] if crops else [None] * len(shown)
    side = ablation_side(width, len(shown[0].rows))
    return [crops_of_example(each, crop, side)[0] for each, crop in zip(shown, wanted, strict=True)]


def _add_brightness(kinds: "_SubParsersAction[Parser]") -> None:
    about = "brightness with the perceptual loss before and after activation (Fig. 9)"
    command = _kind(kinds, "brightness", about, brightness, COLUMN_WIDTH)
    about = "a picture (default: all of the evaluation, as curves of the differences to HR)"
    command.add_argument("picture", nargs="?", type=Path, metavar="HR", help=about)
    names = ("BEFORE", "AFTER")
    command.add_argument("--models", nargs=2, default=["gan", "gan-after"], metavar=names)
    _add_method_options(command)


def brightness(options: Namespace) -> int:
    if options.picture is None:
        return _write([_brightness_of_set(options)], options)
    example = _example(options, options.models)
    before, after = (row.picture for row in example.rows)
    crop = _one_crop(example, options)
    return _write([brightness_figure(example, before, after, crop, options.width)], options)


def _brightness_of_set(options: Namespace) -> Drawn:
    if not options.evaluation:
        raise UserError("Name a picture, or with --evaluation a folder that `evaluate -o` made.")
    results, names = load_results(options.evaluation), labels(options.models)
    return brightness_set_figure(results, options.evaluation, names, options.width)


def _add_strip(kinds: "_SubParsersAction[Parser]") -> None:
    about = "network interpolation above image interpolation (Fig. 10)"
    command = _kind(kinds, "strip", about, strip)
    command.add_argument("picture", type=Path, metavar="HR")
    names = ("PSNR", "GAN")
    command.add_argument("--models", nargs=2, metavar=names, help="default: psnr gan")
    _add_method_options(command)
    command.add_argument("--alphas", nargs="+", type=float, default=list(STRIP_ALPHAS), metavar="A")


def strip(options: Namespace) -> int:
    models = options.models or ([] if options.evaluation else PAIR)
    example = _example(options, models, options.alphas, MODES)
    crop = _one_crop(example, options, strip_side(options.width, len(options.alphas)))
    return _write([strip_figure(example, options.alphas, crop, options.width)], options)


def _one_crop(example: Example, options: Namespace, side: int = 64) -> Crop:
    """The crop of a figure that shows one only; `side` as of `crops_of`.

    Raises:
        UserError: --crop was given more than once.
    """
    crop, *more = crops_of_example(example, options.crop, side)
    if more:
        raise UserError("This figure shows one crop; give --crop once.")
    return crop
