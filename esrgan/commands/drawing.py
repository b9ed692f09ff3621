"""Options, pictures of methods and writing a figure, for the commands that draw."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from esrgan.command_line import Parser
from esrgan.commands.evaluate import chosen_methods
from esrgan.errors import UserError
from esrgan.evaluation.methods import labels, model_settings
from esrgan.evaluation.pairs import load_pair
from esrgan.evaluation.results import Score, load_results
from esrgan.figures import COLUMN_WIDTH, latex_figure, save_figure
from esrgan.figures.illustrations import (
    Drawn,
    Example,
    Row,
    ablation_figure,
    crops_of,
    kept,
)
from esrgan.models import zoo
from esrgan.pictures.images import to_rgb


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
        help="in HR pixels, again for more (default: where the picture varies most)",
    )


def write(figure: Figure, caption: str, options: Namespace) -> int:
    """Save a figure as -o says and, if asked to, print its LaTeX; the exit code."""
    save_figure(figure, options.out)
    print(options.out)
    if options.latex:
        print(latex_figure(options.out, options.width, caption))
    return 0


def examples(options: Namespace, files: Sequence[Path]) -> list[Example]:
    """The pictures that `evaluate` kept, if --evaluation names its folder, or made here and now.

    Args:
        options: those of `evaluate` that say which methods; --evaluation.
        files: of HR pictures; with --evaluation names are enough.

    Raises:
        UserError: a picture or a method is missing or can't be read.
    """
    if options.evaluation:
        results = load_results(options.evaluation)
        names = None if options.models is None else labels(options.models)
        curves = (options.mode or ["network"], options.alphas)
        return [kept(results, options.evaluation, file, names, *curves) for file in files]
    chosen = chosen_methods(options)
    made = []
    for file in files:
        pair = load_pair(file, None, chosen.scale)
        rows = [
            Row(
                Score(m.model, file.name, None, None, None, mode=m.mode, alpha=m.alpha),
                to_rgb(m.result(pair)),
            )
            for m in chosen.methods
        ]
        made.append(Example(file.stem, to_rgb(pair.hr), rows))
    return made


def ablation_drawn(models: Mapping[str, str], files: Sequence[Path], options: Namespace) -> Drawn:
    """Fig. 8 of models, by the titles of their columns, on HR pictures with a crop each.

    Raises:
        UserError: there are not as many crops as pictures, or as `examples`.
    """
    if options.crop and len(options.crop) != len(files):
        raise UserError(f"Give one --crop a picture: {len(files)}, not {len(options.crop)}.")
    names = list(models.values())
    shown = examples(Namespace(**{**vars(options), "models": names}), files)
    wanted = [[crop] for crop in options.crop] if options.crop else [None] * len(shown)
    crops = [crops_of(each.hr, crop)[0] for each, crop in zip(shown, wanted, strict=True)]
    settings = {title: model_settings(zoo.load(name)) for title, name in models.items()}
    return ablation_figure(shown, crops, settings, options.width)
