"""`python -m esrgan`."""

from esrgan.command_line import run
from esrgan.commands.cli import main

if __name__ == "__main__":
    run(main, "python -m esrgan")
