"""Comparison of models on one picture. Knows nothing of gradio."""

import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from esrgan.demo import examples
from esrgan.demo.limits import MAX_PICTURE_PIXELS
from esrgan.demo.part import Part, part_of
from esrgan.demo.server.decoding import load_image
from esrgan.errors import UserError
from esrgan.inference.blend import Blend
from esrgan.inference.files import Upscale
from esrgan.models import interpolation, zoo
from esrgan.models.interpolation import (
    alpha_weights,
    interpolate_images,
    share_ancestor,
)
from esrgan.pictures.images import crop_to_multiple
from esrgan.pictures.resize import imresize
from esrgan.viewer import shown

if TYPE_CHECKING:  # torch comes with the first network
    from esrgan.inference.upscale import Upscaler

# Results of pictures up to this size are remembered, so that an example that everybody opens is
# computed once: 128 of them, 200 MB at most.
REMEMBERED = 128
REMEMBERED_BYTES = 100_000
REMEMBERED_LINES = 1000  # of text: captions of such results, of some forty comparisons


# Names of the models' results, in the order in which they are made.
RESULTS = shown.MODELS
# Weights files and their shares in a network; the shares sum to 1.
Parts = tuple[tuple[Path, float], ...]


@dataclass(frozen=True)
class Trio:
    """The models of a comparison, as files.

    Attributes:
        files: of the PSNR and the GAN model, the ends of α, and perhaps of a third one, such as
            the GAN model trained with the loss after activation.
        titles: the models' names for people, where they are not those of the attributes.
        names: those of `zoo.MODELS`, if all have one.
    """

    files: tuple[Path, ...]
    titles: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def ends(self) -> tuple[Path, ...]:
        return self.files[:2]


@dataclass(frozen=True)
class Comparison:
    """One picture and what the models made of it; pictures are NumPy arrays as in `images`.

    Attributes:
        part: of a large picture, which is compared in part.
        seconds: that the last result took.
    """

    trio: Trio
    lr: np.ndarray
    hr: np.ndarray | None
    results: dict[str, np.ndarray] = field(default_factory=dict)
    part: Part | None = None
    seconds: float = 0

    def with_result(self, name: str, picture: np.ndarray) -> "Comparison":
        return replace(self, results={**self.results, name: picture})


@lru_cache(maxsize=8)
def upscaler(weights: Path) -> "Upscaler":
    """The network of a weights file, ready on the device."""
    from esrgan.demo.server.sharing import SharedUpscaler
    from esrgan.models.checkpoints import load_generator

    return SharedUpscaler(load_generator(weights))


@lru_cache(maxsize=16)
def scale_of(weights: Path) -> int:
    """Scale of the network of a weights file; of a built-in one, without loading it."""
    config = zoo.builtin_config(weights)
    return config["scale"] if config else upscaler(weights).scale


def precision(weights: Path) -> str:
    """In which the network of a weights file is computed: "fp32", "fp16" or "bf16"."""
    return upscaler(weights).precision


@lru_cache(maxsize=16)
def obstacle(files: tuple[Path, ...]) -> str | None:
    """Reason for which these networks can't be interpolated, or None if they can.

    Raises:
        UserError: one of them can't be loaded.
    """
    first, *others = (zoo.builtin_config(file) for file in files)
    if first is not None and all(other == first for other in others):
        return None
    return interpolation.obstacle([upscaler(file).network for file in files])


@lru_cache(maxsize=16)
def strangers(files: tuple[Path, ...]) -> bool:
    """Whether one of these, which can be interpolated, has no ancestor in common with the first."""
    first, *others = (upscaler(file).network for file in files)
    return not all(share_ancestor(first, other) for other in others)


def begin(
    upload: str,
    is_hr: bool,
    trio: Trio,
    place: tuple[int, int, int, int] | None = None,
    tell: Callable[[str], object] | None = None,
) -> Comparison:
    """Decode an uploaded file, as LR or as the HR from which LR is made.

    Args:
        place: x, y, width and height of what is wished for of a large picture.
        tell: what to do with the words of a warning.

    Raises:
        UserError: it is no picture, damaged, or too large for the page, or the models don't
            upscale by the same factor.
    """
    path = Path(upload)
    own = examples.name_of(path)  # no need to beware of it
    picture = examples.load(own) if own else load_image(path, MAX_PICTURE_PIXELS, tell)
    scale = common_scale(trio)
    part = part_of(picture, 1 if is_hr else scale, place)
    if part is not None:
        picture = part.taken_from(picture)
    if not is_hr:
        return Comparison(trio, lr=picture, hr=None, part=part)
    hr = crop_to_multiple(picture, scale)
    return Comparison(trio, lr=imresize(hr, 1 / scale), hr=hr, part=part)


def common_scale(trio: Trio) -> int:
    """Scale that all of the models have."""
    scales = [scale_of(file) for file in trio.files]
    if len(set(scales)) > 1:
        factors = ", ".join(f"×{scale}" for scale in scales)
        raise UserError(f"Only models of one scale can be compared, not of {factors}.")
    return scales[0]


def run(comparison: Comparison) -> Iterator[Comparison]:
    """Add the results "psnr", "gan" and "after", one at a time."""
    for name, weights in zip(RESULTS, comparison.trio.files, strict=False):
        begun = time.monotonic()
        comparison = comparison.with_result(name, _upscaled(comparison.lr, ((weights, 1.0),)))
        yield replace(comparison, seconds=time.monotonic() - begun)


def shares(alpha: float, third: float) -> tuple[float, float, float]:
    """The shares of the three models: α between the first two, then `third` of the third."""
    first, second = alpha_weights(alpha)
    rest, third = alpha_weights(third)
    return rest * first, rest * second, third


def network_interpolated(comparison: Comparison, alpha: float, third: float = 0) -> np.ndarray:
    """The LR through the network at α (Eq. 4), of which `third` is the third model's share."""
    return _upscaled(comparison.lr, parts_at(comparison.trio, alpha, third))


def parts_at(trio: Trio, alpha: float, third: float = 0) -> Parts:
    """The models of which the network at α consists; `third` is the third model's share."""
    parts = zip(trio.files, shares(alpha, third), strict=False)
    return tuple(part for part in parts if part[1] != 0)


def _upscaled(lr: np.ndarray, parts: Parts) -> np.ndarray:
    """LR through the network that is the weighted sum of these; remembered for small pictures, and
    stored for the examples."""
    if lr.nbytes > REMEMBERED_BYTES:
        return network_of(parts)(lr)
    return _remembered(Content(lr), parts)


class Content:
    """A picture that is a dictionary key by its pixels, and is not kept alive by that."""

    def __init__(self, picture: np.ndarray) -> None:
        self._picture = weakref.ref(picture)
        self.digest = examples.digest(picture)

    @property
    def picture(self) -> np.ndarray:
        picture = self._picture()
        assert picture is not None  # who looks something up still has it
        return picture

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Content) and self.digest == other.digest


@lru_cache(maxsize=REMEMBERED)
def _remembered(lr: Content, parts: Parts) -> np.ndarray:
    stored = examples.stored(lr.digest, parts)
    return network_of(parts)(lr.picture) if stored is None else stored


def score_line(comparison: Comparison, picture: np.ndarray) -> str:
    """Caption of a result; remembered for small pictures."""
    hr, border = comparison.hr, common_scale(comparison.trio)
    if hr is None or comparison.lr.nbytes > REMEMBERED_BYTES:
        return shown.score_line(picture, hr, border)
    return _remembered_line(Content(picture), Content(hr), border)


@lru_cache(maxsize=REMEMBERED_LINES)
def _remembered_line(picture: Content, hr: Content, border: int) -> str:
    return shown.score_line(picture.picture, hr.picture, border)


def network_of(parts: Parts) -> Upscale:
    """The network that is the weighted sum of these.

    It is in float32 where one of them is: reduced precision is tried out on a network between them,
    which takes longer than a small picture, only where all of them bear it.
    """
    from esrgan.demo.server.sharing import SharedUpscaler

    files, weights = zip(*parts, strict=True)
    ends = [upscaler(file) for file in files]
    exact = next((end.dtype for end in ends if end.precision == "fp32"), None)
    make = partial(SharedUpscaler, dtype=exact)
    return Blend([end.network for end in ends], make).network(weights)


def image_interpolated(comparison: Comparison, alpha: float, third: float = 0) -> np.ndarray:
    """The models' pictures, blended as `network_interpolated` blends the networks."""
    pictures = [comparison.results[name] for name in RESULTS if name in comparison.results]
    weights = shares(alpha, third)[: len(pictures)]
    return interpolate_images(pictures, weights)
