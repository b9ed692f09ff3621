"""`python -m esrgan votes`: what the participants of a blind test preferred."""

from argparse import Namespace
from pathlib import Path

from esrgan.command_line import Parser
from esrgan.errors import UserError
from esrgan.studies.answers import read_answers
from esrgan.studies.preferences import RESAMPLES, count_votes
from esrgan.studies.report import check_report_path, save_report, text_report

MOST_RESAMPLES = 100_000


def add(command: Parser) -> None:
    command.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="answers that the page saved"
    )
    command.add_argument(
        "-o", "--out", type=Path, metavar="FILE.{tex,csv}", help="the tables, also as a file"
    )
    command.add_argument(
        "--resamples",
        type=int,
        default=RESAMPLES,
        metavar="N",
        help=f"bootstrap samples of the scores' intervals (default: {RESAMPLES})",
    )
    command.add_argument(
        "--seed", type=int, default=0, help="of the random numbers of the bootstrap (default: 0)"
    )
    command.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Print preference rates and Bradley–Terry scores."""
    if options.out:
        check_report_path(options.out)  # before anything is computed
    if not 100 <= options.resamples <= MOST_RESAMPLES:
        raise UserError(f"--resamples is a number from 100 to {MOST_RESAMPLES}.")
    if options.seed < 0:
        raise UserError("--seed is a whole number, 0 or more.")
    votes = count_votes(read_answers(options.files), options.resamples, options.seed)
    print(text_report(votes))
    if options.out:
        save_report(votes, options.out)
        print(f"\n{options.out}")
    return 0
