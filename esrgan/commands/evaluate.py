"""`python -m esrgan evaluate`: measure models, and all that lies between two, on pictures."""

import time
from argparse import Namespace, _SubParsersAction
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tqdm import tqdm

from esrgan import methods, tables
from esrgan.command_line import Parser
from esrgan.commands.common import PAIR, add_running_options, make_upscaler, note_strangers
from esrgan.errors import UserError
from esrgan.evaluate import Measures, evaluate
from esrgan.learned_metrics import learned_metrics
from esrgan.methods import Method, Model
from esrgan.niqe import FITTED, load_pristine
from esrgan.pairs import pair_files
from esrgan.results import FILE, Results, Score, load_results, save_results, without

# What needs no network.
COMPARATORS = ("bicubic", "hr")
# More rows than these are not printed if they are written to files.
PRINTED_ROWS = 40
SECONDS_BETWEEN_SAVES = 5


def add(commands: "_SubParsersAction[Parser]") -> None:
    command = commands.add_parser("evaluate", help="measure models on pictures")
    command.add_argument("hr", type=Path, metavar="HR_DIR", help="HR pictures, or a data set")
    command.add_argument("--lr", type=Path, metavar="LR_DIR", help="else LR is made from HR")
    command.add_argument(
        "--models",
        nargs="+",
        default=["bicubic", *PAIR],
        metavar="MODEL",
        help="names or files; bicubic; hr for HR itself (default: bicubic psnr gan)",
    )
    command.add_argument(
        "--alphas",
        nargs="+",
        type=float,
        default=[],
        metavar="A",
        help="points between the first two networks of --models",
    )
    command.add_argument(
        "--mode", nargs="+", choices=("network", "image"), help="what alpha interpolates, or both"
    )
    command.add_argument(
        "--results",
        nargs="+",
        default=[],
        metavar="NAME=DIR",
        help="pictures that other methods made, as rows of their own",
    )
    command.add_argument(
        "--niqe-model", type=Path, default=FITTED, metavar="FILE", help="the published .mat or .npz"
    )
    command.add_argument("-o", "--out", type=Path, metavar="OUTDIR", help="results and pictures")
    command.add_argument("--no-pictures", action="store_true", help="keep numbers only in OUTDIR")
    command.add_argument("--means", action="store_true", help="print the means only")
    command.add_argument(
        "--scale", type=int, help="where no model says it, for old ×3 files, 3 (default: 4)"
    )
    add_running_options(command)
    command.set_defaults(run=run)


def run(options: Namespace) -> int:
    """A table of scores, a line a method and picture and a mean a method."""
    pristine = load_pristine(options.niqe_model)
    scale, chosen = chosen_methods(options)
    files = pair_files(options.hr, options.lr, scale)
    measures = Measures(pristine, learned_metrics())
    known = _known(options.out)
    scores: list[Score] = []

    def results() -> Results:
        lr = "" if files[0][1] is None else str(files[0][1].parent)
        head = (str(files[0][0].parent), lr, scale, pristine.label)
        return Results(tuple(scores), *head, earlier=without(known, scores))

    pictures = None if options.no_pictures else options.out
    rows = evaluate(files, chosen, scale, measures, known, pictures)
    saved = time.monotonic()
    try:
        for score in tqdm(rows, total=len(files) * len(chosen), unit="row", dynamic_ncols=True):
            scores.append(score)
            if options.out and time.monotonic() - saved > SECONDS_BETWEEN_SAVES:
                save_results(results(), options.out)
                saved = time.monotonic()
    finally:  # also after Ctrl-C: what is done is kept
        if options.out and scores:
            save_results(results(), options.out)
            tables.save_tables(results(), options.out)
    print(_summary(results(), options))
    return 0


def _known(folder: Path | None) -> Sequence[Score]:
    """The rows of former runs."""
    if folder is None or not (folder / FILE).exists():
        return ()
    results = load_results(folder)
    return (*results.scores, *results.earlier)


def _summary(results: Results, options: Namespace) -> str:
    means = results.means()
    lines: list[Score] = []
    for mean in means:
        lines += [score for score in results.scores if score.method == mean.method]
        lines.append(mean)
    if options.means or (options.out and len(lines) > PRINTED_ROWS):
        lines = means
    table = tables.text_table(results, lines)
    return f"{table}\n{options.out}: {FILE}, {', '.join(tables.WRITERS)}" if options.out else table


def chosen_methods(options: Namespace) -> tuple[int, list[Method]]:
    """The scale and the rows that the options ask for.

    Raises:
        UserError: a model can't be loaded, their scales differ, or options contradict each other.
    """
    if options.mode and not options.alphas:
        raise UserError("--mode needs --alphas, such as --alphas 0 0.2 0.4 0.6 0.8 1.")
    names = list(dict.fromkeys(options.models))
    networks = [name for name in names if name not in COMPARATORS]
    ends = _ends(networks) if options.alphas else ()
    loaded = _load(list(dict.fromkeys([*networks, *ends])), options)
    scale = _common_scale(loaded, options.scale)
    comparators = {"bicubic": methods.bicubic(scale), "hr": methods.ground_truth()}
    chosen = [comparators.get(name) or methods.single(loaded[name]) for name in names]
    chosen += [methods.from_folder(*methods.named_folder(text)) for text in options.results]
    if ends:
        chosen += _curves(loaded[ends[0]], loaded[ends[1]], options)
    rows = [(method.model, method.mode, method.alpha) for method in chosen]
    if len(set(rows)) < len(rows):
        twice = next(row[0] for row in rows if rows.count(row) > 1)
        raise UserError(f"Two rows would be called {twice!r}; name one of them otherwise.")
    return scale, chosen


def _ends(networks: Sequence[str]) -> Sequence[str]:
    """Between which two models α goes: the first two networks, or the built-in pair."""
    if len(networks) == 1:
        raise UserError(f"--alphas goes between two models, but --models names only {networks[0]}.")
    return networks[:2] or PAIR


def _load(names: Sequence[str], options: Namespace) -> dict[str, Model]:
    make = partial(make_upscaler, options=options)
    return {
        name: methods.load_model(name, label, make, options.scale)
        for name, label in zip(names, methods.labels(names), strict=True)
    }


def _common_scale(loaded: Mapping[str, Model], wanted: int | None) -> int:
    scales = {name: model.network.scale for name, model in loaded.items()}
    if len(set(scales.values())) > 1:
        listed = ", ".join(f"{name} ×{scale}" for name, scale in scales.items())
        raise UserError(f"Only models of one scale can stand in one table, not {listed}.")
    return next(iter(scales.values()), wanted or 4)


def _curves(first: Model, second: Model, options: Namespace) -> list[Method]:
    """A row a mode and α."""
    modes = list(dict.fromkeys(options.mode or ["network"]))
    if "network" in modes:
        note_strangers([first.network, second.network])  # refuses different shapes
    make = partial(make_upscaler, options=options)
    alphas = list(dict.fromkeys(options.alphas))
    return [methods.between(first, second, mode, alpha, make) for mode in modes for alpha in alphas]
