"""`python -m train psnr|gan|vgg`: train a network, by `torchrun` in several processes.

`python -m train prepare` cuts pictures for it.
"""

import json
import os
import sys
import warnings
from argparse import Namespace
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import torch

from esrgan.command_line import Parser, program, run
from esrgan.errors import UserError
from esrgan.inference.devices import choose_device
from esrgan.pictures.files import atomic_path
from esrgan.run_folder import checkpoint_path, config_path
from train import distributed, prepare
from train.acceleration import set_up_cuda
from train.checkpoint import load_checkpoint
from train.config import Config, StageName, to_settings
from train.gain import tell_gain
from train.journal import save_png
from train.loop import train
from train.prepared import Cut
from train.rehearsal import rehearse, samples_sheet
from train.settings import (
    Changes,
    Preset,
    changes,
    check_changes,
    configured,
    load_preset,
    override,
    preset_names,
    told,
)
from train.sources import Skipped
from train.stages import PSNRStage, Stage, build_stage
from train.state import (
    Begun,
    commands,
    device_name,
    failure_told,
    history,
    read_begun,
    reserved,
    save_config,
    save_environment,
    set_best_aside,
)

STAGES: dict[StageName, str] = {
    "psnr": "first stage: the generator with L1 (Sec. 4.1)",
    "gan": "second stage: Eq. 3, from a PSNR model",
    "vgg": "a perceptual network, as a classifier of a folder with a sub-folder a class",
}
PREPARE = "cut pictures into sub-images, so that training needs not decode them"
# Settings that have an option of their own.
OPTIONS = (
    *("data", "lr", "data_weights", "iterations", "seed"),
    *("init", "init_partial", "init_discriminator"),
    *("validation", "validation_lr", "perceptual"),
)
# Settings that decide what the best weights are.
BEST = {"validation", "validation_lr", "validation_degrade", "best_by"}
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
            "--allow-changes",
            action="store_true",
            help="go on with other settings or data, and note it in the run's history",
        )
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
            stage.add_argument(
                "--init-partial", help="start from what this file shares with the generator"
            )
            stage.add_argument("--validation", metavar="DIR", help="HR pictures to measure on")
            stage.add_argument(
                "--validation-lr", metavar="DIR", help="their LR pictures (default: made)"
            )
        if name == "gan":
            stage.add_argument(
                "--init-discriminator", help="a run's checkpoint.pt, or BasicSR's net_d"
            )
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
        begun: preset, or settings of the run, with the command's options over them.
        changes: to what the run was trained with before.
        allowed: they may be of any kind.
        resumes: it goes on from a checkpoint, if there is one.
        dry: it is a dry run.
    """

    run: Path
    stage: StageName
    begun: Begun
    changes: Changes
    allowed: bool
    resumes: bool
    dry: bool

    @property
    def config(self) -> Config:
        return self.begun.config


def resolve(options: Namespace) -> Session:
    """The session of a command line.

    Raises:
        UserError: its options contradict each other or what is in the run's folder.
    """
    run, stage = options.out, options.stage
    resumes = options.resume or distributed.restarted()
    before = read_begun(run, stage)
    if before is not None and not resumes:
        raise UserError(f"{run} already holds a run; add --resume, or choose another --out.")
    if before is None:
        if options.preset is None:
            raise UserError(f"{run} holds no run yet; say with --preset what to train.")
        settings = load_preset(stage, options.preset)
        preset: Preset | None = Preset.of(options.preset, settings)
    else:
        settings, preset = to_settings(before.config), before.preset
        _check_preset(run, stage, preset, options.preset)
    given = {name: getattr(options, name, None) for name in OPTIONS}
    settings = {**settings, **{name: value for name, value in given.items() if value is not None}}
    config = configured(stage, override(settings, options.assignments))
    trained = before is not None and checkpoint_path(run).is_file()
    changed = changes(before.config, config) if before is not None and trained else {}
    check_changes(run, changed, options.allow_changes)
    begun = Begun(config, preset)
    return Session(run, stage, begun, changed, options.allow_changes, resumes, options.dry_run)


def _check_preset(run: Path, stage: StageName, known: Preset | None, name: str | None) -> None:
    """Raises UserError: the preset is not the one that the run began with."""
    if known and name and Preset.of(name, load_preset(stage, name)).digest != known.digest:
        raise UserError(
            f"{run} was begun with the preset {known.name!r}, and {name!r} now says something "
            "else: leave --preset out, and give changes with --set."
        )


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
            return _rehearse(*_started(session, stage), stage, device)
        with failure_told(run, config.iterations):
            stage = build_stage(config, device)
            with reserved(run):
                return _train(*_started(session, stage), stage, device)


def _started(session: Session, stage: Stage) -> tuple[Session, int]:
    """The session, with all its changes, and the iteration from which it goes on: the same in all
    processes.

    Raises:
        UserError: as `load_checkpoint`, the data have changed, or the run is beyond its end.
    """
    reached, now = load_checkpoint(session.run, stage), stage.dataset.contents
    start = reached.iteration
    distributed.check_agreement(start)
    if start > session.config.iterations:
        raise UserError(
            f"{session.run} has reached iteration {start} already, and iterations is "
            f"{session.config.iterations}: give {start} or more."
        )
    if reached.pictures is None or reached.pictures == now:
        return session, start
    changed = {**session.changes, "training pictures": (reached.pictures, now)}
    check_changes(session.run, changed, session.allowed)
    return replace(session, changes=changed), start


def _rehearse(session: Session, start: int, stage: Stage, device: torch.device) -> int:
    place = session.run.absolute()
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise UserError(f"{session.run} could not be written.")
    report = rehearse(stage, session.config, device, start)
    if distributed.is_main():
        print(json.dumps(to_settings(session.config), indent=2))
        _announce(session, stage, start)
        print(report)
        print(f"dry run: nothing was written{_shown_samples(session, stage)}")
    return 0


def _shown_samples(session: Session, stage: Stage) -> str:
    """Save a picture of samples beside the run's folder, where their LR is left to chance."""
    if not isinstance(stage, PSNRStage) or stage.config.degradation == "bicubic":
        return ""
    path = session.run.with_name(f"{session.run.name}-samples.png")
    save_png(samples_sheet(stage.dataset), path)
    return f" but {path}, samples of LR and HR"


def _train(session: Session, start: int, stage: Stage, device: torch.device) -> int:
    run, config = session.run, session.config
    if distributed.is_main():
        save_config(run, session.stage, session.begun)
        save_environment(run, start, device, session.changes)
        if BEST & session.changes.keys():
            set_best_aside(run, start)
        _announce(session, stage, start)
    facts: dict[str, Any] = {
        "command": commands(run),
        "preset": session.begun.preset and session.begun.preset.name,
        "data": [Path(folder).name for folder in config.data],
        "seed": config.seed,
        "torch": torch.__version__,
    }
    if history(run):
        facts["changes"] = history(run)
    outcome = train(stage, config, run, device, facts, start)
    if distributed.is_main():
        if isinstance(stage, PSNRStage) and stage.held_out and stage.validation:
            print(tell_gain(run, stage))
        ended = "finished" if outcome.finished else "stopped; go on with --resume"
        print(f"{ended} at iteration {outcome.iteration}: {outcome.weights}")
    return 0


def _announce(session: Session, stage: Stage, start: int) -> None:
    config = session.config
    print(f"run folder: {session.run} (settings in {config_path(session.run).name})")
    if session.resumes:
        print(f"resuming at iteration {start}" if start else "no checkpoint yet: starting anew")
    if session.changes:
        print(f"changed: {told(session.changes)}")
    for note in stage.notes:
        print(f"note: {note}")
    _name_left_out(session, stage.dataset.skipped)
    processes = distributed.world_size()
    among = f" in {processes} processes" if processes > 1 else ""
    print(
        f"{config.iterations} iterations of {config.batch_size} crops{among}, "
        f"{stage.precision} on {device_name(stage.device)}, seed {config.seed}",
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
