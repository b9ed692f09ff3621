"""`python -m esrgan`: the library from the command line."""

import sys
import warnings
from collections.abc import Sequence

from esrgan.command_line import Parser
from esrgan.commands import ablation, evaluate, figure, interpolate, models, niqe_fit, upscale


def parser() -> Parser:
    top = Parser(prog="python -m esrgan", description="ESRGAN super-resolution.")
    commands = top.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for command in (upscale, interpolate, evaluate, figure, ablation, niqe_fit, models):
        command.add(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    Raises:
        UserError: something is wrong with the whole command, not with one picture.
    """
    warnings.showwarning = _show_warning
    options = parser().parse_args(arguments)
    code: int = options.run(options)
    return code


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"note: {message}", file=sys.stderr)
