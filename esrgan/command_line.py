"""What every command of the project shares: one-line errors with exit code 2."""

import argparse
import sys
import warnings
from collections.abc import Callable
from typing import NoReturn

from esrgan.errors import UserError


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help lists the options)\n")


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
