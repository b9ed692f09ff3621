"""`python -m esrgan niqe-model`: the model of NIQE that all numbers are of from then on."""

from argparse import Namespace
from pathlib import Path

from esrgan.command_line import Parser
from esrgan.evaluation.niqe import kept_path, load_pristine, own_pristine, save_pristine


def add(command: Parser) -> None:
    about = "the published modelparameters.mat, BasicSR's .npz, or another; without it, which it is"
    command.add_argument("file", nargs="?", type=Path, metavar="FILE", help=about)
    command.add_argument("--forget", action="store_true", help="take the included one again")
    command.set_defaults(run=run)


def run(options: Namespace) -> int:
    if options.forget:
        kept_path().unlink(missing_ok=True)
    if options.file:
        save_pristine(load_pristine(options.file), kept_path())
    place = f" ({kept_path()})" if kept_path().is_file() else ""
    print(f"evaluate and figure measure {own_pristine().label}{place}")
    return 0
