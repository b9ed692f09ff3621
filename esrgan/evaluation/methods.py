"""Methods of a table or a figure: networks, points between two, results of others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from esrgan.errors import UserError
from esrgan.evaluation.pairs import Candidates, Pair, load_result, pictures_of
from esrgan.inference.blend import Blend, MakeUpscaler
from esrgan.inference.files import Upscale
from esrgan.models import zoo
from esrgan.models.interpolation import alpha_weights
from esrgan.models.zoo import LoadedModel
from esrgan.pictures.files import file_digest
from esrgan.pictures.folders import list_images
from esrgan.pictures.resize import imresize

if TYPE_CHECKING:  # the page knows of methods before torch is there
    from esrgan.inference.upscale import Upscaler
    from esrgan.networks import Generator

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
        result: the SR picture of a pair, `uint8`, of the HR's size, or where results of others may
            be off by some pixels, about.
        digest: of an HR file's name: what the result depends on besides the pair.
        mode, alpha: "network" or "image", and α, for a point of a curve.
        upscale: what makes SR of any LR picture; None where there are only pictures.
    """

    model: str
    result: Callable[[Pair], np.ndarray]
    digest: Callable[[str], str]
    mode: str | None = None
    alpha: float | None = None
    upscale: Upscale | None = None


@dataclass(frozen=True)
class Selection:
    """The rows of a table.

    Attributes:
        scale: of all of them.
        methods: a row each.
        models: the loaded networks by their names in the rows; α goes between the first two.
        curves: whether there are points of α.
    """

    scale: int
    methods: list[Method]
    models: Mapping[str, LoadedModel]
    curves: bool

    @property
    def ends(self) -> "list[Generator]":
        """The networks between which α goes, if it goes anywhere."""
        networks = [model.network for model in self.models.values()]
        return networks[:2] if self.curves else []


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
    wanted = dict.fromkeys([*networks, *(networks[:2] or PAIR)] if alphas else networks)
    ran = NetworkMethods({n: zoo.load(n, scale) for n in wanted}, names, make, scale)
    comparators = {"bicubic": bicubic(ran.scale), "hr": ground_truth()}
    chosen = [comparators.get(name) or ran.single(name) for name in names]
    chosen += results
    curves = dict.fromkeys(product(dict.fromkeys(modes), alphas))
    chosen += [ran.between(mode, alpha) for mode, alpha in curves]
    rows = [(method.model, method.mode, method.alpha) for method in chosen]
    if len(set(rows)) < len(rows):
        twice = next(row[0] for row in rows if rows.count(row) > 1)
        raise UserError(f"Two rows would be called {twice!r}; name one of them otherwise.")
    models = dict(zip(ran.labels, ran.models.values(), strict=True))
    return Selection(ran.scale, chosen, models, bool(curves))


class NetworkMethods:
    """Methods by networks of one scale: each alone, and the points between the first two.

    Args:
        models: as loaded, by their names or files.
        labels: their names in tables, by the same; what is done afterwards is added to them.
        make: how networks are run.
        scale: as it was asked for; 4 where nobody says it.

    Raises:
        UserError: the scales differ, or as `Upscaler`.
    """

    def __init__(
        self,
        models: Mapping[str, LoadedModel],
        labels: Mapping[str, str],
        make: MakeUpscaler,
        scale: int | None = None,
    ) -> None:
        self.models = models
        self.blend = Blend([model.network for model in models.values()], make)
        upscalers = [self.blend.upscaler(place) for place in range(len(models))]
        self.labels = [
            labels.get(name, name) + refinements(upscaler)
            for name, upscaler in zip(models, upscalers, strict=True)
        ]
        self._digests = [
            f"{model.digest} {_running(upscaler, scale)}"
            for model, upscaler in zip(models.values(), upscalers, strict=True)
        ]
        scales = {upscaler.scale for upscaler in upscalers}
        if len(scales) > 1:
            each = zip(self.labels, upscalers, strict=True)
            listed = ", ".join(f"{label} ×{upscaler.scale}" for label, upscaler in each)
            raise UserError(f"Only models of one scale can stand in one table, not {listed}.")
        self.scale = next(iter(scales), scale or 4)

    def single(self, name: str) -> Method:
        """A model by itself."""
        place = list(self.models).index(name)
        upscale = self.blend.network([float(n == place) for n in range(len(self.models))])
        return _method(self.labels[place], upscale, self._digests[place])

    def between(self, mode: str, alpha: float) -> Method:
        """The point α between the first two, by network or by image interpolation (Sec. 3.4).

        Raises:
            UserError: α is not in [0, 1], or the networks can't be interpolated.
        """
        weights = (*alpha_weights(alpha), *[0.0] * (len(self.models) - 2))
        label, digest = "–".join(self.labels[:2]), " ".join(self._digests[:2])
        return _method(label, self.blend.by(mode, weights), digest, mode, alpha)


def _method(
    label: str, upscale: Upscale, digest: str, mode: str | None = None, alpha: float | None = None
) -> Method:
    return Method(label, lambda pair: upscale(pair.lr), lambda _: digest, mode, alpha, upscale)


def _running(upscaler: "Upscaler", scale: int | None) -> tuple[object, ...]:
    """The settings on which a network's result depends."""
    return upscaler.dtype, upscaler.ensemble, upscaler.back_projections, upscaler.tile, scale


def refinements(upscaler: "Upscaler") -> str:
    """Self-ensemble and back-projection as a suffix of a method's name: " ×8 BP10"."""
    ensemble = " ×8" if upscaler.ensemble else ""
    return ensemble + (f" BP{upscaler.back_projections}" if upscaler.back_projections else "")


def model_settings(model: LoadedModel) -> dict[str, str]:
    """The settings of a model in Fig. 8: its layers, and the loss that its file says it was trained
    with."""
    from esrgan.networks import RRDBNet

    network, recorded = model.network, model.facts.get("loss")
    loss = recorded if isinstance(recorded, dict) else {}
    blocks = network.config.num_blocks
    return {
        "BN?": "yes" if getattr(network.config, "batch_norm", False) else "no",
        "Activation": ACTIVATIONS.get(str(loss.get("before_activation")), UNKNOWN),
        "GAN": GANS.get(str(loss.get("adversarial")), UNKNOWN),
        "Blocks": f"{blocks} RRDB" if isinstance(network, RRDBNet) else f"{blocks} residual",
    }


def labels(names: Sequence[str]) -> list[str]:
    """Names for tables: without folder and suffix where that leaves them different."""
    short = [name if name in zoo.MODELS else Path(name).stem for name in names]
    return [s if short.count(s) == 1 else name for s, name in zip(short, names, strict=True)]


def bicubic(scale: int) -> Method:
    """Our bicubic, as every table of the field has it."""
    return _method("bicubic", lambda lr: imresize(lr, scale), "bicubic")


def ground_truth() -> Method:
    """HR itself, for the metrics that need no reference."""
    return Method("HR", lambda pair: pair.hr, lambda _: "HR")


def from_folder(name: str, folder: Path, off_by: int = 0) -> Method:
    """Another method's results, found as LR pictures are; more may stand behind a picture's name,
    and each may have a folder of its own, as BasicSR writes them.

    Args:
        off_by: of `load_result`; results are then of their own sizes.

    Raises:
        UserError: there is no such folder. Missing, ambiguous and wrong pictures are refused on
            use.
    """
    files = pictures_of(folder) or list_images(folder)
    candidates = Candidates(files, folder, name)
    return Method(
        name,
        lambda pair: load_result(candidates.match(pair.name), pair, off_by),
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
