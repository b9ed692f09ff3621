"""`python -m esrgan significance`: whether two methods of an evaluation differ."""

from argparse import Namespace
from pathlib import Path

from esrgan.command_line import Parser
from esrgan.commands.common import results_by_data_set
from esrgan.errors import UserError
from esrgan.evaluation.difference_table import difference_table
from esrgan.evaluation.results import METRICS
from esrgan.evaluation.tables import aligned, fitted, separated, tabular
from esrgan.pictures.files import atomic_path

SUFFIXES = (".csv", ".tex")


def add(command: Parser) -> None:
    command.add_argument("first", metavar="A", help="a method's name in the evaluation")
    command.add_argument("second", metavar="B", help="the one that it is compared with")
    command.add_argument(
        "--evaluation",
        nargs="+",
        type=Path,
        required=True,
        metavar="DIR",
        help="of `evaluate -o DIR`; of several data sets, one each: DIR/Set5 DIR/Set14",
    )
    about = f"of {', '.join(METRICS)} (default: those of papers)"
    command.add_argument(
        "--columns", nargs="+", choices=METRICS, default=(), metavar="METRIC", help=about
    )
    command.add_argument("-o", "--out", type=Path, metavar="FILE.{csv,tex}", help="the same there")
    command.set_defaults(run=run)


def run(options: Namespace) -> int:
    out = options.out
    if out and out.suffix not in SUFFIXES:
        raise UserError(f"The table is written as {' or '.join(SUFFIXES)}, not {out.name}.")
    sets = results_by_data_set(options.evaluation)
    table = difference_table(sets, options.first, options.second, options.columns)
    print(aligned(table))
    if out:
        with atomic_path(out) as temporary:
            text = separated(table) if out.suffix == ".csv" else fitted(tabular(table))
            temporary.write_text(text, encoding="utf-8")
        print(out)
    return 0
