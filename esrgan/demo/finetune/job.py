"""Training from the page: starts, watches and stops `python -m train`. Knows nothing of gradio.

A run is a folder below `runs_folder()`, and all that is known of it is read from there. Its process
leads a session of its own, so that it goes on when the page or the server is closed, and is found
again, to be watched and stopped, when the server is back.
"""

import os
import re
import secrets
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from esrgan.command_line import python_module
from esrgan.demo.finetune.training_pictures import Receiving, chosen_folder, unpacked
from esrgan.demo.finetuned import (
    all_names,
    folder_of,
    names,
    read_json,
    runs_folder,
    write_json,
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
from esrgan.pictures.degradations import DegradationName
from esrgan.pictures.files import atomic_path
from esrgan.run_folder import (
    config_path,
    gain_path,
    gain_picture_path,
    kept_weights,
    read_metrics,
    read_status,
    weights_path,
)

PRESET = "finetune"
# Folders of runs, as `starting` names them, and of estimates; the log that a run has once it began.
RUN, ESTIMATE = re.compile(r"\d{4}-\d\d-\d\d-\d{6}-[\w-]+-[0-9a-f]{4}"), ".estimate-"
LOG = "log.txt"
WEIGHTS_SUFFIXES = frozenset({".safetensors", ".pth", ".pt", ".ckpt"})
State = Literal["running", "stopping", "finished", "stopped", "failed"]
ENDED: tuple[State, ...] = ("finished", "stopped")

# What one visitor may ask of the machine; `python -m train` has no such limits.
LIMITS: dict[str, tuple[float, float]] = {
    "iterations": (1, 100_000),
    "batch size": (2, 64),  # normalised over the batch, and RaGAN takes its mean
    "crop size": (32, 256),
    "learning rate": (1e-7, 1e-2),
    "λ": (0, 10),
    "η": (0, 100),
}
NICENESS = 10  # of a training, added to the page's
LOGGED_POINTS = 300  # of a run, but not more than so many iterations apart
LOGGED_EVERY = 25
SHOWN_POINTS = 150  # of a curve; there are two in one plot

_changing = threading.Lock()  # held while a process is started or stopped
_children: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Settings:
    """Settings of a run, as a visitor chooses them.

    Attributes:
        stage: "psnr" (L1) or "gan" (Eq. 3).
        start: a name of `zoo.MODELS`, of a run, or a weights file.
        degradation: how LR is made of the pictures.
        before_activation, relativistic, gan_weight (λ), pixel_weight (η): of the GAN stage.
    """

    stage: Literal["psnr", "gan"] = "gan"
    start: str | Path = "psnr"
    degradation: DegradationName = "bicubic"
    before_activation: bool = True
    relativistic: bool = True
    gan_weight: float = 5e-3
    pixel_weight: float = 1.0
    iterations: int = 300
    learning_rate: float = 1e-4
    batch_size: int = 4
    crop_size: int = 96

    @property
    def kind(self) -> str:
        """Part of the run's name: the stage and, but for the paper's, the degradation."""
        spoilt = "" if self.degradation == "bicubic" else f"-{self.degradation}"
        return f"{self.stage}{spoilt}"


@dataclass(frozen=True)
class Run:
    """State of a run, as its folder tells it."""

    folder: Path
    state: State
    iteration: int
    iterations: int
    stage: str
    seconds_left: float | None = None
    message: str = ""
    gain: str = ""

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def alive(self) -> bool:
        return self.state in ("running", "stopping")


# ---------------------------------------------------------------- whether training is allowed


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


def _check_allowed() -> None:
    reason = refusal()
    if reason:
        raise UserError(reason)


# ---------------------------------------------------------------- runs on disk


def look(name: str) -> Run:
    """Read the state of a run.

    Raises:
        UserError: there is no such run.
    """
    folder = folder_of(name)
    config = read_json(config_path(folder))
    metrics = read_metrics(folder)
    iteration = int(metrics[-1]["iteration"]) if metrics else 0
    iterations, stage = int(config.get("iterations", 0)), str(config.get("stage", ""))
    if _is_running(folder):
        if _process(folder).get("stopping"):
            return Run(folder, "stopping", iteration, iterations, stage)
        left = _seconds_left(folder, metrics, iterations)
        return Run(folder, "running", iteration, iterations, stage, left)
    state, message = _ending(folder)
    gain = str(read_json(gain_path(folder)).get("words", "")) if state in ENDED else ""
    return Run(folder, state, iteration, iterations, stage, None, message, gain)


def running() -> str | None:
    """The name of the run in progress, whosever it is; there is one at most."""
    return next((name for name in all_names() if _is_running(runs_folder() / name)), None)


def _process(folder: Path) -> dict[str, Any]:
    """The run's latest process: its number, when it began in two tellings, and if it was asked to
    stop."""
    return read_json(folder / "process.json")


def _ending(folder: Path) -> tuple[State, str]:
    """The state of a run whose process is gone, and a sentence if it failed."""
    status, process = read_status(folder), _process(folder)
    if status is None or status.time < process.get("time", 0):  # an earlier process's
        if process.get("stopping"):
            return "stopped", ""
        log = (folder / LOG).read_text("utf-8", "replace").strip()
        return "failed", f"The training ended before it began. {log[log.rfind(chr(10)) + 1 :]}"
    if status.state == "running":
        return "failed", "The training was ended from outside, perhaps for want of memory."
    return status.state, status.message.replace(f"{runs_folder()}{os.sep}", "")


# ---------------------------------------------------------------- numbers and pictures


def curve(metrics: Sequence[dict[str, float]], name: str) -> list[tuple[float, float]]:
    """Curve of a number by iteration, averaged over neighbours where it has too many points."""
    points = [(line["iteration"], line[name]) for line in metrics if name in line]
    size = -(-len(points) // SHOWN_POINTS)
    groups = [points[start : start + size] for start in range(0, len(points), size or 1)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def latest_sample(folder: Path) -> Path | None:
    """Latest sample of a run: rows of bicubic, SR and HR."""
    return max((folder / "samples").glob("[0-9]*.png"), default=None)


def picture(run: Run) -> Path | None:
    """What is shown of a run: its latest sample; when it has ended, what was gained on the pictures
    that were held out, if any were: rows of before, after and HR."""
    gained = gain_picture_path(run.folder)
    return gained if run.gain and gained.is_file() else latest_sample(run.folder)


# ---------------------------------------------------------------- the moment that is the result


def moments(folder: Path) -> dict[str, Path]:
    """The weights that can be a run's result, by what they are called: the best ones, and those
    beside its sample pictures."""
    best = folder / "best" / weights_path(folder).name
    found = {"the best": best} if best.is_file() else {}
    return found | {f"iteration {n}": path for n, path in kept_weights(folder).items()}


def choose(name: str, moment: str) -> None:
    """Make the weights of a moment the result of a run that has ended.

    Raises:
        UserError: training is off, the run is in progress, or has no such moment.
    """
    _check_allowed()
    folder = folder_of(name)
    with _changing:
        if _is_running(folder):
            raise UserError("This run is in progress; choose when it has ended.")
        weights = moments(folder).get(moment)
        if weights is None:
            raise UserError("This run has kept no weights of that moment.")
        with atomic_path(weights_path(folder)) as temporary:
            shutil.copyfile(weights, temporary)


def _seconds_left(
    folder: Path, metrics: Sequence[dict[str, float]], iterations: int
) -> float | None:
    """Time left by the pace since the process was started; None as long as there is none."""
    begun = _process(folder).get("time", 0)
    session = [line for line in metrics if line["time"] >= begun]
    steps = session[-1]["iteration"] - session[0]["iteration"] if session else 0
    if not steps:
        return None
    pace = (session[-1]["time"] - session[0]["time"]) / steps
    due = session[-1]["time"] + pace * (iterations - session[-1]["iteration"])
    return max(0.0, due - time.time())


# ---------------------------------------------------------------- starting, stopping, resuming


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
    _check_allowed()
    _check_settings(settings)
    _check_idle()
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
            _launch(run, _arguments(settings, run, data, origin))
    except OSError as error:
        shutil.rmtree(run, ignore_errors=True)
        raise UserError(f"The training could not be started: {error.strerror}.") from error
    except BaseException:
        shutil.rmtree(run, ignore_errors=True)
        raise


def _delete_abandoned() -> None:
    """Delete what is left of servers that were killed before the run began for which they received
    pictures."""
    for folder in runs_folder().glob("*"):
        never_begun = RUN.fullmatch(folder.name) and not (folder / LOG).exists()
        is_ours = never_begun or folder.name.startswith(ESTIMATE)
        if is_ours and folder.is_dir() and age(folder) > MAX_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def estimating(
    settings: Settings, uploads: Sequence[str] = (), folder: str | None = None
) -> Generator[Receiving | str, None, None]:
    """Measure how long a run would take by a few steps of it, which leave nothing; yields how far
    its pictures are and, in the end, what was found, in words. The arguments are `starting`'s.

    Raises:
        UserError: as `starting`, or what ends the training at once.
        StoppedError: it is not wanted any more.
    """
    _check_allowed()
    _check_settings(settings)
    _check_idle()
    yield Receiving()
    runs_folder().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=ESTIMATE, dir=runs_folder()) as place:
        run = Path(place)
        data = chosen_folder(folder) if folder else run / "pictures"
        if not folder:
            yield from unpacked(uploads, data)
        arguments = _arguments(settings, run / "trial", data, _origin(settings.start, run))
        yield _rehearsed([*arguments, "--dry-run"], run / "rehearsal.txt")


def _rehearsed(arguments: Sequence[str], log: Path) -> str:
    """What a dry run says of the time."""
    process = _begin(arguments, log)
    try:
        while process.poll() is None:
            go_on()
            time.sleep(0.1)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    lines = log.read_text("utf-8", "replace").splitlines()
    if process.returncode:
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
        _launch(folder, [run.stage, "--out", str(folder), "--resume"])


def stop(name: str) -> None:
    """Ask a run to save, export its weights and end; it takes a moment.

    Raises:
        UserError: training is off, or the run is not in progress.
    """
    _check_allowed()
    folder = folder_of(name)
    with _changing:
        process = _process(folder)
        if not _is_running(folder):
            raise UserError("This run is not in progress.")
        if process.get("starting"):  # the number is the server's
            raise UserError("This run is only just starting; try again in a moment.")
        if process.get("stopping"):  # a second signal would end it before it has saved
            raise UserError("This run is stopping already; this takes a moment.")
        write_json(folder / "process.json", {**process, "stopping": True})
        os.killpg(int(process["pid"]), signal.SIGINT)


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


def _check_settings(settings: Settings) -> None:
    """Raises UserError: a number is missing or out of its limits."""
    numbers = {
        "iterations": settings.iterations,
        "batch size": settings.batch_size,
        "crop size": settings.crop_size,
        "learning rate": settings.learning_rate,
        "λ": settings.gan_weight,
        "η": settings.pixel_weight,
    }
    for name, value in numbers.items():
        low, high = LIMITS[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            raise UserError(f"The {name} must be a number between {low:g} and {high:g}.")
    if settings.crop_size % 32:
        raise UserError("The crop size must be a multiple of 32.")


def _arguments(settings: Settings, run: Path, data: Path, origin: Path) -> list[str]:
    changes: dict[str, object] = {
        "degradation": settings.degradation,
        "batch_size": settings.batch_size,
        "crop_size": settings.crop_size,
        "schedule.learning_rate": settings.learning_rate,
        "log_every": min(LOGGED_EVERY, max(1, settings.iterations // LOGGED_POINTS)),
    }
    if settings.stage == "gan":
        changes["before_activation"] = str(settings.before_activation).lower()
        changes["adversarial"] = "relativistic" if settings.relativistic else "standard"
        changes["gan_weight"] = settings.gan_weight
        changes["pixel_weight"] = settings.pixel_weight
    return [
        *(settings.stage, "--preset", PRESET, "--out", str(run), "--data", str(data)),
        *("--init", str(origin), "--iterations", str(settings.iterations)),
        *(part for key, value in changes.items() for part in ("--set", f"{key}={value}")),
    ]


def _launch(run: Path, arguments: Sequence[str]) -> None:
    """Start a run's process.

    `process.json` is there before it: until its number is known, the run is taken to be at work as
    long as this server is.
    """
    write_json(run / "process.json", {**_identity(os.getpid()), "starting": True})
    try:
        process = _begin(arguments, run / LOG)
    except OSError as error:
        (run / "process.json").unlink()
        raise UserError(f"The training could not be started: {error.strerror}.") from error
    _children.append(process)
    write_json(run / "process.json", _identity(process.pid))


def _begin(arguments: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
    """`python -m train …`, at low priority where there is `nice`: the page comes first."""
    nice = [shutil.which("nice") or "", "-n", str(NICENESS)] if shutil.which("nice") else []
    python, environment = python_module("train")
    with log.open("wb") as file:
        return subprocess.Popen(
            [*nice, *python, *arguments],
            env={**environment, "PYTHONUNBUFFERED": "1", "TQDM_DISABLE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _identity(pid: int) -> dict[str, Any]:
    return {"pid": pid, "started": _started(pid), "time": time.time()}


def _is_running(folder: Path) -> bool:
    """Whether the run's process is alive, and is not another one with its number."""
    _children[:] = [child for child in _children if child.poll() is None]  # leaves no zombies
    process = _process(folder)
    started = process.get("started")
    return started is not None and _started(int(process["pid"])) == started


def _started(pid: int) -> str | None:
    """When a process started, in the system's words; None if it is no more."""
    if Path("/proc/self/stat").exists():
        try:
            # "pid (name) state ppid …": the state is field 3, the start time field 22.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    asked = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    status, _, begun = (
        subprocess.run(asked, capture_output=True, text=True, check=False)
        .stdout.strip()
        .partition(" ")
    )
    return None if not status or status.startswith("Z") else begun.strip()


# ---------------------------------------------------------------- the model to start from


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
