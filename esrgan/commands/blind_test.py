"""`python -m esrgan blind-test`: the page of a user study, as one file that works offline."""

from argparse import Namespace
from collections.abc import Iterator
from functools import partial

from tqdm import tqdm

from esrgan.command_line import Parser
from esrgan.commands.common import (
    add_picture_options,
    add_running_options,
    check_crop,
    check_page_name,
    choose_methods,
    make_upscaler,
    write_page,
)
from esrgan.errors import UserError
from esrgan.evaluation.methods import PAIR, named_folder
from esrgan.inference.blend import MODES
from esrgan.studies.blind_test import (
    LIMIT,
    MAX_MB,
    Item,
    Wording,
    blind_test_page,
    check_methods,
    questions_each,
)
from esrgan.studies.sources import (
    Reference,
    kept_files,
    kept_items,
    made_items,
    name_of,
    pictures_named,
)


def add(command: Parser) -> None:
    add_picture_options(command, "*", "; needed for --models and --reference")
    command.add_argument(
        "--models",
        nargs="+",
        default=[],
        metavar="MODEL",
        help="names or files; bicubic; hr (default: psnr gan, or none with --results)",
    )
    command.add_argument(
        "--results",
        nargs="+",
        default=[],
        metavar="NAME=DIR",
        help="pictures that other methods made, of the same names in each folder",
    )
    about = "points between the first two networks of --models"
    command.add_argument("--alphas", nargs="+", type=float, default=[], metavar="A", help=about)
    command.add_argument("--mode", nargs="+", choices=MODES, help="what alpha interpolates")
    command.add_argument("--lr", action="store_true", help="the pictures are LR")
    command.add_argument(
        "--reference",
        choices=("hr", "lr", "none"),
        help="what is shown beside A and B (default: hr where it is known, none else)",
    )
    about = f"at most, a participant; each pair of methods equally often (default: {LIMIT})"
    command.add_argument("--questions", type=int, default=LIMIT, metavar="N", help=about)
    command.add_argument("--ties", action="store_true", help='allow the answer "no difference"')
    about = "show only the N×N pixels where the methods differ most"
    command.add_argument("--crop", type=int, metavar="N", help=about)
    command.add_argument("--title", default=Wording().title, help="of the page")
    command.add_argument("--ask", metavar="TEXT", help="the question, if not the usual one")
    about = "told at the end, such as where to send the answers"
    command.add_argument("--closing", default=Wording().closing, metavar="TEXT", help=about)
    about = f"the largest page to write (default: {MAX_MB:g})"
    command.add_argument("--max-mb", type=float, default=MAX_MB, metavar="MB", help=about)
    command.add_argument("--scale", type=int, help="where no model says it (default: 4)")
    add_running_options(command)
    command.set_defaults(run=run)


def run(options: Namespace) -> int:
    """Write the page and say what a participant is asked."""
    _check(options)
    items, pictures, methods = _items(options)
    check_methods(methods)
    questions = questions_each(pictures, len(methods), options.questions)
    page = blind_test_page(
        tqdm(items, total=pictures, unit="picture", dynamic_ncols=True),
        Wording(options.title, options.ask, options.closing),
        options.questions,
        options.ties,
        options.crop,
        options.max_mb,
    )
    size = write_page(options.out, page)
    print(
        f"{options.out}: {size:.1f} MB, pictures: {pictures}, methods: {', '.join(methods)}; "
        f"questions a participant: {questions}"
    )
    return 0


def _check(options: Namespace) -> None:
    """Raises UserError if options don't go together, before anything is computed."""
    check_page_name(options.out)
    check_crop(options.crop)
    needing = {"--models": options.models, "--alphas": options.alphas, "--lr": options.lr}
    needing["--reference"] = options.reference in ("hr", "lr")
    asked = next((name for name, value in needing.items() if value), None)
    if not options.pictures and asked:
        raise UserError(f"{asked} needs pictures: name HR pictures or a folder of them.")
    if not options.pictures and not options.results:
        raise UserError("Name pictures for models, or folders of results by --results NAME=DIR.")
    if options.lr and options.reference == "hr":
        raise UserError("With --lr there is no HR to be shown; choose --reference lr or none.")


def _items(options: Namespace) -> tuple[Iterator[Item], int, list[str]]:
    """The pictures of the study, how many there are, and the names of the methods."""
    if not options.pictures:
        folders = [named_folder(text) for text in options.results]
        check_methods([name for name, _ in folders])
        files = kept_files(dict(folders))
        return kept_items(files), len(files), [name for name, _ in folders]
    models = options.models or ([] if options.results else list(PAIR))
    make = partial(make_upscaler, options=options)
    chosen = choose_methods(
        models, make, options.alphas, options.mode, options.results, options.scale
    )
    named = pictures_named(options.pictures, chosen.scale, options.lr)
    usual: Reference = "none" if options.lr or "hr" in models else "hr"
    reference: Reference = options.reference or usual
    items = made_items(named, chosen.methods, chosen.scale, options.lr, reference)
    return items, len(named), [name_of(method) for method in chosen.methods]
