"""`python -m esrgan bench`: which way of computing a network is the fastest on this processor."""

import math
import sys
from argparse import Namespace
from collections.abc import Mapping

import torch

from esrgan.command_line import Parser
from esrgan.inference.backends import (
    BACKENDS,
    LARGE,
    OPENVINO,
    SMALL,
    TILED,
    measure_anew,
    pays_from,
    quickest,
    quickest_tile,
)
from esrgan.inference.devices import processor
from esrgan.inference.openvino import openvino_version
from esrgan.models import zoo
from esrgan.networks import RRDBNet

COLUMNS = (*BACKENDS, OPENVINO)


def add(command: Parser) -> None:
    command.add_argument(
        "models", nargs="*", default=["gan"], metavar="MODEL", help="names or files (default: gan)"
    )
    command.set_defaults(run=run)


def run(options: Namespace) -> int:
    """A table of seconds a tile, measured anew; `--backend auto` goes by it from then on."""
    versions = f"PyTorch {torch.__version__}, OpenVINO {openvino_version() or 'not installed'}"
    print(f"{processor()}, {torch.get_num_threads()} threads, {versions}")
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
            cells = " ".join(_cell(seconds.get(column)) for column in COLUMNS)
            print(f"{name[:16]:16} {side:>4}² {cells}  {quickest(seconds)}{_openvino(seconds)}")
        files.append(measure_anew(network.config, TILED)[1])
        side = quickest_tile(network.config)
        print(f"{name[:16]:16} pictures over 512² in tiles of {side}²")
    for folder in sorted({file.parent for file in files}):
        print(f"kept in {folder}")
    return 0


def _openvino(seconds: Mapping[str, float]) -> str:
    """From which pictures on it is taken."""
    pixels = pays_from(seconds)
    return f"; openvino from {math.ceil(pixels**0.5)}²" if math.isfinite(pixels) else ""


def _cell(seconds: float | None) -> str:
    return f"{'–':>9}" if seconds is None else f"{seconds:9.3f}"
