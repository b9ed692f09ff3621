"""`python -m esrgan evaluate`: measure models, and all that lies between two, on pictures."""

import shutil
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from functools import partial
from pathlib import Path

from esrgan.command_line import Parser
from esrgan.commands.common import add_running_options, choose_methods, make_upscaler
from esrgan.commands.processes import Processes
from esrgan.errors import UserError
from esrgan.evaluation import tables
from esrgan.evaluation.evaluate import Measures, PairFiles, evaluate
from esrgan.evaluation.learned_metrics import learned_metrics
from esrgan.evaluation.methods import PAIR, Selection
from esrgan.evaluation.niqe import FITTED, load_pristine
from esrgan.evaluation.pairs import pair_files
from esrgan.evaluation.results import FILE, Results, Score, load_results, save_results, without
from esrgan.inference.blend import MODES

# More rows than these are not printed if they are written to files.
PRINTED_ROWS = 40
SECONDS_BETWEEN_SAVES = 5
# Where the rows of all processes but the first one lie until all are done.
OTHERS = "processes"


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
    measured, 1 if some were left out. Of several processes, the first one tells of all."""
    pristine, processes = load_pristine(options.niqe_model), Processes()
    if processes.count > 1:
        processes.agree(lambda: bool(_chosen(options)))  # so that what is wrong is said once
    selection, files = _chosen(options)
    scale, chosen = selection.scale, selection.methods
    with redirect_stdout(sys.stderr):  # pyiqa prints what it does; a table may go into a pipe
        learned = learned_metrics()
    measures = Measures(pristine, learned)
    known = _known(options.out)
    out = options.out if processes.is_first else _kept_by(processes.rank, options.out)
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
    share = partial(processes.shared, unit="picture", name=lambda pair: pair[0].name)
    saved = time.monotonic()
    try:
        for score in evaluate(files, chosen, scale, measures, known, pictures, leave_out, share):
            scores.append(score)
            if out and time.monotonic() - saved > SECONDS_BETWEEN_SAVES:
                save_results(results(), out)
                saved = time.monotonic()
    finally:  # also after Ctrl-C: what is done is kept
        if out and scores:
            save_results(results(), out)
        if options.out and scores and processes.is_first:
            tables.save_tables(results(), options.out)
    told = processes.gather(([asdict(score) for score in scores], failures))
    if not told:
        return 0
    order = {hr.name: place for place, (hr, _) in enumerate(files)}
    scores = [Score(**row) for rows, _ in told for row in rows]
    scores.sort(key=lambda score: order[score.picture])  # keeps the methods' order
    failures = [failure for _, failed in told for failure in failed]
    if options.out and scores and processes.count > 1:
        save_results(results(), options.out)
        tables.save_tables(results(), options.out)
        shutil.rmtree(options.out / OTHERS, ignore_errors=True)
    if scores:
        print(_summary(results(), options))
    for failure in failures:
        print(f"left out: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _chosen(options: Namespace) -> tuple[Selection, list[PairFiles]]:
    """The methods and the pictures that the options name."""
    selection = choose_methods(
        options.models,
        partial(make_upscaler, options=options),
        options.alphas,
        options.mode,
        options.results,
        options.scale,
    )
    return selection, pair_files(options.hr, options.lr, selection.scale)


def _kept_by(rank: int, folder: Path | None) -> Path | None:
    """Where a process other than the first one keeps its rows, in case the run is broken off."""
    return None if folder is None else folder / OTHERS / str(rank)


def _known(folder: Path | None) -> Sequence[Score]:
    """The rows of former runs."""
    if folder is None:
        return ()
    files = [folder / FILE, *folder.glob(f"{OTHERS}/*/{FILE}")]
    kept = [load_results(file) for file in files if file.exists()]
    rows = [score for results in kept for score in (*results.scores, *results.earlier)]
    return list({(*row.method, row.picture, row.settings): row for row in rows}.values())


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
