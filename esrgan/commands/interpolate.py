"""`python -m esrgan interpolate`: write the network at α between two models."""

from argparse import Namespace
from pathlib import Path

from esrgan import zoo
from esrgan.checkpoints import save_generator
from esrgan.command_line import Parser
from esrgan.commands.common import note_strangers
from esrgan.interpolation import alpha_weights, interpolate_networks


def add(command: Parser) -> None:
    command.add_argument("models", nargs=2, metavar="MODEL")
    command.add_argument("--alpha", type=float, required=True, help="weight of the second")
    command.add_argument("-o", "--out", type=Path, required=True, help="a .safetensors file")
    command.set_defaults(run=run)


def run(options: Namespace) -> int:
    networks = [zoo.load(model) for model in options.models]
    result = interpolate_networks(networks, alpha_weights(options.alpha))
    note_strangers(networks)
    names = [Path(model).name for model in options.models]
    facts = {"interpolation": {"models": names, "alpha": options.alpha}}
    save_generator(options.out, result, facts, half=False)
    print(options.out)
    return 0
