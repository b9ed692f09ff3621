"""What the commands that draw share: options, pictures of methods, and writing the figure."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from esrgan import zoo
from esrgan.checkpoints import read_facts
from esrgan.command_line import Parser
from esrgan.commands.evaluate import chosen_methods
from esrgan.errors import UserError
from esrgan.figures import (
    COLUMN_WIDTH,
    AblationColumn,
    Crop,
    busiest_crop,
    draw_ablation,
    latex_figure,
    save_figure,
)
from esrgan.images import crop_to_multiple, load_image, to_rgb, to_uint8
from esrgan.methods import labels
from esrgan.networks import RRDBNet
from esrgan.pairs import load_pair
from esrgan.results import Results, Score, load_results, picture_path

# What Fig. 8 says of the losses, by the facts in a weights file.
ACTIVATIONS = {"True": "before", "False": "after"}
GANS = {"relativistic": "RaGAN", "standard": "standard"}
UNKNOWN = "–"


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


def write(figure: Figure, options: Namespace, caption: str) -> int:
    """Save a figure as -o says and, if asked to, print its LaTeX; the exit code."""
    save_figure(figure, options.out)
    print(options.out)
    if options.latex:
        print(latex_figure(options.out, options.width, caption))
    return 0


@dataclass(frozen=True)
class Row:
    """What a method made of a picture, H×W×3 `uint8`, and its numbers as far as they are known."""

    score: Score
    picture: np.ndarray

    @property
    def name(self) -> str:
        score = self.score
        return score.model if score.alpha is None else f"{score.mode} α = {score.alpha:g}"


@dataclass(frozen=True)
class Example:
    """An HR picture, H×W×3 `uint8`, and what the methods made of its LR."""

    name: str
    hr: np.ndarray
    rows: Sequence[Row]


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
        return [_kept(results, options, file) for file in files]
    scale, methods = chosen_methods(options)
    made = []
    for file in files:
        pair = load_pair(file, None, scale)
        rows = [
            Row(
                Score(m.model, file.name, None, None, None, mode=m.mode, alpha=m.alpha),
                to_rgb(m.result(pair)),
            )
            for m in methods
        ]
        made.append(Example(file.stem, to_rgb(pair.hr), rows))
    return made


def _kept(results: Results, options: Namespace, file: Path) -> Example:
    file = file if file.is_file() else Path(results.hr) / file.name
    rows = [score for score in results.scores if score.picture == file.name]
    singles = {score.model: score for score in rows if score.alpha is None}
    names = list(singles) if options.models is None else labels(options.models)
    missing = [name for name in names if name not in singles]
    if missing or not rows:
        lacking = f" by {missing[0]}" if rows else ""
        raise UserError(f"{options.evaluation} holds no result of {file.name}{lacking}.")
    modes = options.mode or ["network"]
    chosen = [singles[name] for name in names]
    chosen += [row for row in rows if row.alpha in options.alphas and row.mode in modes]
    hr = crop_to_multiple(to_rgb(to_uint8(load_image(file))), results.scale)
    pictures = [to_rgb(load_image(picture_path(options.evaluation, row))) for row in chosen]
    return Example(file.stem, hr, [Row(s, p) for s, p in zip(chosen, pictures, strict=True)])


def crops_of(picture: np.ndarray, wanted: Sequence[Sequence[int]] | None) -> list[Crop]:
    """The crops of --crop, or the one that shows most."""
    return [Crop(*numbers) for numbers in wanted] if wanted else [busiest_crop(picture)]


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
