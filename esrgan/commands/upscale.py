"""`python -m esrgan upscale`: pictures and folders of pictures through a model, or between two."""

import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from esrgan.command_line import Parser
from esrgan.commands.common import add_running_options, make_upscaler, note_strangers
from esrgan.errors import UserError
from esrgan.evaluation.methods import PAIR
from esrgan.inference.blend import MODES, Blend
from esrgan.inference.upscale import Upscale, upscale_file
from esrgan.models import zoo
from esrgan.models.interpolation import alpha_weights
from esrgan.pictures.folders import IMAGE_SUFFIXES


def add(command: Parser) -> None:
    command.add_argument("inputs", nargs="+", type=Path, help="pictures and folders of pictures")
    command.add_argument("-o", "--out", type=Path, required=True, help="folder for the results")
    command.add_argument("--model", help=f"{', '.join(zoo.MODELS)}, or a file (default: gan)")
    command.add_argument("--alpha", type=float, help="0 = first model … 1 = second model")
    command.add_argument(
        "--models", nargs=2, metavar=("A", "B"), help="the ends of alpha (default: psnr gan)"
    )
    command.add_argument("--mode", choices=MODES, help="what alpha interpolates")
    command.add_argument("--format", choices=("png", "webp", "jpg", "tif"), default="png")
    command.add_argument("--no-recursive", action="store_true", help="don't enter sub-folders")
    command.add_argument("--scale", type=int, help="only for old ×3 model files: 3")
    add_running_options(command)
    command.set_defaults(run=run)


@dataclass(frozen=True)
class Job:
    source: Path
    target: Path


def run(options: Namespace) -> int:
    """Upscale files: 0 if every picture was written, 1 if some failed."""
    upscale = _chosen_upscale(options)
    jobs, failures = plan(options.inputs, options.out, options.format, not options.no_recursive)
    written = 0
    with tqdm(jobs, unit="picture", dynamic_ncols=True) as progress:
        for job in progress:
            progress.set_postfix_str(job.source.name)
            try:
                upscale_file(job.source, job.target, upscale)
                written += 1
            except UserError as error:
                failures.append(f"{job.source}: {error}")
    print(f"{written} written to {options.out}, {len(failures)} failed")
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


def plan(
    inputs: Sequence[Path], out: Path, suffix: str, recursive: bool
) -> tuple[list[Job], list[str]]:
    """Pairs of input and output files, and the inputs that can't be done, each with its reason.

    Results of a folder keep their sub-folders; nothing is written over an input or twice.
    """
    jobs: list[Job] = []
    failures: list[str] = []
    writer: dict[Path, Path] = {}
    for source, folder in _sources(inputs, recursive, failures):
        target = out / folder / f"{source.stem}.{suffix}"
        if target.resolve() == source.resolve():
            failures.append(f"{source}: the result would replace it; choose another -o")
        elif target in writer:
            failures.append(f"{source}: {target} is already the result of {writer[target]}")
        else:
            writer[target] = source
            jobs.append(Job(source, target))
    return jobs, failures


def _sources(
    inputs: Sequence[Path], recursive: bool, failures: list[str]
) -> Iterator[tuple[Path, Path]]:
    """Each picture file with its sub-folder relative to the input that it was found in."""
    for item in inputs:
        if not item.exists():
            failures.append(f"{item}: there is no such file or folder")
        elif item.is_file():
            yield item, Path()
        else:
            files = sorted(f for f in (item.rglob if recursive else item.glob)("*") if f.is_file())
            pictures = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
            if not pictures:
                failures.append(f"{item}: there are no pictures in this folder")
            for other in sorted(set(files) - set(pictures)):
                print(f"note: {other} is no picture by its name; left out", file=sys.stderr)
            yield from ((file, file.parent.relative_to(item)) for file in pictures)


def _chosen_upscale(options: Namespace) -> Upscale:
    """The function from LR to SR that the options of `upscale` describe."""
    if options.alpha is None:
        if options.models or options.mode:
            raise UserError("--models and --mode need --alpha; for one model use --model.")
        model = zoo.load(options.model or "gan", options.scale)
        return make_upscaler(model.network, options)
    if options.model:
        raise UserError("--alpha goes between two models: give --models A B instead of --model.")
    networks = [zoo.load(model, options.scale).network for model in options.models or PAIR]
    mode = options.mode or "network"
    make = partial(make_upscaler, options=options)
    upscale = Blend(networks, make).by(mode, alpha_weights(options.alpha))
    if mode == "network":
        note_strangers(networks)  # refuses different shapes
    return upscale
