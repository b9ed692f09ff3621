"""What the page computes: one picture through a trio of models. Knows nothing of gradio."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from esrgan import zoo
from esrgan.checkpoints import load_generator
from esrgan.errors import UserError
from esrgan.images import crop_to_multiple, decode_image
from esrgan.interpolation import (
    alpha_weights,
    check_same_shape,
    interpolate_images,
    interpolate_networks,
    share_ancestor,
)
from esrgan.metrics import psnr, ssim
from esrgan.resize import imresize
from esrgan.upscale import Upscaler

# What one visitor may ask of the machine; `python -m esrgan upscale` has no such limit.
MAX_LR_PIXELS = 1_048_576
MAX_UPLOAD_PIXELS = 16 * MAX_LR_PIXELS
# Results of pictures up to this size are remembered, so that an example that everybody opens is
# computed once: 128 of them, 200 MB at most.
REMEMBERED = 128
REMEMBERED_BYTES = 100_000


# Weights files and their shares in a network; the shares sum to 1.
Blend = tuple[tuple[Path, float], ...]


@dataclass(frozen=True)
class Trio:
    """The models of a comparison: files of a PSNR model, a GAN model and, perhaps, the same GAN
    model trained with the perceptual loss after activation."""

    psnr: Path
    gan: Path
    after: Path | None = None


@dataclass(frozen=True)
class Comparison:
    """One picture and what the models made of it; pictures are NumPy arrays as in `images`."""

    trio: Trio
    lr: np.ndarray
    hr: np.ndarray | None
    results: dict[str, np.ndarray] = field(default_factory=dict)

    def with_result(self, name: str, picture: np.ndarray) -> "Comparison":
        return replace(self, results={**self.results, name: picture})


def builtin_trio() -> Trio:
    return Trio(zoo.find("psnr"), zoo.find("gan"), zoo.find("gan-after"))


def official_trio() -> Trio:
    """The authors' pair, downloaded if need be; they published no after-activation model."""
    return Trio(zoo.find("official-psnr"), zoo.find("official-gan"))


def own_trio(psnr_file: str | None, gan_file: str | None, after_file: str | None) -> Trio:
    """The user's own files.

    Raises:
        UserError: one of the first two is missing.
    """
    if psnr_file is None or gan_file is None:
        raise UserError("Choose two weights files: a PSNR model and a GAN model.")
    return Trio(Path(psnr_file), Path(gan_file), Path(after_file) if after_file else None)


@lru_cache(maxsize=8)
def upscaler(weights: Path) -> Upscaler:
    """The network of a weights file, ready on the device."""
    return Upscaler(load_generator(weights))


@lru_cache(maxsize=8)
def strangers(trio: Trio) -> bool:
    """Whether the two ends of α have no common ancestor.

    Raises:
        UserError: they can't be interpolated at all.
    """
    networks = [upscaler(trio.psnr).network, upscaler(trio.gan).network]
    check_same_shape(networks)
    return not share_ancestor(*networks)


def begin(upload: str, is_hr: bool, trio: Trio) -> Comparison:
    """Decode an uploaded file, as LR or as the HR from which LR is made.

    Raises:
        UserError: it is no picture, damaged, or too large for the page.
    """
    path = Path(upload)
    limit = MAX_UPLOAD_PIXELS if is_hr else MAX_LR_PIXELS
    picture = decode_image(path.read_bytes(), path.name, limit)
    scale = upscaler(trio.psnr).scale
    if not is_hr:
        if picture.shape[0] * picture.shape[1] * scale**2 > MAX_UPLOAD_PIXELS:
            raise UserError(f"At ×{scale}, {path.name} would become too large for the page.")
        return Comparison(trio, lr=picture, hr=None)
    hr = crop_to_multiple(picture, scale)
    return Comparison(trio, lr=imresize(hr, 1 / scale), hr=hr)


def run(comparison: Comparison) -> Iterator[Comparison]:
    """Add the results "psnr", "gan" and "after", one at a time."""
    trio = comparison.trio
    for name, weights in (("psnr", trio.psnr), ("gan", trio.gan), ("after", trio.after)):
        if weights is not None:
            comparison = comparison.with_result(name, _upscaled(comparison.lr, ((weights, 1.0),)))
            yield comparison


def network_interpolated(comparison: Comparison, alpha: float) -> np.ndarray:
    """The LR through the network at α (Eq. 4)."""
    first, second = alpha_weights(alpha)
    ends = ((comparison.trio.psnr, first), (comparison.trio.gan, second))
    return _upscaled(comparison.lr, tuple(end for end in ends if end[1] != 0))


def _upscaled(lr: np.ndarray, blend: Blend) -> np.ndarray:
    """LR through the network that is the weighted sum of these; remembered for small pictures."""
    if lr.nbytes > REMEMBERED_BYTES:
        return _network(blend)(lr)
    return _remembered(Content(lr), blend)


class Content:
    """A picture that is a dictionary key by its pixels."""

    def __init__(self, picture: np.ndarray) -> None:
        self.picture = picture
        shape = f"{picture.shape}{picture.dtype}".encode()
        self.digest = hashlib.sha256(shape + picture.tobytes()).digest()

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Content) and self.digest == other.digest


@lru_cache(maxsize=REMEMBERED)
def _remembered(lr: Content, blend: Blend) -> np.ndarray:
    return _network(blend)(lr.picture)


def _network(blend: Blend) -> Upscaler:
    files, weights = zip(*blend, strict=True)
    if len(files) == 1:
        return upscaler(files[0])
    return Upscaler(interpolate_networks([upscaler(file).network for file in files], weights))


def image_interpolated(comparison: Comparison, alpha: float) -> np.ndarray:
    """The pictures of the two ends, blended at α."""
    ends = [comparison.results["psnr"], comparison.results["gan"]]
    return interpolate_images(ends, alpha_weights(alpha))


def scores(comparison: Comparison, picture: np.ndarray) -> tuple[float, float] | None:
    """PSNR-Y in dB and SSIM-Y against the HR, or None without one (or with too small a one)."""
    if comparison.hr is None:
        return None
    border = upscaler(comparison.trio.psnr).scale
    if min(picture.shape[:2]) < 11 + 2 * border:
        return None
    return psnr(picture, comparison.hr, border), ssim(picture, comparison.hr, border)
