"""`python -m train prepare`: cut pictures into sub-images once; training then decodes nothing."""

import os
import shutil
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from esrgan.errors import UserError
from esrgan.pictures.folders import list_images
from esrgan.pictures.images import load_image, to_rgb, to_uint8
from train.prepared import (
    Cut,
    Index,
    LeftOut,
    Sources,
    SubImages,
    index_path,
    read_sources,
    sources_path,
    write_json,
)
from train.sources import Skipped, usable_size


def add_options(command: ArgumentParser) -> None:
    cut = Cut()
    command.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="of HR pictures")
    command.add_argument("-o", "--out", type=Path, required=True, help="the prepared folder")
    command.add_argument("--size", type=_positive, default=cut.size, help="side of the sub-images")
    command.add_argument("--step", type=_positive, default=cut.step, help="from one to the next")
    command.add_argument(
        "--smallest",
        type=_positive,
        default=cut.smallest,
        metavar="SIDE",
        help=f"leave out pictures with a shorter side (default: {cut.smallest})",
    )
    command.add_argument(
        "--workers", type=_positive, default=os.cpu_count() or 1, help="pictures at a time"
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ArgumentTypeError(f"{value} is not positive")
    return value


def run(folders: Sequence[Path], out: Path, cut: Cut, workers: int) -> int:
    """Prepare, and say on the screen what was left out."""
    left_out = prepare(folders, out, cut, workers)
    for each in left_out:
        print(f"left out {each}")
    count = f"{len(left_out)} files left out" if left_out else "no file left out"
    print(f"prepared, {count}; train with --data {out}")
    return 0


@dataclass(frozen=True)
class Job:
    """A picture to cut, and the sub-images that its header promises."""

    file: Path
    target: Path
    planned: SubImages

    def is_done(self) -> bool:
        """Whether it was cut before, and has not changed since."""
        whole = self.planned.is_written(self.target)
        return whole and self.target.stat().st_mtime >= self.file.stat().st_mtime


def prepare(folders: Sequence[Path], out: Path, cut: Cut, workers: int) -> list[Skipped]:
    """Cut the pictures of folders into a prepared folder; goes on where it was stopped.

    Every file is decoded whole; grey becomes RGB, 16 bits become 8 and transparency is laid over
    white, as training reads pictures.

    Returns:
        The files that are of no use, and why.

    Raises:
        UserError: a folder is missing or empty, no picture is of use, the disk is too small, `out`
            was cut otherwise or can't be written.
    """
    sources = _sources(folders, out, cut)
    plans = [_plan(folder, out / _name(folder), cut) for folder in folders]
    jobs = [job for planned, _ in plans for job in planned]
    waiting = [job for job in jobs if not job.is_done()]
    _check_disk(out, [job.planned for job in jobs], [job.planned for job in waiting])
    write_json(sources_path(out), sources)
    made: dict[Path, SubImages | Skipped] = {job.file: job.planned for job in jobs}
    with (
        _threads(workers) as pool,
        tqdm(total=len(jobs), initial=len(jobs) - len(waiting), unit="pictures") as progress,
    ):
        running = {pool.submit(_cut, job, cut): job for job in waiting}
        for future in as_completed(running):
            made[running[future].file] = future.result()
            progress.update()
    every: list[Skipped] = []
    for folder, (planned, unreadable) in zip(folders, plans, strict=True):
        found = [made[job.file] for job in planned]
        damaged = [each for each in found if isinstance(each, Skipped)]
        pictures = [each for each in found if isinstance(each, SubImages)]
        skipped = sorted([*unreadable, *damaged], key=lambda each: each.file)
        _finish(folder, out / _name(folder), cut, pictures, skipped)
        every += skipped
    if len(every) == len(jobs) + sum(len(unreadable) for _, unreadable in plans):
        raise UserError(f"None of the {len(every)} pictures is of use. The first: {every[0]}")
    return every


def _name(folder: Path) -> str:
    return folder.resolve().name


def _sources(folders: Sequence[Path], out: Path, cut: Cut) -> Sources:
    """The sources of `out` with these added."""
    known = read_sources(out) if sources_path(out).is_file() else Sources(cut, {})
    if known.cut != cut:
        raise UserError(
            f"{out} was begun with --size {known.cut.size} --step {known.cut.step} --smallest "
            f"{known.cut.smallest}; go on with these, or choose another folder."
        )
    named = dict(known.folders)
    for folder in folders:
        if named.setdefault(_name(folder), str(folder.resolve())) != str(folder.resolve()):
            raise UserError(
                f"{out} already has a source {_name(folder)}, {named[_name(folder)]}; prepare "
                f"{folder} into a folder of its own and give both to --data."
            )
    return Sources(cut, named)


def _plan(folder: Path, target: Path, cut: Cut) -> tuple[list[Job], list[Skipped]]:
    """Pictures of a source that are to be cut, and the files that their headers rule out."""
    jobs: list[Job] = []
    skipped: list[Skipped] = []
    for file in list_images(folder):
        try:
            size = usable_size(file, cut.smallest)
        except UserError as error:
            skipped.append(Skipped.because(file, error))
            continue
        planned = SubImages.of(file.relative_to(folder).as_posix(), *size, cut)
        jobs.append(Job(file, target / planned.file, planned))
    return jobs, skipped


def _check_disk(out: Path, every: Sequence[SubImages], waiting: Sequence[SubImages]) -> None:
    """Say how much it will be; UserError if the disk has not as much left."""
    whole, needed = (sum(each.bytes_on_disk for each in some) for some in (every, waiting))
    existing = next(place for place in (out, *out.absolute().parents) if place.exists())
    free = shutil.disk_usage(existing).free
    print(f"{sum(map(len, every))} sub-images, {whole / 1e9:.2f} GB", flush=True)
    if needed > free:
        raise UserError(
            f"{out} needs {needed / 1e9:.1f} GB more, but its disk has {free / 1e9:.1f} GB left; a "
            "larger --step takes less."
        )


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads, since decoding and writing don't hold Python's lock; left early, they end only the
    pictures at hand."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _cut(job: Job, cut: Cut) -> SubImages | Skipped:
    """Decode a picture and write its sub-images; UserError only if they can't be written."""
    try:
        picture = to_rgb(to_uint8(load_image(job.file)))
    except UserError as error:
        return Skipped.because(job.file, error)
    height, width = picture.shape[:2]
    sub_images = SubImages.of(job.planned.source, height, width, cut)
    sub_images.write(picture, job.target)
    return sub_images


def _finish(
    folder: Path,
    target: Path,
    cut: Cut,
    pictures: list[SubImages],
    skipped: Sequence[Skipped],
) -> None:
    """Remove what a killed run left half-written, and write the index."""
    for remains in target.rglob(".*.tmp"):
        remains.unlink(missing_ok=True)
    left_out = [LeftOut(str(each.file.relative_to(folder)), each.reason) for each in skipped]
    write_json(index_path(target), Index(str(folder.resolve()), cut, pictures, left_out))
