"""`python -m train psnr|gan|vgg`: train a network."""

import shlex
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import torch

from esrgan.command_line import Parser, run
from esrgan.devices import choose_device
from esrgan.errors import UserError
from train.config import Config, StageName, load_preset, make_config, override, preset_names
from train.loop import train
from train.stages import build_stage
from train.state import config_path, load_checkpoint, read_settings, save_config

STAGES: dict[StageName, str] = {
    "psnr": "first stage: the generator with L1 (Sec. 4.1)",
    "gan": "second stage: Eq. 3, from a PSNR model",
    "vgg": "a perceptual network, as a classifier of a folder with a sub-folder a class",
}


def parser() -> Parser:
    top = Parser(prog="python -m train", description="Train ESRGAN's networks.")
    stages = top.add_subparsers(dest="stage", required=True, parser_class=Parser)
    for name, description in STAGES.items():
        stage = stages.add_parser(name, help=description, description=description)
        stage.add_argument(
            "--preset", required=True, help=f"{', '.join(preset_names())}, or a .toml file"
        )
        stage.add_argument("--out", type=Path, required=True, help="folder of the run")
        stage.add_argument("--data", nargs="+", metavar="DIR", help="folders of training pictures")
        stage.add_argument("--iterations", type=int)
        stage.add_argument("--seed", type=int)
        stage.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
        stage.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            dest="assignments",
            help="change any setting of the preset, e.g. schedule.learning_rate=1e-4",
        )
        if name != "vgg":
            stage.add_argument("--init", help="start from this model (a name or a file)")
            stage.add_argument("--validation", metavar="DIR", help="HR pictures for PSNR-Y")
        if name == "gan":
            stage.add_argument(
                "--perceptual", help="builtin, torchvision, or a file with a VGG19 state dict"
            )
    return top


def resolve(options: Namespace) -> Config:
    """The configuration of the command line: preset, or begun run, with its options over it."""
    begun = read_settings(options.out, options.stage)
    if begun is not None and not options.resume:
        raise UserError(
            f"{options.out} already holds a run; add --resume, or choose another --out."
        )
    settings = load_preset(options.stage, options.preset) if begun is None else begun
    given = {
        name: getattr(options, name, None)
        for name in ("data", "iterations", "seed", "init", "validation", "perceptual")
    }
    settings = {**settings, **{name: value for name, value in given.items() if value is not None}}
    return make_config(options.stage, override(settings, options.assignments))


def main() -> int:
    options = parser().parse_args()
    config = resolve(options)
    device = choose_device(config.device)
    stage = build_stage(config, device)
    start = load_checkpoint(options.out, stage)
    save_config(options.out, options.stage, config)
    _announce(options, config, stage.dataset.skipped, start)
    facts: dict[str, Any] = {
        "command": "python -m train " + shlex.join(sys.argv[1:]),
        "preset": options.preset,
        "data": [Path(folder).name for folder in config.data],
        "seed": config.seed,
        "torch": torch.__version__,
    }
    outcome = train(stage, config, options.out, device, facts, start)
    ended = "finished" if outcome.finished else "stopped; go on with --resume"
    print(f"{ended} at iteration {outcome.iteration}: {outcome.weights}")
    return 0


def _announce(options: Namespace, config: Config, skipped: list[Path], start: int) -> None:
    print(f"run folder: {options.out} (settings in {config_path(options.out).name})")
    if options.resume:
        print(f"resuming at iteration {start}" if start else "no checkpoint yet: starting anew")
    if skipped:
        names = ", ".join(str(file) for file in skipped[:5]) + (" …" if len(skipped) > 5 else "")
        print(f"left out {len(skipped)} files, unreadable or smaller than the crop: {names}")
    print(f"{config.iterations} iterations of {config.batch_size} crops, seed {config.seed}")


if __name__ == "__main__":
    run(main, "python -m train")
