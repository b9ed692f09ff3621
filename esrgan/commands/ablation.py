"""`python -m esrgan ablation`: train the models of Fig. 8 one after another, and draw it."""

import signal
import subprocess
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from esrgan import assets
from esrgan.command_line import Parser, python_module
from esrgan.commands.common import add_running_options, choose_methods, make_upscaler
from esrgan.commands.figure import add_crop_option, add_width_option, check_crop_count, crop_each
from esrgan.errors import UserError
from esrgan.evaluation.methods import model_settings
from esrgan.figures import PAGE_WIDTH, save_figure
from esrgan.figures.compose import ablation_figure, made
from esrgan.run_folder import read_status, weights_path

EXAMPLES = [assets.EXAMPLES / name for name in ("chelsea.png", "motorcycle.png")]


@dataclass(frozen=True)
class Column:
    """A model of Fig. 8.

    Attributes:
        title: above its column.
        start: the column that trains the PSNR model it starts from: itself, or one before it.
    """

    title: str
    start: str


# By preset of `train`, each with one change from the one before it.
COLUMNS = {
    "ablation-srgan": Column("SRGAN", "ablation-srgan"),
    "ablation-no-bn": Column("no BN", "ablation-no-bn"),
    "ablation-before-activation": Column("before act.", "ablation-no-bn"),
    "ablation-ragan": Column("RaGAN", "ablation-no-bn"),
    "ablation-rrdb": Column("RRDB", "ablation-rrdb"),
}
NAMES = [preset.removeprefix("ablation-") for preset in COLUMNS]

# What makes the presets small enough for minutes on two CPU cores.
TINY = (
    "batch_size=4",
    "num_workers=0",
    "save_every=100",
    "sample_every=100",
    "log_every=25",
)
TINY_STAGE = {
    "psnr": (
        "iterations=400",
        "crop_size=48",
        "generator.num_features=16",
        "generator.num_blocks=4",
        "schedule={ learning_rate = 1e-3, cosine = true }",
    ),
    "gan": (
        "iterations=100",
        "crop_size=32",
        "discriminator_features=16",
        "schedule={ learning_rate = 1e-4 }",
    ),
}


@dataclass(frozen=True)
class Run:
    """One run of `python -m train`."""

    stage: str
    preset: str
    folder: Path
    init: Path | None = None

    @property
    def weights(self) -> Path:
        return weights_path(self.folder)


def add(command: Parser) -> None:
    command.add_argument("--data", nargs="+", type=Path, required=True, metavar="DIR")
    command.add_argument("--out", type=Path, required=True, help="folder of the runs and figures")
    command.add_argument("--columns", nargs="+", choices=NAMES, default=NAMES, metavar="COLUMN")
    command.add_argument("--iterations", type=int, help="of each stage (default: the presets')")
    command.add_argument("--tiny", action="store_true", help="small networks, in minutes")
    command.add_argument("--perceptual", help="builtin, torchvision, or a VGG19's file")
    command.add_argument("--pictures", nargs="+", type=Path, default=EXAMPLES, metavar="HR")
    add_crop_option(command)
    add_width_option(command, PAGE_WIDTH)
    add_running_options(command)
    command.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Train what is not trained yet, then write ablation.png and ablation.pdf."""
    check_crop_count(options.crop, options.pictures)
    folder = options.out / "tiny" if options.tiny else options.out
    presets = [preset for preset in COLUMNS if preset.removeprefix("ablation-") in options.columns]
    runs = plan(presets, folder)
    for number, each in enumerate(runs, start=1):
        done = finished(each, options.iterations)
        state = "finished before" if done else "training"
        print(f"[{number}/{len(runs)}] {each.stage} {each.preset}: {state}", flush=True)
        if not done:
            _train(each, options)
    weights = {COLUMNS[r.preset].title: str(r.weights) for r in runs if r.stage == "gan"}
    make = partial(make_upscaler, options=options)
    chosen = choose_methods(list(weights.values()), make)
    shown = [made(chosen.methods, file, chosen.scale) for file in options.pictures]
    settings = dict(zip(weights, map(model_settings, chosen.models.values()), strict=True))
    crops = crop_each(shown, options.crop, options.width)
    figure, _ = ablation_figure(shown, crops, settings, options.width)
    for name in ("ablation.png", "ablation.pdf"):
        save_figure(figure, folder / name)
        print(folder / name)
    return 0


def plan(presets: Sequence[str], folder: Path) -> list[Run]:
    """The runs of some columns, each PSNR model once and before the GAN models that need it."""
    runs: dict[Path, Run] = {}
    for preset in presets:
        start = COLUMNS[preset].start
        psnr = Run("psnr", start, folder / f"{start}-psnr")
        gan = Run("gan", preset, folder / f"{preset}-gan", psnr.weights)
        runs |= {each.folder: each for each in (psnr, gan) if each.folder not in runs}
    return list(runs.values())


def finished(run: Run, iterations: int | None) -> bool:
    """Whether a run has made all its iterations: those asked for, or else those it began with."""
    status = read_status(run.folder)
    if status is None or status.state not in ("finished", "stopped"):
        return False
    return run.weights.is_file() and status.iteration >= (iterations or status.iterations)


def training_words(run: Run, options: Namespace) -> list[str]:
    """The words after `python -m train`; a run that was begun goes on."""
    settings = [*TINY, *TINY_STAGE[run.stage]] if options.tiny else []
    settings.append(f"device={options.device}")
    if options.iterations is not None:
        settings.append(f"iterations={options.iterations}")
    words = [run.stage, "--preset", run.preset, "--out", str(run.folder), "--resume"]
    words += ["--data", *map(str, options.data)]
    if run.init is not None:
        words += ["--init", str(run.init)]
        perceptual = options.perceptual or ("builtin" if options.tiny else None)
        words += ["--perceptual", perceptual] if perceptual else []
    return [*words, *(f"--set={setting}" for setting in settings)]


def _train(run: Run, options: Namespace) -> None:
    """Raises UserError if the run fails, KeyboardInterrupt if it was stopped."""
    python, environment = python_module("train")
    command = [*python, *training_words(run, options)]
    # A session of its own, so that a terminal's Ctrl-C comes once: from here.
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    with _terminate_as_interrupt():
        interrupted = _wait(process)
    if interrupted:
        raise KeyboardInterrupt
    if process.returncode:
        raise UserError(
            f"Training {run.preset} ({run.stage}) failed, as said above. The same command goes on "
            "from the runs that are finished."
        )


def _wait(process: "subprocess.Popen[bytes]") -> bool:
    """Wait for a process, passing each Ctrl-C on to it; whether there was one."""
    interrupted = False
    while True:
        try:
            process.wait()
        except KeyboardInterrupt:
            interrupted = True
            process.send_signal(signal.SIGINT)
        else:
            return interrupted


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """SIGTERM acts as Ctrl-C, so that no training is left behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
