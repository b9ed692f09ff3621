"""Training from the page: starts, estimates, resumes and stops runs, and chooses their results.

Knows nothing of gradio.
"""

import os
import re
import secrets
import shutil
import signal
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from esrgan.demo.finetune import process
from esrgan.demo.finetune.run import look, moments, running
from esrgan.demo.finetune.settings import Settings, arguments, check_settings
from esrgan.demo.finetune.training_pictures import Receiving, chosen_folder, unpacked
from esrgan.demo.finetuned import (
    folder_of,
    log_path,
    names,
    runs_folder,
    write_origin,
    write_owner,
)
from esrgan.demo.limits import MAX_SECONDS
from esrgan.demo.server.access import is_local
from esrgan.demo.server.housekeeping import age
from esrgan.demo.server.stopping import go_on
from esrgan.demo.server.zero_gpu import on_zero_gpu
from esrgan.errors import UserError
from esrgan.models import zoo
from esrgan.pictures.files import atomic_path
from esrgan.run_folder import weights_path

# Folders of runs, as `starting` names them, and of estimates.
RUN, ESTIMATE = re.compile(r"\d{4}-\d\d-\d\d-\d{6}-[\w-]+-[0-9a-f]{4}"), ".estimate-"
WEIGHTS_SUFFIXES = frozenset({".safetensors", ".pth", ".pt", ".ckpt"})

_changing = threading.Lock()  # held while a process is started or stopped


def refusal() -> str | None:
    """Reason for which this server doesn't train, or None if it does."""
    if on_zero_gpu():
        return "Training is off here: a ZeroGPU Space lends its GPU for seconds only."
    if is_local() or os.environ.get("ESRGAN_ALLOW_TRAINING") == "1":
        return None
    if os.environ.get("SPACE_ID"):
        return (
            "Training is off on this Space: run the page on a machine of your own, or, as the "
            "Space's owner, set ESRGAN_ALLOW_TRAINING=1."
        )
    return (
        "Training is off, as not only this machine's users reach the page. Its owner can switch it "
        "on: ESRGAN_ALLOW_TRAINING=1."
    )


def start(settings: Settings, uploads: Sequence[str] = (), folder: str | None = None) -> str:
    """Begin a run and return its name, as `starting` does step by step."""
    *_, (name, _) = starting(settings, uploads, folder)
    return name


def starting(
    settings: Settings, uploads: Sequence[str] = (), folder: str | None = None
) -> Generator[tuple[str, Receiving], None, None]:
    """Begin a run; yields its name, and how far its pictures are, until it has begun.

    What is given up before leaves nothing.

    Args:
        settings: of the run.
        uploads: HR pictures and zips of them, which are copied into the run's folder.
        folder: a name of `allowed_folders()` instead.

    Raises:
        UserError: training is off, another run is in progress, or a choice is wrong.
        StoppedError: it is not wanted any more.
    """
    _check_ready(settings)
    _delete_abandoned()
    name = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{settings.kind}-{secrets.token_hex(2)}"
    run = runs_folder() / name
    try:
        run.mkdir(parents=True)
        yield name, Receiving()
        data = chosen_folder(folder) if folder else run / "pictures"
        for receiving in () if folder else unpacked(uploads, data):
            yield name, receiving
        origin = _origin(settings.start, run)
        write_origin(run, settings.start, origin)
        write_owner(run)
        go_on()
        with _one_at_a_time():
            process.launch(run, arguments(settings, run, data, origin))
    except OSError as error:
        shutil.rmtree(run, ignore_errors=True)
        raise UserError(f"The training could not be started: {error.strerror}.") from error
    except BaseException:
        shutil.rmtree(run, ignore_errors=True)
        raise


def estimating(
    settings: Settings, uploads: Sequence[str] = (), folder: str | None = None
) -> Generator[Receiving | str, None, None]:
    """Measure how long a run would take by a few steps of it, which leave nothing; yields how far
    its pictures are and, in the end, what was found, in words. The arguments are `starting`'s.

    Raises:
        UserError: as `starting`, or what ends the training at once.
        StoppedError: it is not wanted any more.
    """
    _check_ready(settings)
    yield Receiving()
    runs_folder().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=ESTIMATE, dir=runs_folder()) as place:
        run = Path(place)
        data = chosen_folder(folder) if folder else run / "pictures"
        if not folder:
            yield from unpacked(uploads, data)
        trial = arguments(settings, run / "trial", data, _origin(settings.start, run))
        yield _rehearsed([*trial, "--dry-run"], run / "rehearsal.txt")


def _rehearsed(dry_run: Sequence[str], log: Path) -> str:
    """What a dry run says of the time."""
    rehearsal = process.begin(dry_run, log)
    try:
        while rehearsal.poll() is None:
            go_on()
            time.sleep(0.1)
    finally:
        if rehearsal.poll() is None:
            os.killpg(rehearsal.pid, signal.SIGKILL)
            rehearsal.wait()
    lines = log.read_text("utf-8", "replace").splitlines()
    if rehearsal.returncode:
        raise UserError((lines or ["The training ended without a word."])[-1])
    return next(line.removeprefix("time: ") for line in lines if line.startswith("time: "))


def resume(name: str) -> None:
    """Go on with a run that was stopped or that failed, from its last checkpoint.

    Raises:
        UserError: training is off, a run is in progress, or this one can't go on.
    """
    _check_allowed()
    folder = folder_of(name)
    with _one_at_a_time():
        run = look(name)
        if run.state == "finished":
            raise UserError("This run is finished; to train on, start a new one from its result.")
        if run.stage not in ("psnr", "gan"):
            raise UserError("This run never came to begin; start a new one.")
        process.launch(folder, [run.stage, "--out", str(folder), "--resume"])


def stop(name: str) -> None:
    """Ask a run to save, export its weights and end; it takes a moment.

    Raises:
        UserError: training is off, or the run is not in progress.
    """
    _check_allowed()
    folder = folder_of(name)
    with _changing:
        process.interrupt(folder)


def choose(name: str, moment: str) -> None:
    """Make the weights of a moment the result of a run that has ended.

    Raises:
        UserError: training is off, the run is in progress, or has no such moment.
    """
    _check_allowed()
    folder = folder_of(name)
    with _changing:
        if look(name).alive:
            raise UserError("This run is in progress; choose when it has ended.")
        weights = moments(folder).get(moment)
        if weights is None:
            raise UserError("This run has kept no weights of that moment.")
        with atomic_path(weights_path(folder)) as temporary:
            shutil.copyfile(weights, temporary)


def _check_ready(settings: Settings) -> None:
    _check_allowed()
    check_settings(settings)
    _check_idle()


def _check_allowed() -> None:
    reason = refusal()
    if reason:
        raise UserError(reason)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Refuse, rather than wait, while a run is in progress or being started."""
    if not _changing.acquire(blocking=False):
        raise UserError("Busy: a training is just being started.")
    try:
        _check_idle()
        yield
    finally:
        _changing.release()


def _check_idle() -> None:
    """Raises UserError: a run is in progress."""
    busy = running()
    if busy and busy not in names():
        raise UserError("Busy: another visitor trains a model. One run at a time; wait.")
    if busy:
        raise UserError(f"Busy: {busy} is training. One run at a time; stop it, or wait.")


def _delete_abandoned() -> None:
    """Delete what is left of servers that were killed before the run began for which they received
    pictures."""
    for folder in runs_folder().glob("*"):
        never_begun = RUN.fullmatch(folder.name) and not log_path(folder).exists()
        is_ours = never_begun or folder.name.startswith(ESTIMATE)
        if is_ours and folder.is_dir() and age(folder) > MAX_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _origin(start: str | Path, run: Path) -> Path:
    """The weights to start from, copied into the run if they may vanish; they must load.

    Raises:
        UserError: there are no such weights, or as `load_generator`.
    """
    from esrgan.demo.server.sharing import check_size
    from esrgan.models.checkpoints import load_generator

    if isinstance(start, str) and start in zoo.MODELS:
        return zoo.find(start)
    source = weights_path(folder_of(start)) if isinstance(start, str) else start
    if source.suffix not in WEIGHTS_SUFFIXES:
        raise UserError(f"{source.name} is not a weights file (.safetensors or .pth).")
    check_size(load_generator(source))
    copied = run / f"start{source.suffix}"
    shutil.copyfile(source, copied)
    return copied
