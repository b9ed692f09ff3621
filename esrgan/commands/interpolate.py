"""`python -m esrgan interpolate`: write the network at α between two models."""

from argparse import Namespace
from pathlib import Path

from esrgan.command_line import Parser
from esrgan.commands.common import network_at
from esrgan.models.checkpoints import save_generator


def add(command: Parser) -> None:
    command.add_argument("models", nargs=2, metavar="MODEL")
    command.add_argument("--alpha", type=float, required=True, help="weight of the second")
    command.add_argument("-o", "--out", type=Path, required=True, help="a .safetensors file")
    command.set_defaults(run=run)


def run(options: Namespace) -> int:
    network, facts = network_at(options.models, options.alpha)
    save_generator(options.out, network, facts, half=False)
    print(options.out)
    return 0
