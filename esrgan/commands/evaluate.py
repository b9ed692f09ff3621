"""`python -m esrgan evaluate`: measure models, and all that lies between two, on pictures."""

import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

from tqdm import tqdm

from esrgan.command_line import Parser
from esrgan.commands.common import add_running_options, choose_methods, make_upscaler
from esrgan.errors import UserError
from esrgan.evaluation import tables
from esrgan.evaluation.evaluate import Measures, evaluate
from esrgan.evaluation.learned_metrics import learned_metrics
from esrgan.evaluation.methods import PAIR
from esrgan.evaluation.niqe import FITTED, load_pristine
from esrgan.evaluation.pairs import pair_files
from esrgan.evaluation.results import FILE, Results, Score, load_results, save_results, without
from esrgan.inference.blend import MODES

# More rows than these are not printed if they are written to files.
PRINTED_ROWS = 40
SECONDS_BETWEEN_SAVES = 5


def add(command: Parser) -> None:
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
        "--mode", nargs="+", choices=MODES, help="what alpha interpolates, or both"
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
    """A table of scores, a line a method and picture and a mean a method: 0 if every picture was
    measured, 1 if some were left out."""
    pristine = load_pristine(options.niqe_model)
    selection = choose_methods(
        options.models,
        partial(make_upscaler, options=options),
        options.alphas,
        options.mode,
        options.results,
        options.scale,
    )
    scale, chosen = selection.scale, selection.methods
    files = pair_files(options.hr, options.lr, scale)
    with redirect_stdout(sys.stderr):  # pyiqa prints what it does; a table may go into a pipe
        learned = learned_metrics()
    measures = Measures(pristine, learned)
    known = _known(options.out)
    scores: list[Score] = []
    failures: list[str] = []

    def leave_out(file: Path, error: UserError) -> None:
        """So that the means of all methods are of the same pictures."""
        scores[:] = [score for score in scores if score.picture != file.name]
        failures.append(f"{file}: {error}")

    def results() -> Results:
        lr = "" if files[0][1] is None else str(files[0][1].parent)
        head = (str(files[0][0].parent), lr, scale, pristine.label)
        return Results(tuple(scores), *head, earlier=without(known, scores))

    pictures = None if options.no_pictures else options.out
    rows = evaluate(files, chosen, scale, measures, known, pictures, leave_out)
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
    if scores:
        print(_summary(results(), options))
    for failure in failures:
        print(f"left out: {failure}", file=sys.stderr)
    return 1 if failures else 0


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
