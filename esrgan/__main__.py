"""`python -m esrgan`."""

from esrgan.cli import main
from esrgan.command_line import run

if __name__ == "__main__":
    run(main, "python -m esrgan")
