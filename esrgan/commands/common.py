"""What several commands share: options of running a network, and its upscaler."""

import sys
from argparse import Namespace
from collections.abc import Sequence

import torch

from esrgan.command_line import Parser
from esrgan.interpolation import STRANGERS, share_ancestor
from esrgan.networks import Generator
from esrgan.upscale import Upscaler

PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
# The ends of α where no other models are named.
PAIR = ("psnr", "gan")


def add_running_options(command: Parser) -> None:
    command.add_argument("--tile", type=int, help="LR pixels a tile side; 0 never tiles")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    command.add_argument("--precision", choices=PRECISIONS, default="fp32")


def make_upscaler(network: Generator, options: Namespace) -> Upscaler:
    """The network as `add_running_options` says."""
    return Upscaler(network, options.device, PRECISIONS[options.precision], options.tile)


def note_strangers(networks: Sequence[Generator]) -> None:
    """Say so if network interpolation between these two makes no sense."""
    if not share_ancestor(*networks):
        print(f"note: {STRANGERS}", file=sys.stderr)
