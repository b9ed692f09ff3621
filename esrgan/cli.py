"""`python -m esrgan`: upscale, interpolate and evaluate from the command line."""

import sys
import warnings
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from esrgan import evaluate, zoo
from esrgan.checkpoints import save_generator
from esrgan.command_line import Parser
from esrgan.errors import UserError
from esrgan.evaluate import Upscale
from esrgan.images import IMAGE_SUFFIXES, load_image, save_image, to_rgb
from esrgan.interpolation import (
    STRANGERS,
    alpha_weights,
    interpolate_images,
    interpolate_networks,
    share_ancestor,
)
from esrgan.networks import Generator
from esrgan.resize import imresize
from esrgan.upscale import Upscaler

PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
PAIR = ("psnr", "gan")


def parser() -> Parser:
    top = Parser(prog="python -m esrgan", description="ESRGAN super-resolution.")
    commands = top.add_subparsers(dest="command", required=True, parser_class=Parser)

    upscale = commands.add_parser("upscale", help="upscale pictures")
    upscale.add_argument("inputs", nargs="+", type=Path, help="pictures and folders of pictures")
    upscale.add_argument("-o", "--out", type=Path, required=True, help="folder for the results")
    upscale.add_argument("--model", help=f"{', '.join(zoo.MODELS)}, or a file (default: gan)")
    upscale.add_argument("--alpha", type=float, help="0 = first model … 1 = second model")
    upscale.add_argument(
        "--models", nargs=2, metavar=("A", "B"), help="the ends of alpha (default: psnr gan)"
    )
    upscale.add_argument("--mode", choices=("network", "image"), help="what alpha interpolates")
    upscale.add_argument("--format", choices=("png", "webp", "jpg", "tif"), default="png")
    upscale.add_argument("--no-recursive", action="store_true", help="don't enter sub-folders")
    upscale.add_argument("--scale", type=int, help="only for old ×3 model files: 3")
    _add_running_options(upscale)

    interpolate = commands.add_parser("interpolate", help="make a model between two models")
    interpolate.add_argument("models", nargs=2, metavar="MODEL")
    interpolate.add_argument("--alpha", type=float, required=True, help="weight of the second")
    interpolate.add_argument("-o", "--out", type=Path, required=True, help="a .safetensors file")

    score = commands.add_parser("evaluate", help="measure models on pictures")
    score.add_argument("hr", type=Path, metavar="HR_DIR")
    score.add_argument("--lr", type=Path, metavar="LR_DIR", help="same names; else made from HR")
    score.add_argument(
        "--models", nargs="+", default=["bicubic", *PAIR], help="names or files, or bicubic"
    )
    score.add_argument("--means", action="store_true", help="print the means only")
    _add_running_options(score)

    commands.add_parser("models", help="list the models")
    return top


def _add_running_options(command: Parser) -> None:
    command.add_argument("--tile", type=int, help="LR pixels a tile side; 0 never tiles")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    command.add_argument("--precision", choices=PRECISIONS, default="fp32")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    Raises:
        UserError: something is wrong with the whole command, not with one picture.
    """
    warnings.showwarning = _show_warning
    options = parser().parse_args(arguments)
    match options.command:
        case "upscale":
            return upscale_files(options)
        case "interpolate":
            return write_interpolated(options)
        case "evaluate":
            return print_scores(options)
        case _:
            return print_models()


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"note: {message}", file=sys.stderr)


@dataclass(frozen=True)
class Job:
    source: Path
    target: Path


def upscale_files(options: Namespace) -> int:
    """`upscale`: 0 if every picture was written, 1 if some failed."""
    upscale = _chosen_upscale(options)
    jobs, failures = plan(options.inputs, options.out, options.format, not options.no_recursive)
    written = 0
    with tqdm(jobs, unit="picture", dynamic_ncols=True) as progress:
        for job in progress:
            progress.set_postfix_str(job.source.name)
            try:
                result = upscale(load_image(job.source))
                save_image(to_rgb(result) if options.format == "jpg" else result, job.target)
                written += 1
            except (UserError, MemoryError, RuntimeError) as error:
                failures.append(f"{job.source}: {_first_line(error)}")
    print(f"{written} written to {options.out}, {len(failures)} failed")
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def plan(
    inputs: Sequence[Path], out: Path, suffix: str, recursive: bool
) -> tuple[list[Job], list[str]]:
    """What to read and where to write it, and what can't be done, each with its reason.

    Results of a folder keep their sub-folders; nothing is written over an input or twice.
    """
    jobs: list[Job] = []
    failures: list[str] = []
    writer: dict[Path, Path] = {}
    for source, folder in _sources(inputs, recursive, failures):
        target = out / folder / f"{source.stem}.{suffix}"
        if target.resolve() == source.resolve():
            failures.append(f"{source}: the result would replace it; choose another -o")
        elif target in writer:
            failures.append(f"{source}: {target} is already the result of {writer[target]}")
        else:
            writer[target] = source
            jobs.append(Job(source, target))
    return jobs, failures


def _sources(
    inputs: Sequence[Path], recursive: bool, failures: list[str]
) -> Iterator[tuple[Path, Path]]:
    """Each picture file with its sub-folder relative to the input that it was found in."""
    for item in inputs:
        if not item.exists():
            failures.append(f"{item}: there is no such file or folder")
        elif item.is_file():
            yield item, Path()
        else:
            files = sorted(f for f in (item.rglob if recursive else item.glob)("*") if f.is_file())
            pictures = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
            if not pictures:
                failures.append(f"{item}: there are no pictures in this folder")
            for other in sorted(set(files) - set(pictures)):
                print(f"note: {other} is no picture by its name; left out", file=sys.stderr)
            yield from ((file, file.parent.relative_to(item)) for file in pictures)


def _chosen_upscale(options: Namespace) -> Upscale:
    """The function from LR to SR that the options of `upscale` describe."""
    if options.alpha is None:
        if options.models or options.mode:
            raise UserError("--models and --mode need --alpha; for one model use --model.")
        network = zoo.load(options.model or "gan", options.scale)
        return _upscaler(network, options)
    if options.model:
        raise UserError("--alpha goes between two models: give --models A B instead of --model.")
    weights = alpha_weights(options.alpha)
    networks = [zoo.load(model, options.scale) for model in options.models or PAIR]
    if options.mode == "image":
        first, second = (_upscaler(network, options) for network in networks)
        return lambda image: interpolate_images([first(image), second(image)], weights)
    interpolated = interpolate_networks(networks, weights)
    _note_strangers(networks)
    return _upscaler(interpolated, options)


def _upscaler(network: Generator, options: Namespace) -> Upscaler:
    return Upscaler(network, options.device, PRECISIONS[options.precision], options.tile)


def _note_strangers(networks: Sequence[Generator]) -> None:
    if not share_ancestor(*networks):
        print(f"note: {STRANGERS}", file=sys.stderr)


def write_interpolated(options: Namespace) -> int:
    """`interpolate`: write the network at alpha between two models."""
    networks = [zoo.load(model) for model in options.models]
    result = interpolate_networks(networks, alpha_weights(options.alpha))
    _note_strangers(networks)
    names = [Path(model).name for model in options.models]
    facts = {"interpolation": {"models": names, "alpha": options.alpha}}
    save_generator(options.out, result, facts, half=False)
    print(options.out)
    return 0


def print_scores(options: Namespace) -> int:
    """`evaluate`: a table of scores, a line a picture and a mean a model."""
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
    upscaler = _upscaler(zoo.load(name), options)
    return upscaler.scale, upscaler


def print_models() -> int:
    """`models`: the zoo."""
    for name, model in zoo.MODELS.items():
        print(f"{name:15}{model.title}: {model.description}. Licence: {model.licence}")
    return 0
