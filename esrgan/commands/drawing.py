"""What the commands that draw share: options, pictures of methods, and writing the figure."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from esrgan import zoo
from esrgan.checkpoints import read_facts
from esrgan.command_line import Parser
from esrgan.commands.evaluate import chosen_methods
from esrgan.errors import UserError
from esrgan.figures import (
    COLUMN_WIDTH,
    AblationColumn,
    draw_ablation,
    latex_figure,
    save_figure,
)
from esrgan.illustrations import UNKNOWN, Example, Row, crops_of, kept
from esrgan.images import to_rgb
from esrgan.methods import labels
from esrgan.networks import RRDBNet
from esrgan.pairs import load_pair
from esrgan.results import Score, load_results

# What Fig. 8 says of the losses, by the facts in a weights file.
ACTIVATIONS = {"True": "before", "False": "after"}
GANS = {"relativistic": "RaGAN", "standard": "standard"}


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


def model_settings(name: str) -> dict[str, str]:
    """What Fig. 8 says of a model: its layers, and the loss that its file says it was trained with.

    Raises:
        UserError: as `zoo.load`.
    """
    network, facts = zoo.load(name), read_facts(zoo.find(name))
    recorded = facts.get("loss")
    loss = recorded if isinstance(recorded, dict) else {}
    blocks = network.config.num_blocks
    return {
        "BN?": "yes" if getattr(network.config, "batch_norm", False) else "no",
        "Activation": ACTIVATIONS.get(str(loss.get("before_activation")), UNKNOWN),
        "GAN": GANS.get(str(loss.get("adversarial")), UNKNOWN),
        "Blocks": f"{blocks} RRDB" if isinstance(network, RRDBNet) else f"{blocks} residual",
    }


def ablation_figure(models: Mapping[str, str], files: Sequence[Path], options: Namespace) -> Figure:
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
    columns = [
        AblationColumn(
            title,
            model_settings(name),
            [crop.cut(each.rows[n].picture) for each, crop in zip(shown, crops, strict=True)],
        )
        for n, (title, name) in enumerate(models.items())
    ]
    references = [crop.cut(each.hr) for each, crop in zip(shown, crops, strict=True)]
    return draw_ablation(columns, [each.name for each in shown], references, options.width)
