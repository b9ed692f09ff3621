"""`python -m train …` as tests call it."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout

import pytest

from esrgan.command_line import run as run_command
from train.__main__ import main


def ended(*arguments: object) -> tuple[int, str, str]:
    """Call `python -m train …` here, without the seconds that importing torch takes: exit code,
    stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["train", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            run_command(main, "python -m train")
    return int(stopped.value.code or 0), out.getvalue(), err.getvalue()
