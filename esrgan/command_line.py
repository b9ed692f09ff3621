"""Commands: one-line errors with exit code 2, what they are called, one started from another."""

import argparse
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from esrgan import assets
from esrgan.errors import UserError


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help lists the options)\n")


def program(module: str, script: str) -> str:
    """The words that started this process: the installed script, or `python -m MODULE`."""
    return script if Path(sys.argv[0]).stem == script else f"python -m {module}"


def python_module(module: str) -> tuple[list[str], dict[str, str]]:
    """The first words and the environment of a `python -m MODULE` of this project.

    It is this clone's, or the installed one, whatever lies in the folder where it is started.
    """
    environment = dict(os.environ)
    if not assets.INSTALLED:
        before = [environment["PYTHONPATH"]] if environment.get("PYTHONPATH") else []
        environment["PYTHONPATH"] = os.pathsep.join([str(assets.ROOT), *before])
    return [sys.executable, "-P", "-m", module], environment


def run(main: Callable[[], int | None], program: str) -> NoReturn:
    """Run a command's `main` and exit; a UserError becomes one line on stderr and exit code 2."""
    warnings.filterwarnings("ignore", module=r"PIL\.")  # notes on odd files that it reads anyway
    try:
        code = main() or 0
    except UserError as error:
        print(f"{program}: {error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print(f"{program}: stopped.", file=sys.stderr)
        code = 130
    sys.exit(code)
