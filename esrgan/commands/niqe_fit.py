"""`python -m esrgan niqe-fit`: a pristine model of NIQE from one's own photographs."""

from argparse import Namespace
from functools import partial
from pathlib import Path

from tqdm import tqdm

from esrgan.command_line import Parser
from esrgan.evaluation.niqe import fit_pristine, save_pristine


def add(command: Parser) -> None:
    command.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="good photographs")
    command.add_argument("-o", "--out", type=Path, required=True, metavar="FILE.npz")
    command.add_argument(
        "--name", default="fitted", help="by which its numbers are told from the published model's"
    )
    command.set_defaults(run=run)


def run(options: Namespace) -> int:
    progress = partial(tqdm, unit="picture", dynamic_ncols=True)
    model = fit_pristine(*options.folders, name=options.name, progress=progress)
    save_pristine(model, options.out)
    print(f"{options.out}: {model.label}, from {model.facts}")
    return 0
