"""Options of running a network that several commands share, and its upscaler."""

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from esrgan.command_line import Parser
from esrgan.errors import UserError
from esrgan.evaluation import methods
from esrgan.evaluation.layouts import set_name
from esrgan.evaluation.methods import Selection
from esrgan.evaluation.results import Results, load_results
from esrgan.inference.backends import BACKENDS
from esrgan.inference.blend import MakeUpscaler
from esrgan.inference.upscale import Upscaler
from esrgan.models import zoo
from esrgan.models.interpolation import (
    STRANGERS,
    alpha_weights,
    interpolate_networks,
    share_ancestor,
)
from esrgan.networks import Generator
from esrgan.pictures.files import atomic_path

SMALLEST_CROP = 16
PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def add_running_options(command: Parser) -> None:
    command.add_argument("--tile", type=int, help="LR pixels a tile side; 0 never tiles")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    command.add_argument(
        "--precision",
        choices=("auto", *PRECISIONS),
        default="fp32",
        help="auto: a device's own reduced one if no pixel differs by more than a grey level",
    )
    command.add_argument(
        "--backend",
        choices=("auto", *BACKENDS, "openvino"),
        default="auto",
        help="how a CPU computes fp32 (default: the fastest here, which `bench` shows)",
    )
    command.add_argument(
        "--self-ensemble", action="store_true", help="mean of the 8 flips and turns; 8 times slower"
    )
    command.add_argument(
        "--back-projection",
        type=int,
        default=0,
        metavar="N",
        help="rounds that pull the result towards LR (Sec. 4.5; 10 is usual)",
    )


def add_picture_options(command: Parser, nargs: str, more: str = "") -> None:
    """The pictures that go into a page, and the page's file."""
    about = f"HR pictures and folders of them, from which LR is made; LR with --lr{more}"
    command.add_argument("pictures", nargs=nargs, type=Path, metavar="PICTURE", help=about)
    command.add_argument("-o", "--out", type=Path, required=True, metavar="FILE.html")


def check_crop(side: int | None) -> None:
    """Raises UserError if the side of a crop, in pixels, is too short to see anything."""
    if side is not None and side < SMALLEST_CROP:
        raise UserError(f"--crop is a side in pixels, {SMALLEST_CROP} or more.")


def check_page_name(out: Path) -> None:
    """Raises UserError: it is not the name of a web page."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"The page is written as .html, not {out.name}.")


def write_page(out: Path, page: str) -> float:
    """Write a web page; returns its MB."""
    with atomic_path(out) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
        return temporary.stat().st_size / 1e6


def make_upscaler(network: Generator, options: Namespace) -> Upscaler:
    """The network as `add_running_options` says."""
    return Upscaler(
        network,
        options.device,
        PRECISIONS.get(options.precision),
        options.tile,
        options.self_ensemble,
        options.back_projection,
        backend=options.backend,
        frozen=True,
    )


def choose_methods(
    models: Sequence[str],
    make: MakeUpscaler,
    alphas: Sequence[float] = (),
    modes: Sequence[str] | None = None,
    results: Sequence[str] = (),
    scale: int | None = None,
    off_by: int = 0,
) -> Selection:
    """`methods.select` of names and of folders NAME=DIR, with a note on strangers.

    Args:
        off_by: of `from_folder`.

    Raises:
        UserError: as it, or there are modes without α.
    """
    if modes and not alphas:
        raise UserError("--mode needs --alphas, such as --alphas 0 0.2 0.4 0.6 0.8 1.")
    names, modes = list(dict.fromkeys(models)), modes or ["network"]
    folders = [methods.from_folder(*methods.named_folder(text), off_by) for text in results]
    labels = dict(zip(names, methods.labels(names), strict=True))
    chosen = methods.select(labels, make, alphas, modes, folders, scale)
    if chosen.ends and "network" in modes:
        note_strangers(chosen.ends)  # refuses different shapes
    return chosen


def network_at(
    models: Sequence[str], alpha: float | None, scale: int | None = None
) -> tuple[Generator, Mapping[str, Any]]:
    """One model, or the one at `alpha` between two, and the facts to save with it.

    Raises:
        UserError: as `zoo.load` and `interpolate_networks`, or `alpha` and the number of models
            don't go together.
    """
    if len(models) != (1 if alpha is None else 2):
        raise UserError("Name one model, or two with --alpha.")
    loaded = [zoo.load(model, scale) for model in models]
    networks = [model.network for model in loaded]
    if alpha is None:
        return networks[0], loaded[0].facts
    result = interpolate_networks(networks, alpha_weights(alpha))
    note_strangers(networks)
    names = [Path(model).name for model in models]
    return result, {"interpolation": {"models": names, "alpha": alpha}}


def results_by_data_set(folders: Sequence[Path]) -> dict[str, Results]:
    """What `evaluate -o` kept in these folders, by the names of the data sets.

    Raises:
        UserError: as `load_results`, or two are of one data set.
    """
    found: dict[str, Results] = {}
    for folder in folders:
        results = load_results(folder)
        name = set_name(Path(results.hr))
        if name in found:
            raise UserError(f"Two of the evaluations are of {name}; name one of them.")
        found[name] = results
    return found


def named_otherwise(texts: Sequence[str]) -> dict[str, str]:
    """OLD=NEW taken apart, by the old names.

    Raises:
        UserError: one is not of that form.
    """
    found = {}
    for text in texts:
        old, equals, new = text.rpartition("=")
        if not (old and equals and new):
            raise UserError(f"Names are given as OLD=NEW, such as net_g.pth=Ours, not {text}.")
        found[old] = new
    return found


def note_strangers(networks: Sequence[Generator]) -> None:
    """Say so if network interpolation between these two makes no sense."""
    if not share_ancestor(*networks):
        print(f"note: {STRANGERS}", file=sys.stderr)
