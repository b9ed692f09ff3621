"""`python -m esrgan`, or `esrgan` where it is installed."""

from typing import NoReturn

from esrgan.command_line import run
from esrgan.commands.cli import main, name


def start() -> NoReturn:
    run(main, name())


if __name__ == "__main__":
    start()
