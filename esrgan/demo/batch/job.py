"""Upscaling of many pictures by one model, into a zip. Knows nothing of gradio."""

import re
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from esrgan.demo import choice, comparison, limits
from esrgan.demo.limits import (
    MAX_BACK_PROJECTIONS,
    MAX_LR_PIXELS,
    MAX_PICTURE_BYTES,
    MAX_PICTURE_PIXELS,
)
from esrgan.demo.server.decoding import load_image
from esrgan.demo.server.quota import check_free
from esrgan.demo.server.served import job_folder
from esrgan.demo.server.stopping import StoppedError
from esrgan.demo.server.uploads import Reception, TooManyError, Uploaded
from esrgan.demo.server.zero_gpu import on_zero_gpu
from esrgan.errors import UserError
from esrgan.inference.blend import DEFAULT_ALPHA, MODES, Blend
from esrgan.inference.files import Upscale, upscale_file
from esrgan.models.interpolation import alpha_weights
from esrgan.pictures.encoding import encode_image
from esrgan.pictures.files import atomic_path
from esrgan.pictures.folders import IMAGE_SUFFIXES
from esrgan.pictures.images import to_rgb, to_uint8

if TYPE_CHECKING:  # torch comes with the first work
    from esrgan.demo.server.sharing import SharedUpscaler

# What one visitor may ask of the machine, besides the pixels of a picture and of its result;
# `python -m esrgan upscale` has no such limits.
MAX_PICTURES = 200
MAX_TOTAL_BYTES = 2**30
MAX_RESULT_BYTES = 2 * 2**30
# Of a result in memory: enough for MAX_PICTURE_PIXELS of 8 bits, four times larger.
MAX_DECODED_BYTES = 2_500_000_000
SECONDS_BETWEEN_WORDS = 1.0  # of a large picture, which is done for minutes

FORMATS = ("png", "webp", "jpg")
FOLDER, RESULTS, ERRORS = "batches", "esrgan-results.zip", "errors.txt"
PREVIEW_SIDE = 320
_large = threading.Semaphore(1)  # of large pictures, of which the server does one at a time
# Parts of a name in a zip; no file system takes much longer ones.
MAX_NAME_BYTES, MAX_DEPTH = 150, 10


@dataclass(frozen=True)
class Wish:
    """Request of a batch; files are uploads, of which only the names are the visitor's.

    Attributes:
        uploads: pictures, and zips of them.
        models: one, or two to go between: names of the zoo or of training runs, or weights files.
        alpha, mode: the point between two, by network or by image interpolation.
        ensemble, back_projections: what is done after each network.
        suffix: of the results, one of FORMATS.
    """

    uploads: Sequence[Path]
    models: Sequence[str | Path] = ("gan",)
    alpha: float = DEFAULT_ALPHA
    mode: str = "network"
    ensemble: bool = False
    back_projections: float = 0
    suffix: str = "png"


@dataclass(frozen=True)
class Task:
    """A picture to be upscaled: its name as the visitor knows it, our copy of it, the bytes of
    that, and the name of the result in the zip."""

    name: str
    source: Path
    size: int
    result: str


@dataclass(frozen=True)
class Done:
    """A result: its task, LR's and SR's (height, width), a small picture of it, and whether the
    file holds more than this first frame."""

    task: Task
    before: tuple[int, ...]
    after: tuple[int, ...]
    preview: Path
    is_one_of_several: bool = False


class Batch:
    """A batch in progress, and what it has made.

    One thread computes it; others may look at it, end it or forget it meanwhile.

    Attributes:
        folder: of all its files.
        tasks: the pictures; `current` is the one in hand.
        done: the results that the zip has, in their order.
        failures: a line for each picture or zip that could not be done.
        strangers: whether α goes between networks without a common ancestor.
        file: the zip with the results, once the batch has ended with any.
        upscalers: of the networks that were needed.
        forgotten: whether its files are no longer wanted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.upscalers: list[SharedUpscaler] = []
        self.tasks: list[Task] = []
        self.current: Task | None = None
        self.done: list[Done] = []
        self.failures: list[str] = []
        self.strangers = False
        self.file: Path | None = None
        self.forgotten = False
        self._ended = False
        self._bytes = self._handled = 0
        self._tiles, self._of_tiles = 0, 1
        self._begun = time.monotonic()
        self._changing = threading.Lock()
        self._closing = ExitStack()
        self._zip: zipfile.ZipFile | None = None

    @property
    def ended(self) -> bool:
        return self._ended

    @property
    def complete(self) -> bool:
        """Whether every picture came to its turn."""
        return self._handled == len(self.tasks)

    @property
    def handled(self) -> int:
        """Number of pictures that are done or have failed."""
        return self._handled

    @property
    def seconds_left(self) -> float | None:
        """Time left by the bytes of the pictures, at the pace so far; None before there is one."""
        passed: float = sum(task.size for task in self.tasks[: self._handled])
        left: float = sum(task.size for task in self.tasks[self._handled :])
        if self.current is not None:
            passed, left = (
                passed + self.share * self.current.size,
                left - self.share * self.current.size,
            )
        return (time.monotonic() - self._begun) * left / passed if passed else None

    @property
    def is_too_long(self) -> bool:
        """Whether, at this pace, the page's limit of time will end it before it is done."""
        left = self.seconds_left
        return left is not None and time.monotonic() - self._begun + left > limits.MAX_SECONDS

    def begin(self, task: Task) -> None:
        """Begin with a picture."""
        if not self._handled:
            self._begun = time.monotonic()
        self.current, self._tiles, self._of_tiles = task, 0, 1

    def go_on(self) -> None:
        """Raises StoppedError once the batch has ended."""
        if self._ended:
            raise StoppedError

    @property
    def computed(self) -> str:
        """How, where it is not PyTorch's float32: " in fp16", " by OpenVINO"."""
        how = set().union(*(upscaler.how for upscaler in self.upscalers))
        return "".join(f" {each}" for each in sorted(how))

    @property
    def share(self) -> float:
        """Share of the current picture that is done, where it is large; in [0, 1)."""
        done = min(self._tiles, self._of_tiles) - 1  # transparency goes through the tiles again
        return max(0, done) / self._of_tiles

    def begin_tile(self, of: int) -> None:
        """Begin with one of so many tiles of a picture; raises StoppedError once the batch has
        ended."""
        self.go_on()
        self._tiles, self._of_tiles = self._tiles + 1, of

    def check_room(self) -> None:
        """Raises UserError if the results, or all that the disk holds, are too much already."""
        if self._bytes >= MAX_RESULT_BYTES:
            limit = MAX_RESULT_BYTES / 2**30
            raise UserError(f"The results are {limit:.3g} GB already, the page's limit.")
        check_free(self.folder)

    def keep(
        self, task: Task, lr: np.ndarray, sr: np.ndarray, made: Path, is_one_of_several: bool
    ) -> None:
        """Put a result's file into the zip.

        Raises:
            StoppedError: the batch has ended.
        """
        preview = self.folder / f"preview-{self._handled}.webp"
        preview.write_bytes(encode_image(_preview(sr), ".webp"))
        with self._changing:
            self.go_on()
            if self._zip is None:
                path = self._closing.enter_context(atomic_path(self.folder / RESULTS))
                self._zip = self._closing.enter_context(zipfile.ZipFile(path, "w"))
            self._zip.write(made, task.result)
            self._bytes += made.stat().st_size
            sizes = lr.shape[:2], sr.shape[:2]
            self.done.append(Done(task, *sizes, preview, is_one_of_several))
            self._handled += 1

    def fail(self, task: Task, reason: str) -> None:
        with self._changing:
            if not self._ended:
                self.failures.append(_failure(task.name, reason.replace(f"{self.folder}/", "")))
                self._handled += 1

    def end(self) -> None:
        """End the batch with a zip of what is done; nothing if it has ended before."""
        with self._changing:
            if self._ended:
                return
            self._ended, self.current = True, None
            if self._zip is None:
                return
            if self.failures:
                self._zip.writestr(ERRORS, "".join(f"{line}\n" for line in self.failures))
            self._closing.close()
            self.file = self.folder / RESULTS


def run(wish: Wish) -> Generator[Batch, None, None]:
    """Run a batch; yields it before and after each picture, one object throughout.

    Raises:
        UserError: there is nothing to do or too much, or a model can't be used. What is wrong
            with a picture is in the failures instead.
    """
    check(wish)
    weights = [choice.weights_file(model) for model in wish.models]
    batch = Batch(job_folder(FOLDER))
    try:
        upscale, scale = _upscale(wish, weights, batch)
        _receive(wish, batch)
    except (UserError, StoppedError, OSError):
        forget(batch)
        raise
    for number, task in enumerate(batch.tasks):
        batch.begin(task)
        yield batch
        made = batch.folder / f"result-{number}.{wish.suffix}"
        try:
            batch.go_on()
            batch.check_room()
            told: list[str] = []
            lr = load_image(task.source, MAX_PICTURE_PIXELS, told.append)
            work = partial(_upscaled, task, lr, upscale, scale, made)
            if lr.shape[0] * lr.shape[1] > MAX_LR_PIXELS:
                _check_large(wish, lr, scale, task.name)
                sr = yield from _patiently(batch, work)
            else:
                sr = work()
            batch.keep(task, lr, sr, made, bool(told))
        except StoppedError:
            if batch.forgotten:  # after which this picture's result was still written
                shutil.rmtree(batch.folder, ignore_errors=True)
            return
        except UserError as error:
            batch.fail(task, str(error))
        finally:
            made.unlink(missing_ok=True)
            task.source.unlink(missing_ok=True)
    batch.end()
    yield batch


def _upscaled(task: Task, lr: np.ndarray, upscale: Upscale, scale: int, made: Path) -> np.ndarray:
    """SR of a picture that has been decoded, in sRGB; written as well."""
    return upscale_file(task.source, made, upscale, scale, load=lambda *_: (lr, None))[1]


def _check_large(wish: Wish, lr: np.ndarray, scale: int, name: str) -> None:
    """Raises UserError: what is wished for can't be done tile by tile, or takes too much memory."""
    size = f"{lr.shape[1]}×{lr.shape[0]}"
    if wish.back_projections or wish.ensemble or (len(wish.models) > 1 and wish.mode == "image"):
        raise UserError(
            f"{name} is large ({size}): it is upscaled by one network, without self-ensemble, "
            "back-projection and image interpolation."
        )
    if lr.nbytes * scale**2 > MAX_DECODED_BYTES:
        limit = MAX_DECODED_BYTES / 1e9
        raise UserError(f"{name} ({size}) ×{scale} takes more than the page's {limit:g} GB.")


def _patiently(batch: Batch, work: Callable[[], np.ndarray]) -> Generator[Batch, None, np.ndarray]:
    """Do a large picture in a thread of its own; yields the batch while that takes."""
    while not _large.acquire(timeout=SECONDS_BETWEEN_WORDS):
        batch.go_on()
        yield batch
    try:
        with ThreadPoolExecutor(1) as thread:
            future = thread.submit(copy_context().run, work)
            try:
                while not wait([future], SECONDS_BETWEEN_WORDS).done:
                    yield batch
            except GeneratorExit:
                batch.end()  # and with it the thread, at its next tile
                raise
            return future.result()
    finally:
        _large.release()


def forget(batch: Batch | None) -> None:
    """End a batch and delete its files."""
    if batch is not None:
        batch.forgotten = True
        with suppress(UserError, OSError):
            batch.end()
        shutil.rmtree(batch.folder, ignore_errors=True)


# ---------------------------------------------------------------- before the first picture


def check(wish: Wish) -> None:
    """Raises UserError: what is wished for can't be begun, whatever the models are."""
    if on_zero_gpu():
        raise UserError("Batches are off here: a ZeroGPU Space lends its GPU for seconds only.")
    if not wish.uploads:
        raise UserError("Choose pictures first, or a zip of them.")
    if len(wish.models) not in (1, 2) or wish.suffix not in FORMATS or wish.mode not in MODES:
        raise UserError("Choose a model, or two to go between, and a format.")
    if wish.back_projections not in range(MAX_BACK_PROJECTIONS + 1):
        raise UserError(f"The rounds of back-projection are 0 to {MAX_BACK_PROJECTIONS}.")


def _upscale(wish: Wish, weights: Sequence[Path], batch: Batch) -> tuple[Upscale, int]:
    """Function from LR to SR, which ends with the batch, and its scale."""
    from esrgan.demo.server.sharing import SharedUpscaler  # torch comes with the first work
    from esrgan.networks import Generator as Network

    networks = [comparison.upscaler(file).network for file in weights]

    def make(network: Network) -> SharedUpscaler:
        upscaler = SharedUpscaler(
            network,
            ensemble=wish.ensemble,
            back_projections=int(wish.back_projections),
            before_tile=batch.begin_tile,
            frozen=True,
        )
        batch.upscalers.append(upscaler)
        return upscaler

    if len(networks) == 1:
        return make(networks[0]), networks[0].scale
    ends = tuple(weights)
    if wish.mode == "network" and comparison.obstacle(ends) is None:
        batch.strangers = comparison.strangers(ends)
    blend = Blend(networks, make)
    return blend.by(wish.mode, alpha_weights(wish.alpha)), networks[0].scale


def _receive(wish: Wish, batch: Batch) -> None:
    """Copy the uploaded pictures into the batch's folder.

    Raises:
        UserError: there are too many, too much of them, or none that could be received.
    """
    number = total = 0
    taken: set[str] = set()
    for file in _pictures(wish.uploads, batch.failures):
        number += 1
        if number > MAX_PICTURES:
            raise UserError(
                f"The page takes up to {MAX_PICTURES} pictures at once, and these are more; "
                "`python -m esrgan upscale` takes any number."
            )
        batch.check_room()
        source = batch.folder / f"picture-{number}" / _plain(file.name.name)
        source.parent.mkdir(parents=True)
        try:
            size = file.copy_to(source, MAX_PICTURE_BYTES)
        except UserError as error:
            batch.failures.append(_failure(str(file.name), str(error)))
            continue
        total += size
        if total > MAX_TOTAL_BYTES:
            limit = MAX_TOTAL_BYTES / 2**30
            raise UserError(
                f"The pictures are more than {limit:.3g} GB together; do them in parts."
            )
        result = _result_name(file.name, wish.suffix, taken)
        batch.tasks.append(Task(str(file.name), source, size, result))
    if not batch.tasks:
        raise UserError(next(iter(batch.failures), "There are no pictures in this."))


def _pictures(uploads: Sequence[Path], failures: list[str]) -> Iterator[Uploaded]:
    """Uploaded pictures, also those in zips; what is no picture or can't be unpacked, fails."""
    received = Reception(uploads)
    for upload in received.uploads:
        try:
            for file in received.files(upload):
                if upload.suffix.lower() != ".zip" or file.name.suffix.lower() in IMAGE_SUFFIXES:
                    yield file
                elif file.name.suffix.lower() == ".zip":
                    failures.append(f"{file.name} is a zip in {upload.name}: unpack it first.")
                else:
                    failures.append(f"{file.name} in {upload.name} is no picture by its name.")
        except TooManyError:
            raise
        except UserError as error:
            failures.append(str(error))


def _failure(name: str, reason: str) -> str:
    """Line of a failure; the reason names the picture, but without its folder."""
    return f"{name}: {reason}" if "/" in name or name not in reason else reason


def _result_name(name: PurePosixPath, suffix: str, taken: set[str]) -> str:
    """Name in the zip that no other result has, whatever system unpacks it; joins `taken`."""
    folders = [_plain(part) for part in name.parts[-MAX_DEPTH:-1]]
    for number in count(1):
        stem = _plain(name.stem) + (f" ({number})" if number > 1 else "")
        result = "/".join([*folders, f"{stem}.{suffix}"])
        if result.casefold() not in taken:
            break
    taken.add(result.casefold())
    return result


def _plain(part: str) -> str:
    """Part of a path as every file system takes it."""
    replaced = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*]', "_", part)
    shortened = replaced.encode(errors="ignore")[:MAX_NAME_BYTES].decode(errors="ignore")
    return shortened.rstrip(" .") or "_"


def _preview(picture: np.ndarray) -> np.ndarray:
    """Small H×W×3 `uint8` picture of a result of any kind."""
    step = max(1, max(picture.shape[:2]) // (2 * PREVIEW_SIDE))
    small = Image.fromarray(to_uint8(np.ascontiguousarray(picture[::step, ::step])))
    small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    return to_rgb(np.asarray(small))
