"""`python -m esrgan models`: the zoo."""

from argparse import Namespace

from esrgan.command_line import Parser
from esrgan.models import zoo


def add(command: Parser) -> None:
    command.set_defaults(run=run)


def run(_: Namespace) -> int:
    for name, model in zoo.MODELS.items():
        print(f"{name:15}{model.title}: {model.description}. Licence: {model.licence}")
    return 0
