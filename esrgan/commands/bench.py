"""`python -m esrgan bench`: which way of computing a network is the fastest on this processor."""

import math
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

from esrgan.command_line import Parser
from esrgan.inference.backends import (
    BACKENDS,
    BFLOAT16,
    LARGE,
    MARGIN,
    MEDIUM,
    OPENVINO,
    SMALL,
    TILED,
    TRUNK,
    best_of_tiles,
    considers_winograd,
    measure_anew,
    openvino_seconds,
    pays_from,
    quickest,
    quickest_tile,
)
from esrgan.inference.devices import processor
from esrgan.inference.openvino import openvino_version
from esrgan.inference.tiles import WHOLE_PIXELS
from esrgan.models import zoo
from esrgan.networks import RRDBConfig, RRDBNet

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
    files: list[Path] = []
    for name in options.models:
        network = zoo.load(name).network
        if not isinstance(network, RRDBNet):
            print(f"note: {name} is an SRResNet, for which there is one way", file=sys.stderr)
            continue
        files += _measured(f"{name[:16]:16}", network.config)
    for folder in sorted({file.parent for file in files}):
        print(f"kept in {folder}")
    return 0


def _measured(name: str, config: RRDBConfig) -> Iterator[Path]:
    """Print a network's lines; yields the files that keep what was measured."""
    for side in (SMALL, MEDIUM):
        seconds, file = measure_anew(config, side)
        yield file
        by_openvino = openvino_seconds(config, side)
        everybody = seconds if by_openvino is None else {**seconds, OPENVINO: by_openvino}
        cells = " ".join(_cell(everybody.get(column)) for column in COLUMNS)
        print(f"{name} {side:>4}² {cells}  {_choice(everybody)}")
    if considers_winograd(config):
        seconds, file = measure_anew(config, TRUNK)
        yield file
        cells = " ".join(_cell(seconds.get(column)) for column in COLUMNS)
        print(f"{name} {LARGE:>4}² {cells}  {quickest(seconds)} (of the trunk alone)")
    seconds, file = measure_anew(config, TILED)
    yield file
    tiles = f"tiles of {quickest_tile(config)}²{_bfloat16(seconds)}{_openvino(seconds)}"
    print(f"{name} over {math.isqrt(WHOLE_PIXELS)}²: {tiles}")


def _choice(seconds: Mapping[str, float]) -> str:
    """What is taken, and what else might be."""
    chosen = quickest(seconds)
    speed = seconds[chosen] / seconds.get(OPENVINO, math.inf)
    return f"{chosen} (--backend openvino: {speed:.2f}×)" if speed >= MARGIN else chosen


def _bfloat16(seconds: Mapping[str, float]) -> str:
    """How fast the trunk is in bfloat16."""
    if BFLOAT16 not in seconds:
        return ""
    speed = best_of_tiles(seconds) / seconds[BFLOAT16]
    where = "taken where it is not seen" if speed >= MARGIN else f"and taken from {MARGIN}× on"
    return f"; bf16 is {speed:.2f}× as fast, {where}"


def _openvino(seconds: Mapping[str, float]) -> str:
    """How fast the trunk is by OpenVINO, and from which pictures on it is taken."""
    if OPENVINO not in seconds:
        return ""
    speed = best_of_tiles(seconds) / seconds[OPENVINO]
    pixels = pays_from(seconds)
    if math.isinf(pixels):
        return f"; OpenVINO is {speed:.2f}× as fast, and taken from {MARGIN}× on"
    least = max(pixels, WHOLE_PIXELS) / 1e6
    return f"; OpenVINO, {speed:.2f}× as fast, from {least:.2f} megapixels on"


def _cell(seconds: float | None) -> str:
    return f"{'–':>9}" if seconds is None else f"{seconds:9.3f}"
