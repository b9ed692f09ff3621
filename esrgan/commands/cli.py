"""`python -m esrgan`: the library from the command line."""

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module

from esrgan.command_line import Parser, program

# What each does; its module is imported only if it is asked for: torch and matplotlib take seconds.
COMMANDS = {
    "upscale": "upscale pictures",
    "interpolate": "make a model between two models",
    "export": "write a model as safetensors or ONNX",
    "evaluate": "measure models on pictures",
    "significance": "say whether two methods of an evaluation differ",
    "compare": "write a page of models side by side, with the page's viewer, as one file",
    "figure": "draw a figure of the paper",
    "blind-test": "write the page of a user study, which asks for the better of two pictures",
    "votes": "count the answers of such a study: preferences and Bradley–Terry scores",
    "animate": "draw what lies between two models as GIF, WebP or MP4",
    "ablation": "train the models of the paper's Fig. 8 and draw it",
    "niqe-model": "keep NIQE's published model, so that it is found from then on",
    "niqe-fit": "fit NIQE's model of good photographs",
    "bench": "show which way of computing a network is the fastest here",
    "models": "list the models",
}


def name() -> str:
    """The name of this command: `esrgan` where it is installed, or `python -m esrgan`."""
    return program("esrgan", "esrgan")


def parser(asked: str | None = None) -> Parser:
    """All commands, of which the one that is asked for has its options."""
    top = Parser(prog=name(), description="ESRGAN super-resolution.")
    commands = top.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for word, about in COMMANDS.items():
        command = commands.add_parser(word, help=about)
        if word == asked:
            import_module(f"esrgan.commands.{word.replace('-', '_')}").add(command)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    Raises:
        UserError: something is wrong with the whole command, not with one picture.
    """
    warnings.showwarning = _show_warning
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser(next(iter(arguments), None)).parse_args(arguments)
    code: int = options.run(options)
    return code


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"note: {message}", file=sys.stderr)
