"""`python -m train psnr|gan|vgg`: train a network, by `torchrun` in several processes.

`python -m train prepare` cuts pictures for it.
"""

import json
import os
import sys
import warnings
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch

from esrgan.command_line import Parser, program, run
from esrgan.errors import UserError
from esrgan.inference.devices import choose_device
from esrgan.pictures.files import atomic_path
from esrgan.run_folder import config_path
from train import distributed, prepare
from train.acceleration import set_up_cuda
from train.config import (
    Config,
    StageName,
    load_preset,
    make_config,
    override,
    preset_names,
    to_settings,
)
from train.loop import train
from train.prepared import Cut
from train.rehearsal import rehearse
from train.sources import Skipped
from train.stages import Stage, build_stage
from train.state import (
    commands,
    failure_told,
    load_checkpoint,
    read_settings,
    reserved,
    save_config,
    save_environment,
)

STAGES: dict[StageName, str] = {
    "psnr": "first stage: the generator with L1 (Sec. 4.1)",
    "gan": "second stage: Eq. 3, from a PSNR model",
    "vgg": "a perceptual network, as a classifier of a folder with a sub-folder a class",
}
PREPARE = "cut pictures into sub-images, so that training needs not decode them"
# More files left out than these are only counted on the screen.
NAMED = 20


def parser() -> Parser:
    top = Parser(prog=program("train", "esrgan-train"), description="Train ESRGAN's networks.")
    stages = top.add_subparsers(dest="stage", required=True, parser_class=Parser)
    for name, description in STAGES.items():
        stage = stages.add_parser(name, help=description, description=description)
        stage.add_argument(
            "--preset",
            help=f"{', '.join(preset_names())}, or a .toml file; not needed with --resume",
        )
        stage.add_argument("--out", type=Path, required=True, help="folder of the run")
        stage.add_argument("--data", nargs="+", metavar="DIR", help="folders of training pictures")
        stage.add_argument("--iterations", type=int)
        stage.add_argument("--seed", type=int)
        stage.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
        stage.add_argument(
            "--dry-run",
            action="store_true",
            help="check everything by a step, say how long the run will take, and write nothing",
        )
        stage.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            dest="assignments",
            help="change any setting of the preset, e.g. schedule.learning_rate=1e-4",
        )
        if name != "vgg":
            stage.add_argument(
                "--lr", nargs="+", metavar="DIR", help="a folder of LR pictures for each of --data"
            )
            stage.add_argument(
                "--data-weights",
                nargs="+",
                type=float,
                metavar="W",
                help="how often each of --data is drawn from (default: by area)",
            )
            stage.add_argument("--init", help="start from this model (a name or a file)")
            stage.add_argument("--validation", metavar="DIR", help="HR pictures to measure on")
        if name == "gan":
            stage.add_argument(
                "--perceptual", help="builtin, torchvision, or a file with a VGG16 or VGG19"
            )
    preparing = stages.add_parser("prepare", help=PREPARE, description=PREPARE)
    prepare.add_options(preparing)
    return top


@dataclass(frozen=True)
class Session:
    """What a command line asks for.

    Attributes:
        run: its folder.
        preset: as it was given; None if the run goes on without one.
        config: preset, or begun run, with the command's options over it.
        resumes: it goes on from a checkpoint, if there is one.
        dry: it is a dry run.
    """

    run: Path
    stage: StageName
    preset: str | None
    config: Config
    resumes: bool
    dry: bool


def resolve(options: Namespace) -> Session:
    """The session of a command line.

    Raises:
        UserError: its options contradict each other or what is in the run's folder.
    """
    resumes = options.resume or distributed.restarted()
    begun = read_settings(options.out, options.stage)
    if begun is not None and not resumes:
        raise UserError(
            f"{options.out} already holds a run; add --resume, or choose another --out."
        )
    if begun is None and options.preset is None:
        raise UserError(f"{options.out} holds no run yet; say with --preset what to train.")
    settings = load_preset(options.stage, options.preset) if begun is None else begun
    given = {
        name: getattr(options, name, None)
        for name in (
            "data",
            "lr",
            "data_weights",
            "iterations",
            "seed",
            "init",
            "validation",
            "perceptual",
        )
    }
    settings = {**settings, **{name: value for name, value in given.items() if value is not None}}
    config = make_config(options.stage, override(settings, options.assignments))
    return Session(options.out, options.stage, options.preset, config, resumes, options.dry_run)


def main() -> int:
    warnings.showwarning = _show_warning
    options = parser().parse_args()
    if options.stage == "prepare":
        cut = Cut(size=options.size, step=options.step, smallest=options.smallest)
        return prepare.run(options.folders, options.out, cut, options.workers)
    session = resolve(options)
    run, config = session.run, session.config
    with distributed.processes(choose_device(config.device)) as device:
        if device.type == "cuda":
            set_up_cuda(config.tf32)
        if session.dry:
            stage = build_stage(config, device)
            return _rehearse(session, stage, device, _start(run, stage))
        with failure_told(run, config.iterations):
            stage = build_stage(config, device)
            with reserved(run):
                return _train(session, stage, device, _start(run, stage))


def _start(run: Path, stage: Stage) -> int:
    """The iteration from which it goes on, the same in all processes."""
    start = load_checkpoint(run, stage)
    distributed.check_agreement(start)
    return start


def _rehearse(session: Session, stage: Stage, device: torch.device, start: int) -> int:
    place = session.run.absolute()
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise UserError(f"{session.run} could not be written.")
    report = rehearse(stage, session.config, device, start)
    if distributed.is_main():
        print(json.dumps(to_settings(session.config), indent=2))
        _announce(session, stage.dataset.skipped, start)
        print(report)
        print("dry run: nothing was written")
    return 0


def _train(session: Session, stage: Stage, device: torch.device, start: int) -> int:
    run, config = session.run, session.config
    if distributed.is_main():
        save_config(run, session.stage, config)
        save_environment(run, start, device)
        _announce(session, stage.dataset.skipped, start)
    facts: dict[str, Any] = {
        "command": commands(run),
        "preset": session.preset,
        "data": [Path(folder).name for folder in config.data],
        "seed": config.seed,
        "torch": torch.__version__,
    }
    outcome = train(stage, config, run, device, facts, start)
    if distributed.is_main():
        ended = "finished" if outcome.finished else "stopped; go on with --resume"
        print(f"{ended} at iteration {outcome.iteration}: {outcome.weights}")
    return 0


def _announce(session: Session, skipped: list[Skipped], start: int) -> None:
    config = session.config
    print(f"run folder: {session.run} (settings in {config_path(session.run).name})")
    if session.resumes:
        print(f"resuming at iteration {start}" if start else "no checkpoint yet: starting anew")
    _name_left_out(session, skipped)
    processes = distributed.world_size()
    among = f" in {processes} processes" if processes > 1 else ""
    print(
        f"{config.iterations} iterations of {config.batch_size} crops{among}, "
        f"{config.precision}, seed {config.seed}",
        flush=True,
    )


def _name_left_out(session: Session, skipped: list[Skipped]) -> None:
    """The first few on the screen, and all of them in the run's folder if they are many."""
    for each in skipped[:NAMED]:
        print(f"left out {each}")
    if len(skipped) <= NAMED:
        return
    more = f"left out {len(skipped) - NAMED} more files"
    if session.dry:
        print(more)
        return
    path = session.run / "left-out.txt"
    with atomic_path(path) as temporary:
        temporary.write_text("".join(f"{each}\n" for each in skipped), "utf-8")
    print(f"{more}, see {path}")


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"note: {message}", file=sys.stderr)


def start() -> NoReturn:
    run(main, program("train", "esrgan-train"))


if __name__ == "__main__":
    start()
