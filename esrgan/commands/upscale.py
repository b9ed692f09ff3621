"""`python -m esrgan upscale`: pictures and folders of pictures through a model, or between two."""

import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esrgan.command_line import Parser
from esrgan.commands.common import add_running_options, make_upscaler, note_strangers
from esrgan.commands.processes import Processes
from esrgan.errors import UserError
from esrgan.evaluation.methods import PAIR
from esrgan.inference.blend import MODES, Blend
from esrgan.inference.files import Upscale, load_as_srgb, upscale_file
from esrgan.inference.upscale import Upscaler
from esrgan.models import zoo
from esrgan.models.interpolation import alpha_weights
from esrgan.networks import Generator
from esrgan.pictures.encoding import check_suffix
from esrgan.pictures.folders import is_image, is_to_be_read, list_files
from esrgan.pictures.images import load_image, load_with_profile

LONGEST_NAME = 255  # in bytes, of a file on the usual file systems


def add(command: Parser) -> None:
    command.add_argument("inputs", nargs="+", type=Path, help="pictures and folders of pictures")
    command.add_argument(
        "-o", "--out", type=Path, required=True, help="folder for the results, or a picture's file"
    )
    command.add_argument("--model", help=f"{', '.join(zoo.MODELS)}, or a file (default: gan)")
    command.add_argument("--alpha", type=float, help="0 = first model … 1 = second model")
    command.add_argument(
        "--models", nargs=2, metavar=("A", "B"), help="the ends of alpha (default: psnr gan)"
    )
    command.add_argument("--mode", choices=MODES, help="what alpha interpolates")
    command.add_argument("--format", choices=("png", "webp", "jpg", "tif"), help="default: png")
    command.add_argument(
        "--name",
        default="{name}",
        metavar="PATTERN",
        help="of the results: {name} is the input's, {suffix} its jpg, png, …, as in {name}_x4",
    )
    existing = command.add_mutually_exclusive_group()
    existing.add_argument(
        "--skip-existing", action="store_true", help="leave results that are there, and whole"
    )
    existing.add_argument("--overwrite", action="store_true", help="make results anew")
    command.add_argument(
        "--keep-profile",
        action="store_true",
        help="results in the colours of their pictures, with the ICC profile (default: sRGB)",
    )
    command.add_argument("--no-recursive", action="store_true", help="don't enter sub-folders")
    command.add_argument("--scale", type=int, help="only for old ×3 model files: 3")
    add_running_options(command)
    command.set_defaults(run=run, precision="auto")


@dataclass(frozen=True)
class Job:
    source: Path
    target: Path


@dataclass(frozen=True)
class Targets:
    """The files of the results.

    Attributes:
        out: their folder; or the file of the only one.
        is_file: which of the two.
        pattern: of names in the folder, with {name} and {suffix}.
        suffix: of all, without its dot.
    """

    out: Path
    is_file: bool
    pattern: str
    suffix: str

    def of(self, source: Path, folder: Path) -> Path:
        """The result of a picture that was found in this sub-folder of the inputs."""
        if self.is_file:
            return self.out
        name = self.pattern.format(name=source.stem, suffix=source.suffix.lstrip("."))
        return self.out / folder / f"{name}.{self.suffix}"


def run(options: Namespace) -> int:
    """Upscale files: 0 if every picture was written, 1 if some failed.

    Of several processes, the first one tells of all.
    """
    processes = Processes()
    planned = processes.agree(lambda: _planned(options, processes.count))
    jobs = [Job(Path(source), Path(target)) for source, target in planned["jobs"]]
    made: list[Upscaler] = []
    upscale, scale = _chosen_upscale(options, made)
    load = load_with_profile if options.keep_profile else load_as_srgb
    failures: list[str] = planned["failures"] if processes.is_first else []
    written = skipped = 0
    for job in processes.shared(jobs, "picture", lambda job: job.source.name):
        if options.skip_existing and _is_whole(job.target):
            skipped += 1
            continue
        try:
            upscale_file(job.source, job.target, upscale, scale, load=load)
            written += 1
        except UserError as error:
            failures.append(f"{job.source}: {error}")
    how = list(set().union(*(upscaler.how for upscaler in made)))
    told = processes.gather((written, skipped, failures, how))
    if not told:
        return 0
    written, skipped = (sum(counts) for counts in list(zip(*told, strict=True))[:2])
    failures = [failure for _, _, failed, _ in told for failure in failed]
    left = f"{skipped} skipped, " if options.skip_existing else ""
    how = sorted(set().union(*(each for *_, each in told)))
    told_how = f" ({', '.join(how)})" if how else ""
    print(f"{written} written to {options.out}{told_how}, {left}{len(failures)} failed")
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _planned(options: Namespace, processes: int) -> dict[str, Any]:
    """What there is to do: the jobs' files, and the inputs that can't be done.

    Raises:
        UserError: as `plan`, or the options contradict each other or the models'.
    """
    targets = _chosen_targets(options)
    jobs, failures = plan(options.inputs, targets, not options.no_recursive)
    if not (options.overwrite or options.skip_existing):
        _refuse_existing(jobs)
    if processes > 1:  # the largest first, so that none is left with one when all others are done
        jobs.sort(key=lambda job: job.source.stat().st_size, reverse=True)
        _chosen_upscale(options, [])  # so that what is wrong is said once
    return {
        "jobs": [(str(job.source), str(job.target)) for job in jobs],
        "failures": failures,
    }


def _chosen_targets(options: Namespace) -> Targets:
    """Where the options of `upscale` have results written.

    Raises:
        UserError: they contradict each other, or the pattern is none.
    """
    suffix = options.out.suffix.lower().lstrip(".")
    is_file = is_image(options.out) and not options.out.is_dir()
    if is_file:
        check_suffix(f".{suffix}")
        if options.format not in (None, suffix):
            raise UserError(f"-o {options.out} is no {options.format}, as --format says.")
    elif any(path.is_dir() and path.resolve() == options.out.resolve() for path in options.inputs):
        raise UserError(
            f"{options.out} is an input too, of which results would be pictures the next time; "
            "choose another -o, such as a folder in it."
        )
    try:
        names = {options.name.format(name=name, suffix="png") for name in "ab"}
    except (ValueError, LookupError, AttributeError):
        names = set()
    if len(names) < 2 or any(character in options.name for character in "/\\"):
        raise UserError(
            f"--name is a pattern with {{name}}, and {{suffix}} if you like, without folders; not "
            f"{options.name!r}."
        )
    return Targets(
        options.out, is_file, options.name, suffix if is_file else options.format or "png"
    )


def plan(inputs: Sequence[Path], targets: Targets, recursive: bool) -> tuple[list[Job], list[str]]:
    """Pairs of input and output files, and the inputs that can't be done, each with its reason.

    Results of a folder keep its sub-folders; nothing is written over an input or twice, and no
    result is read again.

    Raises:
        UserError: there are several pictures for one file.
    """
    jobs: list[Job] = []
    failures: list[str] = []
    writer: dict[Path, Path] = {}
    for source, folder in _sources(inputs, recursive, targets, failures):
        target = targets.of(source, folder)
        if targets.is_file and jobs:
            raise UserError(
                f"-o {target} is the file of one picture, but there are several; give a folder."
            )
        if target.resolve() == source.resolve():
            failures.append(f"{source}: the result would replace it; choose another -o")
        elif target in writer:
            failures.append(f"{source}: {target} is already the result of {writer[target]}")
        elif len(os.fsencode(target.name)) > LONGEST_NAME:
            failures.append(f"{source}: the result's name would be too long; choose another --name")
        else:
            writer[target] = source
            jobs.append(Job(source, target))
    return jobs, failures


def _sources(
    inputs: Sequence[Path], recursive: bool, targets: Targets, failures: list[str]
) -> Iterator[tuple[Path, Path]]:
    """Each picture file with its sub-folder relative to the input that it was found in."""
    for item in inputs:
        if not item.exists():
            failures.append(f"{item}: there is no such file or folder")
        elif item.is_file():
            yield item, Path()
        else:
            files = list_files(item, recursive, None if targets.is_file else targets.out)
            pictures = list(filter(is_to_be_read, files))
            if not pictures:
                failures.append(f"{item}: there are no pictures in this folder")
            for other in sorted(set(files) - set(pictures)):
                print(f"note: {other} is no picture by its name; left out", file=sys.stderr)
            yield from ((file, file.parent.relative_to(item)) for file in pictures)


def _refuse_existing(jobs: Sequence[Job]) -> None:
    """Raises UserError if there are results already."""
    existing = [job for job in jobs if job.target.exists()]
    if existing:
        raise UserError(
            f"{existing[0].target} and {len(existing) - 1} others are there already; add "
            "--skip-existing or --overwrite."
            if len(existing) > 1
            else f"{existing[0].target} is there already; add --skip-existing or --overwrite."
        )


def _is_whole(picture: Path) -> bool:
    """Whether it is there, and can be read to its end: a copy may have been interrupted."""
    if not picture.exists():
        return False
    try:
        load_image(picture)
    except UserError:
        return False
    return True


def _chosen_upscale(options: Namespace, made: list[Upscaler]) -> tuple[Upscale, int]:
    """The function from LR to SR that the options of `upscale` describe, and its scale.

    Args:
        made: gets the upscalers, which come to be when they are first needed.
    """

    def make(network: Generator) -> Upscaler:
        made.append(make_upscaler(network, options))
        return made[-1]

    if options.alpha is None:
        if options.models or options.mode:
            raise UserError("--models and --mode need --alpha; for one model use --model.")
        model = zoo.load(options.model or "gan", options.scale)
        return make(model.network), model.network.scale
    if options.model:
        raise UserError("--alpha goes between two models: give --models A B instead of --model.")
    networks = [zoo.load(model, options.scale).network for model in options.models or PAIR]
    mode = options.mode or "network"
    upscale = Blend(networks, make).by(mode, alpha_weights(options.alpha))
    if mode == "network":
        note_strangers(networks)  # refuses different shapes
    return upscale, networks[0].scale
