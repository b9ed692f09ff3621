"""`python -m esrgan bench`: which way of computing a network is the fastest on this processor."""

import sys
from argparse import Namespace

import torch

from esrgan.command_line import Parser
from esrgan.inference.backends import (
    BACKENDS,
    LARGE,
    SMALL,
    measure_anew,
    openvino_seconds,
    quickest,
)
from esrgan.inference.devices import processor
from esrgan.models import zoo
from esrgan.networks import RRDBNet

COLUMNS = (*BACKENDS, "openvino")


def add(command: Parser) -> None:
    command.add_argument(
        "models", nargs="*", default=["gan"], metavar="MODEL", help="names or files (default: gan)"
    )
    command.set_defaults(run=run)


def run(options: Namespace) -> int:
    """A table of seconds a tile, measured anew; `--backend auto` goes by it from then on."""
    print(f"{processor()}, {torch.get_num_threads()} threads, PyTorch {torch.__version__}")
    print(f"{'model':16} {'LR':>5} " + " ".join(f"{name:>9}" for name in COLUMNS) + "  auto")
    files = []
    for name in options.models:
        network = zoo.load(name).network
        if not isinstance(network, RRDBNet):
            print(f"note: {name} is an SRResNet, for which there is one way", file=sys.stderr)
            continue
        for side in (SMALL, LARGE):
            seconds, file = measure_anew(network.config, side)
            files.append(file)
            all_seconds = {**seconds, "openvino": openvino_seconds(network, side)}
            cells = " ".join(_cell(all_seconds.get(column)) for column in COLUMNS)
            print(f"{name[:16]:16} {side:>4}² {cells}  {quickest(seconds)}")
    for folder in sorted({file.parent for file in files}):
        print(f"kept in {folder}")
    return 0


def _cell(seconds: float | None) -> str:
    return f"{'–':>9}" if seconds is None else f"{seconds:9.3f}"
