"""`python -m esrgan evaluate`: measure models on pictures."""

from argparse import Namespace, _SubParsersAction
from pathlib import Path

from tqdm import tqdm

from esrgan import evaluate, zoo
from esrgan.command_line import Parser
from esrgan.commands.common import PAIR, add_running_options, make_upscaler
from esrgan.evaluate import Upscale
from esrgan.resize import imresize


def add(commands: "_SubParsersAction[Parser]") -> None:
    command = commands.add_parser("evaluate", help="measure models on pictures")
    command.add_argument("hr", type=Path, metavar="HR_DIR")
    command.add_argument("--lr", type=Path, metavar="LR_DIR", help="same names; else made from HR")
    command.add_argument(
        "--models", nargs="+", default=["bicubic", *PAIR], help="names or files, or bicubic"
    )
    command.add_argument("--means", action="store_true", help="print the means only")
    add_running_options(command)
    command.set_defaults(run=run)


def run(options: Namespace) -> int:
    """A table of scores, a line a picture and a mean a model."""
    files = evaluate.pair_files(options.hr, options.lr)
    blocks = []
    for name in options.models:
        scale, upscale = _named_upscale(name, options)
        scores = [
            evaluate.score(name, upscale, evaluate.load_pair(hr, lr, scale), scale)
            for hr, lr in tqdm(files, desc=name, unit="picture")
        ]
        blocks += [*([] if options.means else scores), evaluate.mean_score(scores)]
    print(evaluate.format_table(blocks))
    return 0


def _named_upscale(name: str, options: Namespace) -> tuple[int, Upscale]:
    """The scale and the function of a model's name; "bicubic" is ours, by 4."""
    if name == "bicubic":
        return 4, lambda lr: imresize(lr, 4)
    upscaler = make_upscaler(zoo.load(name), options)
    return upscaler.scale, upscaler
