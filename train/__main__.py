"""`python -m train psnr|gan|vgg`: train a network; `prepare`: cut pictures for it."""

import shlex
import sys
import warnings
from argparse import Namespace
from pathlib import Path
from typing import Any

import torch

from esrgan.command_line import Parser, run
from esrgan.devices import choose_device
from esrgan.errors import UserError
from esrgan.files import atomic_path
from train import prepare
from train.config import Config, StageName, load_preset, make_config, override, preset_names
from train.loop import train
from train.sources import Skipped
from train.stages import build_stage
from train.state import config_path, load_checkpoint, read_settings, save_config

STAGES: dict[StageName, str] = {
    "psnr": "first stage: the generator with L1 (Sec. 4.1)",
    "gan": "second stage: Eq. 3, from a PSNR model",
    "vgg": "a perceptual network, as a classifier of a folder with a sub-folder a class",
}
PREPARE = "cut pictures into sub-images, so that training needs not decode them"
# More files left out than these are only counted on the screen.
NAMED = 20


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
            stage.add_argument("--validation", metavar="DIR", help="HR pictures for PSNR-Y")
        if name == "gan":
            stage.add_argument(
                "--perceptual", help="builtin, torchvision, or a file with a VGG19 state dict"
            )
    preparing = stages.add_parser("prepare", help=PREPARE, description=PREPARE)
    prepare.add_options(preparing)
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
    return make_config(options.stage, override(settings, options.assignments))


def main() -> int:
    warnings.showwarning = _show_warning
    options = parser().parse_args()
    if options.stage == "prepare":
        return prepare.run(options)
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


def _announce(options: Namespace, config: Config, skipped: list[Skipped], start: int) -> None:
    print(f"run folder: {options.out} (settings in {config_path(options.out).name})")
    if options.resume:
        print(f"resuming at iteration {start}" if start else "no checkpoint yet: starting anew")
    for each in skipped[:NAMED]:
        print(f"left out {each}")
    if len(skipped) > NAMED:
        path = options.out / "left-out.txt"
        with atomic_path(path) as temporary:
            temporary.write_text("".join(f"{each}\n" for each in skipped), "utf-8")
        print(f"left out {len(skipped) - NAMED} more files, see {path}")
    print(f"{config.iterations} iterations of {config.batch_size} crops, seed {config.seed}")


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"note: {message}", file=sys.stderr)


if __name__ == "__main__":
    run(main, "python -m train")
