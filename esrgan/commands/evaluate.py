"""`python -m esrgan evaluate`: measure models, and all that lies between two, on pictures."""

import shutil
import sys
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from esrgan.command_line import Parser
from esrgan.commands.common import (
    add_running_options,
    choose_methods,
    make_upscaler,
    named_otherwise,
)
from esrgan.commands.processes import Processes
from esrgan.errors import UserError
from esrgan.evaluation.common_area import MOST_OFF
from esrgan.evaluation.comparison_table import Style, comparison_table
from esrgan.evaluation.degraded import degradation_table, with_degradations
from esrgan.evaluation.evaluate import Measures, PairFiles, evaluate, with_fid
from esrgan.evaluation.layouts import set_name
from esrgan.evaluation.learned_metrics import (
    LEARNED,
    PARAMETERS,
    SOURCES,
    USUAL,
    SetMetric,
    frechet_distance,
    learned_metrics,
    parameters_digest,
    parameters_in,
)
from esrgan.evaluation.methods import PAIR, Selection
from esrgan.evaluation.niqe import PristineModel, load_pristine, own_pristine
from esrgan.evaluation.pairs import pair_files
from esrgan.evaluation.renaming import renamed, renaming
from esrgan.evaluation.results import (
    FILE,
    GREYS,
    METRICS,
    OF_METHODS,
    Results,
    Score,
    load_results,
    save_results,
    score_of,
    without,
)
from esrgan.evaluation.score_tables import text_table
from esrgan.evaluation.similarities import SIMILARITIES
from esrgan.evaluation.table_files import WRITERS, save_tables
from esrgan.evaluation.tables import aligned
from esrgan.inference.blend import MODES
from esrgan.pictures.degrade import Recipe
from esrgan.pictures.files import atomic_path

# More rows than these are not printed if they are written to files.
PRINTED_ROWS = 40
SECONDS_BETWEEN_SAVES = 5
MOST_BELOW = 3  # numbers below a crop, of the columns that are named
CROPS_WIDTH = 6.875  # inches: a page of CVPR's, which IEEE's is not narrower than
# Where the rows of all processes but the first one lie until all are done.
OTHERS = "processes"


def add(command: Parser) -> None:
    command.add_argument(
        "hr", nargs="+", type=Path, metavar="HR_DIR", help="HR pictures, or data sets"
    )
    about = "else LR is made from HR; with several data sets, one each"
    command.add_argument("--lr", nargs="+", type=Path, metavar="LR_DIR", help=about)
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
    about = "measure only what all results of a picture show, where others' are off by up to "
    about += f"{MOST_OFF} pixels or have shaved borders; each is laid where it fits HR best"
    command.add_argument("--crop-to-common", action="store_true", help=about)
    about = "spoil LR first: clean, jpeg:70, noise:5, blur:1, poisson:1, or several joined by +; "
    about += "given again, a further column"
    command.add_argument("--degrade", action="append", default=[], metavar="HOW", help=about)
    about = "the published .mat or .npz (default: what `niqe-model` keeps, else the included one)"
    command.add_argument("--niqe-model", type=Path, metavar="FILE", help=about)
    command.add_argument(
        "--grey",
        choices=GREYS,
        default=GREYS[0],
        help="luma of grey pictures: squeezed to 16 … 235 as BasicSR does, or their own grey "
        "levels, as MATLAB has them; their PSNR is then 1.3 dB lower (default: basicsr)",
    )
    command.add_argument("-o", "--out", type=Path, metavar="OUTDIR", help="results and pictures")
    command.add_argument("--no-pictures", action="store_true", help="keep numbers only in OUTDIR")
    command.add_argument("--means", action="store_true", help="print the means only")
    files = ", ".join(dict.fromkeys(file for each in PARAMETERS.values() for file in each))
    about = f"where parameters of {', '.join(SOURCES)} are, besides pyiqa's cache: {files}"
    command.add_argument("--metric-weights", type=Path, metavar="DIR", help=about)
    named = ", ".join(["dists", "fid", *SIMILARITIES])
    about = f"of the tables: {', '.join(METRICS)}; {named} only if named"
    command.add_argument(
        "--columns", nargs="+", choices=METRICS, default=(), metavar="METRIC", help=about
    )
    about = "names in the tables, of methods, pictures and data sets: net_g_latest.pth=Ours"
    command.add_argument("--name", nargs="+", default=[], metavar="OLD=NEW", help=about)
    about = "write means with their 95 %% bootstrap intervals in the papers' tables"
    command.add_argument("--intervals", action="store_true", help=about)
    about = "mark in the papers' tables what differs significantly from this method"
    command.add_argument("--reference", default="", metavar="METHOD", help=about)
    about = (
        "also write crops.pdf, Fig. 7 of these pictures (default: of the one on which PSNR-Y of "
    )
    about += "the methods differs most), and crops.tex that includes it"
    command.add_argument("--crops", nargs="*", metavar="PICTURE", help=about)
    command.add_argument(
        "--scale", type=int, help="where no model says it, for old ×3 files, 3 (default: 4)"
    )
    add_running_options(command)
    command.set_defaults(run=run)


def run(options: Namespace) -> int:
    """A table of scores, a line a method and picture and a mean a method: 0 if every picture was
    measured, 1 if some were left out. Of several processes, the first one tells of all."""
    if options.crops is not None and (options.no_pictures or not options.out):
        raise UserError("--crops is of pictures that are kept: give -o, without --no-pictures.")
    given, processes = options.niqe_model, Processes()
    pristine = load_pristine(given) if given else own_pristine()
    if processes.count > 1:
        processes.agree(lambda: bool(_chosen(options)))  # so that what is wrong is said once
    selection, jobs, names = _chosen(options)
    measures, fid = _measures(options, pristine)
    found: dict[str, Results] = {}
    failures: list[str] = []
    style = Style(options.columns, options.intervals, options.reference)
    try:
        for job in jobs:
            _measure(job, selection, measures, processes, found, failures)
            if fid and processes.is_first:
                _add_fid(job, found, fid)
    finally:  # also after Ctrl-C: what is done is kept
        shown = renamed({name: each for name, each in found.items() if each.scores}, names)
        if options.out and shown and processes.is_first:
            save_tables(shown, options.out, style)
    if not processes.is_first:
        return 0
    if shown:
        print(_summary(shown, style, options))
        if options.crops is not None:
            folders = {job.name: job.folder for job in jobs if job.folder}
            print(_draw_crops(found, folders, names, options))
    for failure in failures:
        print(f"left out: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _measures(options: Namespace, pristine: PristineModel) -> tuple[Measures, SetMetric | str]:
    """What is measured; and FID, why it can't be had, or "" if nobody asked for it."""
    folder, asked = options.metric_weights, {"pi": "ma"}  # PI holds Ma's score
    columns = [asked.get(name, name) for name in options.columns]
    names = [name for name in LEARNED if name in (columns or USUAL)]
    with redirect_stdout(sys.stderr), parameters_in(folder):  # pyiqa prints what it does
        learned = dict.fromkeys(USUAL, "not asked for") | learned_metrics(names, folder)
        fid = frechet_distance(folder) if "fid" in options.columns else ""
    similarities = [name for name in options.columns if name in SIMILARITIES]
    common, parameters = options.crop_to_common, parameters_digest(folder)
    return Measures(pristine, learned, options.grey, similarities, common, parameters), fid


def _add_fid(job: "_Job", found: dict[str, Results], fid: SetMetric | str) -> None:
    """To a data set's results, and to what is kept of them."""
    results, pictures = found[job.name], job.folder if job.pictures else None
    scores = with_fid(results.scores, job.files, results.scale, pictures, fid)
    found[job.name] = replace(results, scores=tuple(scores))
    if job.folder and scores:
        save_results(found[job.name], job.folder)


def _chosen(options: Namespace) -> "tuple[Selection, list[_Job], Mapping[str, str]]":
    """The methods, the data sets and the names that the options say."""
    recipes = _recipes(options)
    selection = choose_methods(
        options.models,
        partial(make_upscaler, options=options),
        options.alphas,
        options.mode,
        options.results,
        options.scale,
        MOST_OFF if options.crop_to_common else 0,
    )
    if recipes:
        selection = replace(selection, methods=with_degradations(selection.methods, recipes))
    jobs = _jobs(options, selection.scale)
    return selection, jobs, _renaming(options, selection, jobs)


def _renaming(
    options: Namespace, selection: Selection, jobs: "Sequence[_Job]"
) -> Mapping[str, str]:
    """The names that are shown, by those of before.

    Raises:
        UserError: nothing is called so, or the reference is none of the methods.
    """
    models = [method.model for method in selection.methods if method.alpha is None]
    others = [hr.name for job in jobs for hr, _ in job.files] + [job.name for job in jobs]
    names = renaming(named_otherwise(options.name), [*models, *selection.models], others)
    shown = [names.get(model, model) for model in models]
    if options.reference and options.reference not in shown:
        raise UserError(f"The reference is one of {', '.join(shown)}, not {options.reference!r}.")
    return names


@dataclass(frozen=True)
class _Job:
    """A data set to be measured.

    Attributes:
        name: in tables.
        files: of `pair_files`.
        folder: where its results are kept, if they are; and its pictures, if they are too.
    """

    name: str
    files: Sequence[PairFiles]
    folder: Path | None
    pictures: bool


def _jobs(options: Namespace, scale: int) -> list[_Job]:
    """A data set each; several have a folder each in that of the results.

    Raises:
        UserError: as `pair_files`, or two would have the same name.
    """
    lows = options.lr or [None] * len(options.hr)
    if len(lows) != len(options.hr):
        raise UserError(f"Give one --lr a data set: {len(options.hr)}, not {len(lows)}.")
    names = [set_name(folder) for folder in options.hr]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"Two data sets are called {twice}; rename a folder.")
    several = len(names) > 1
    return [
        _Job(
            name,
            pair_files(hr, lr, scale),
            options.out / name if options.out and several else options.out,
            not options.no_pictures,
        )
        for name, hr, lr in zip(names, options.hr, lows, strict=True)
    ]


def _measure(
    job: _Job,
    selection: Selection,
    measures: Measures,
    processes: Processes,
    found: dict[str, Results],
    failures: list[str],
) -> None:
    """Put a data set's results into `found` and into its folder, also after Ctrl-C."""
    known = _known(job.folder)
    out = job.folder if processes.is_first else _kept_by(processes.rank, job.folder)
    scores: list[Score] = []
    failed: list[str] = []

    def leave_out(file: Path, error: UserError) -> None:
        """So that the means of all methods are of the same pictures."""
        scores[:] = [score for score in scores if score.picture != file.name]
        failed.append(f"{file}: {error}")

    def results() -> Results:
        first = job.files[0]
        return Results(
            tuple(scores),
            str(first[0].parent),
            "" if first[1] is None else str(first[1].parent),
            selection.scale,
            measures.pristine.label,
            earlier=without(known, scores),
            planned=len(job.files),
            grey=measures.grey,
        )

    pictures = job.folder if job.pictures else None
    share = partial(
        processes.shared, unit="picture", name=lambda pair: pair[0].name, of=f" {job.name}"
    )
    methods, scale = selection.methods, selection.scale
    saved = time.monotonic()
    try:
        for score in evaluate(
            job.files, methods, scale, measures, known, pictures, leave_out, share
        ):
            scores.append(score)
            if out and time.monotonic() - saved > SECONDS_BETWEEN_SAVES:
                save_results(results(), out)
                saved = time.monotonic()
    finally:
        found[job.name] = results()
        if out and scores:
            save_results(found[job.name], out)
    told = processes.gather(([asdict(score) for score in scores], failed), f" {job.name}")
    failures += [failure for _, each in told for failure in each]
    if processes.count == 1 or not told:
        return
    order = {hr.name: place for place, (hr, _) in enumerate(job.files)}
    scores[:] = [score_of(row) for rows, _ in told for row in rows]
    scores.sort(key=lambda score: order[score.picture])  # keeps the methods' order
    found[job.name] = results()
    if job.folder and scores:
        save_results(found[job.name], job.folder)
        shutil.rmtree(job.folder / OTHERS, ignore_errors=True)


def _recipes(options: Namespace) -> list[Recipe]:
    """Raises UserError: one of `--degrade` is none."""
    return [Recipe.of(text) for text in dict.fromkeys(options.degrade)]


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
    rows = [replace(row, fid=None) for row in rows]  # of other pictures, maybe
    return list({(*row.method, row.picture, row.settings): row for row in rows}.values())


def _summary(shown: Mapping[str, Results], style: Style, options: Namespace) -> str:
    parts = [_of_one(results, style, options) for results in shown.values()]
    if len(parts) > 1:
        titled = zip(shown, parts, strict=True)
        parts = [f"{name}\n{part}" for name, part in titled]
        parts.append(aligned(comparison_table(shown, style)))
    if options.out:
        parts[-1] += f"\n{options.out}: {', '.join([FILE, *WRITERS])}"
    return "\n\n".join(parts)


def _draw_crops(
    found: Mapping[str, Results],
    folders: Mapping[str, Path],
    names: Mapping[str, str],
    options: Namespace,
) -> str:
    """The figure of crops and the LaTeX that includes it; says which files."""
    import matplotlib as mpl

    from esrgan.figures import CAPTION_HEIGHT, SERIF, TEXT_HEIGHT, save_figures
    from esrgan.figures.compose import crops_figures, kept, most_telling

    pictures = options.crops or [most_telling(found.values())]
    shown = []
    for picture in pictures:
        name = next((n for n, r in found.items() if picture in r.pictures), next(iter(found)))
        example = kept(found[name], folders[name], Path(picture))
        shown.append(example.with_hr().renamed({example.name: names.get(picture, ""), **names}))
    label = next(iter(found.values())).niqe_label
    known = {name for each in shown for row in each.rows for name in row.numbers}
    metrics = [name for name in options.columns if name in known - {*OF_METHODS}][:MOST_BELOW]
    height = TEXT_HEIGHT - CAPTION_HEIGHT
    with mpl.rc_context(SERIF):  # as the text around it
        drawn = crops_figures(shown, label, width=CROPS_WIDTH, metrics=metrics, height=height)
        written = save_figures(drawn, options.out / "crops.pdf", CROPS_WIDTH)
    file = options.out / "crops.tex"
    with atomic_path(file) as temporary:
        temporary.write_text("\n\n".join(written.values()) + "\n", encoding="utf-8")
    return ", ".join(map(str, [*written, file]))


def _of_one(results: Results, style: Style, options: Namespace) -> str:
    means = results.means()
    lines: list[Score] = []
    for mean in means:
        lines += [score for score in results.scores if score.method == mean.method]
        lines.append(mean)
    if options.means or (options.out and len(lines) > PRINTED_ROWS):
        lines = means
    table = text_table(results, lines, style.columns)
    if options.degrade:
        table += f"\n\n{aligned(degradation_table(results, _recipes(options)))}"
    return table
