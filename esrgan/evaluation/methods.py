"""What can stand in a table or a figure: networks, points between two, and what others made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np

from esrgan.errors import UserError
from esrgan.evaluation.pairs import Candidates, Pair, load_result, pictures_of
from esrgan.inference.upscale import Upscale, Upscaler
from esrgan.models import zoo
from esrgan.models.interpolation import alpha_weights, interpolate_images, interpolate_networks
from esrgan.models.zoo import LoadedModel
from esrgan.networks import Generator, RRDBNet
from esrgan.pictures.files import file_digest
from esrgan.pictures.resize import imresize

# How a network becomes an upscaler: device, precision, tiles, what is done afterwards.
MakeUpscaler = Callable[[Generator], Upscaler]
# The ends of α where no networks are named, and what needs no network.
PAIR = ("psnr", "gan")
COMPARATORS = ("bicubic", "hr")
# What Fig. 8 says of the losses, by the facts in a weights file.
ACTIVATIONS = {"True": "before", "False": "after"}
GANS = {"relativistic": "RaGAN", "standard": "standard"}
UNKNOWN = "–"


@dataclass(frozen=True)
class Method:
    """A source of SR pictures.

    Attributes:
        model: its name in tables; for a point of a curve, its two ends.
        result: the SR picture of a pair, `uint8`, of the HR's size.
        digest: of an HR file's name: what the result depends on besides the pair.
        mode, alpha: "network" or "image", and α, for a point of a curve.
    """

    model: str
    result: Callable[[Pair], np.ndarray]
    digest: Callable[[str], str]
    mode: str | None = None
    alpha: float | None = None


@dataclass(frozen=True)
class Contender:
    """A network to be measured.

    Attributes:
        label: its name in tables.
        loaded: from its weights file.
        upscale: it, remembering its last result, which image interpolation asks for again.
        digest: of its weights file and of how it is run.
    """

    label: str
    loaded: LoadedModel
    upscale: Upscale
    digest: str


@dataclass(frozen=True)
class Selection:
    """The rows of a table.

    Attributes:
        scale: of all of them.
        methods: a row each.
        ends: the networks between which α goes, if it goes anywhere.
    """

    scale: int
    methods: list[Method]
    ends: Sequence[Generator] = ()


def select(
    names: Mapping[str, str],
    make: MakeUpscaler,
    alphas: Sequence[float] = (),
    modes: Sequence[str] = ("network",),
    results: Sequence[Method] = (),
    scale: int | None = None,
) -> Selection:
    """Models, what others made, and the curves between the first two networks, in this order.

    Args:
        names: of the zoo, weights files and `COMPARATORS`, each with its label.
        make: how networks are run.
        alphas, modes: a row each of each curve; without networks, α goes between `PAIR`.
        results: of `from_folder`.
        scale: where no model says it.

    Raises:
        UserError: a model can't be loaded, their scales differ, there is one network only for α,
            or two rows have the same name.
    """
    networks = [name for name in names if name not in COMPARATORS]
    if alphas and len(networks) == 1:
        only = names[networks[0]]
        raise UserError(f"Alpha goes between two models, but the choice names only {only}.")
    ends = (networks[:2] or PAIR) if alphas else ()
    wanted = dict.fromkeys([*networks, *ends])
    loaded = {name: contender(name, names.get(name, name), make, scale) for name in wanted}
    common = _common_scale(list(loaded.values()), scale)
    comparators = {"bicubic": bicubic(common), "hr": ground_truth()}
    chosen = [comparators.get(name) or single(loaded[name]) for name in names]
    chosen += results
    if ends:
        first, second = (loaded[name] for name in ends)
        curves = dict.fromkeys(product(dict.fromkeys(modes), alphas))
        chosen += [between(first, second, mode, alpha, make) for mode, alpha in curves]
    rows = [(method.model, method.mode, method.alpha) for method in chosen]
    if len(set(rows)) < len(rows):
        twice = next(row[0] for row in rows if rows.count(row) > 1)
        raise UserError(f"Two rows would be called {twice!r}; name one of them otherwise.")
    return Selection(common, chosen, [loaded[name].loaded.network for name in ends])


def _common_scale(models: Sequence[Contender], wanted: int | None) -> int:
    scales = {model.loaded.network.scale for model in models}
    if len(scales) > 1:
        listed = ", ".join(f"{model.label} ×{model.loaded.network.scale}" for model in models)
        raise UserError(f"Only models of one scale can stand in one table, not {listed}.")
    return next(iter(scales), wanted or 4)


def contender(name: str, label: str, make: MakeUpscaler, scale: int | None = None) -> Contender:
    """A model of the zoo or a weights file.

    Raises:
        UserError: as `zoo.load`, or `Upscaler`.
    """
    loaded = zoo.load(name, scale)
    upscaler = make(loaded.network)
    running = (upscaler.dtype, upscaler.ensemble, upscaler.back_projections, upscaler.tile, scale)
    digest = f"{loaded.digest} {running}"
    return Contender(label + refinements(upscaler), loaded, _remembering(upscaler), digest)


def refinements(upscaler: Upscaler) -> str:
    """What is done after the network, to be told in its name: " ×8 BP10"."""
    ensemble = " ×8" if upscaler.ensemble else ""
    return ensemble + (f" BP{upscaler.back_projections}" if upscaler.back_projections else "")


def model_settings(model: LoadedModel) -> dict[str, str]:
    """The settings of a model in Fig. 8: its layers, and the loss that its file says it was trained
    with."""
    network, recorded = model.network, model.facts.get("loss")
    loss = recorded if isinstance(recorded, dict) else {}
    blocks = network.config.num_blocks
    return {
        "BN?": "yes" if getattr(network.config, "batch_norm", False) else "no",
        "Activation": ACTIVATIONS.get(str(loss.get("before_activation")), UNKNOWN),
        "GAN": GANS.get(str(loss.get("adversarial")), UNKNOWN),
        "Blocks": f"{blocks} RRDB" if isinstance(network, RRDBNet) else f"{blocks} residual",
    }


def _remembering(upscale: Upscale) -> Upscale:
    last: list[np.ndarray] = []

    def remembered(lr: np.ndarray) -> np.ndarray:
        if not (last and last[0] is lr):
            last[:] = lr, upscale(lr)
        return last[1]

    return remembered


def labels(names: Sequence[str]) -> list[str]:
    """Names for tables: without folder and suffix where that leaves them different."""
    short = [name if name in zoo.MODELS else Path(name).stem for name in names]
    return [s if short.count(s) == 1 else name for s, name in zip(short, names, strict=True)]


def bicubic(scale: int) -> Method:
    """Our bicubic, as every table of the field has it."""
    return Method("bicubic", lambda pair: imresize(pair.lr, scale), lambda _: "bicubic")


def ground_truth() -> Method:
    """HR itself, for the metrics that need no reference."""
    return Method("HR", lambda pair: pair.hr, lambda _: "HR")


def single(model: Contender) -> Method:
    """A model by itself."""
    return Method(model.label, lambda pair: model.upscale(pair.lr), lambda _: model.digest)


def between(
    first: Contender, second: Contender, mode: str, alpha: float, make: MakeUpscaler
) -> Method:
    """The point α between two models, by network or by image interpolation (Sec. 3.4).

    Raises:
        UserError: α is not in [0, 1]. The networks' shapes are compared on first use.
    """
    weights = alpha_weights(alpha)
    digest = f"{first.digest} {second.digest}"
    ends = [model.upscale for model, w in zip((first, second), weights, strict=True) if w != 0]

    @cache
    def interpolated() -> Upscale:
        return make(interpolate_networks([first.loaded.network, second.loaded.network], weights))

    def result(pair: Pair) -> np.ndarray:
        if len(ends) == 1:  # both modes give the end itself there, bit for bit
            return ends[0](pair.lr)
        if mode == "network":
            return interpolated()(pair.lr)
        return interpolate_images([upscale(pair.lr) for upscale in ends], weights)

    return Method(f"{first.label}–{second.label}", result, lambda _: digest, mode, alpha)


def interpolating(
    networks: Sequence[Generator], alpha: float, mode: str, make: MakeUpscaler
) -> Upscale:
    """The function from LR to SR at α between two networks, by network or image interpolation.

    Raises:
        UserError: α is not in [0, 1], or the networks can't be interpolated so.
    """
    weights = alpha_weights(alpha)
    if mode == "network":
        return make(interpolate_networks(networks, weights))
    first, second = (make(network) for network in networks)
    if first.scale != second.scale:
        raise UserError(
            f"One model's scale is {first.scale}, the other's {second.scale}: their pictures "
            "can't be interpolated."
        )
    return lambda lr: interpolate_images([first(lr), second(lr)], weights)


def from_folder(name: str, folder: Path) -> Method:
    """Another method's results, found as LR pictures are; `_name` may stand behind a picture's.

    Raises:
        UserError: there is no such folder. Missing and wrong pictures are refused on use.
    """
    candidates = Candidates(pictures_of(folder), folder, name)
    return Method(
        name,
        lambda pair: load_result(candidates.match(pair.name), pair),
        lambda picture: file_digest(candidates.match(picture)),
    )


def named_folder(text: str) -> tuple[str, Path]:
    """NAME=DIR taken apart.

    Raises:
        UserError: it is not of that form.
    """
    name, equals, folder = text.partition("=")
    if not (name and equals and folder):
        raise UserError(f"Results are given as NAME=DIR, such as SRGAN=results/srgan, not {text}.")
    return name, Path(folder)
