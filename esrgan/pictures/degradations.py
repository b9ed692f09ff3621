"""How LR is made from HR: the paper's bicubic, and what happens to photographs.

A recipe draws steps, one after the other; what each is, with all its parameters, is known before it
is applied. Here they are applied by the CPU, by `device_degradations` on any device of torch's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from esrgan.pictures.blur_kernels import BlurLaw, Range, drawn_kernel, drawn_size, sinc
from esrgan.pictures.degrade import (
    Subsampling,
    blurred,
    gaussian_noise,
    jpeg,
    poisson_noise,
    to_levels,
)
from esrgan.pictures.resize import KERNEL_RADIUS, imresize

DegradationName = Literal["bicubic", "photo", "real"]

# Blocks of a JPEG with subsampled colours; a crop may begin anywhere within one.
BLOCK = 16
# Filters of "real", which don't antialias, and of "photo", which do.
PLAIN_FILTERS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
SMOOTH_FILTERS = (
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)


# ---------------------------------------------------------------- steps


@dataclass(frozen=True)
class Blur:
    """Filtering with a k×k kernel, as `blurred` does it."""

    kernel: np.ndarray


@dataclass(frozen=True)
class MatlabResize:
    """The paper's: smaller by a factor, as `imresize` does it."""

    factor: int


@dataclass(frozen=True)
class PlainResize:
    """To height and width by one of OpenCV's filters, `cv2.INTER_…`."""

    height: int
    width: int
    chosen: int


@dataclass(frozen=True)
class SmoothResize:
    """To height and width by one of Pillow's filters, which antialias; of `uint8` only."""

    height: int
    width: int
    chosen: Image.Resampling


@dataclass(frozen=True)
class GaussianNoise:
    """Of standard deviation `sigma`, in levels; `grey` is the same in all channels. The sum is
    clipped."""

    sigma: float
    grey: bool


@dataclass(frozen=True)
class PoissonNoise:
    """`strength` times that of counted light, as `poisson_noise` has it. The sum is clipped."""

    strength: float
    grey: bool


@dataclass(frozen=True)
class Jpeg:
    """Saving as JPEG, as part of a picture that goes on by `top` and `left` pixels (< BLOCK), so
    that its blocks begin anywhere."""

    quality: int
    subsampling: Subsampling
    top: int
    left: int


Step = Blur | MatlabResize | PlainResize | SmoothResize | GaussianNoise | PoissonNoise | Jpeg


def applied(step: Step, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A picture after a step: H×W×3 `uint8` or float32 levels, as before. The generator is
    noise's."""
    match step:
        case Blur(kernel):
            return blurred(picture, kernel)
        case MatlabResize(factor):
            return imresize(picture, 1 / factor)
        case PlainResize(height, width, chosen):
            return cv2.resize(picture, (width, height), interpolation=chosen)
        case SmoothResize(height, width, chosen):
            return np.asarray(Image.fromarray(picture).resize((width, height), chosen))
        case GaussianNoise(sigma, grey):
            noisy = gaussian_noise(picture.astype(np.float32), sigma, rng, grey)
            return _as_before(np.clip(noisy, 0, 255), picture)
        case PoissonNoise(strength, grey):
            noisy = poisson_noise(picture.astype(np.float32), strength, rng, grey)
            return _as_before(np.clip(noisy, 0, 255), picture)
        case Jpeg(quality, subsampling, top, left):
            whole = np.pad(to_levels(picture), ((top, 0), (left, 0), (0, 0)), "edge")
            return _as_before(jpeg(whole, quality, subsampling)[top:, left:], picture)


def _as_before(result: np.ndarray, picture: np.ndarray) -> np.ndarray:
    return to_levels(result) if picture.dtype == np.uint8 else result.astype(np.float32)


@dataclass(frozen=True)
class Degradation:
    """A way to make LR.

    Attributes:
        steps: draws them for HR of height and width, multiples of a scale, that scale and a
            generator; the result is smaller by the scale.
        reach: LR pixels around a crop that it depends on, or nearly so.
        between: what a picture is between two steps: `uint8` is rounded after each, as by programs
            that save it.
    """

    steps: Callable[[tuple[int, int], int, np.random.Generator], Iterator[Step]]
    reach: int
    between: type[np.uint8] | type[np.float32] = np.uint8

    def make(self, hr: np.ndarray, scale: int, rng: np.random.Generator) -> np.ndarray:
        """H×W×3 `uint8`, sides multiples of the scale, gives H/s×W/s×3 `uint8`; equal generators
        give equal pictures. Noise is drawn from the same generator, before the steps after it."""
        picture = hr.astype(self.between, copy=False)
        for step in self.steps(hr.shape[:2], scale, rng):
            picture = applied(step, picture, rng)
        return to_levels(picture)


# ---------------------------------------------------------------- laws


@dataclass(frozen=True, kw_only=True)
class NoiseLaw:
    """One of two kinds of noise, as often the one as the other.

    Attributes:
        sigma: of Gaussian noise, in levels.
        strength: of Poisson noise.
        grey: chance that it is the same in all channels.
    """

    sigma: Range
    strength: Range
    grey: float = 0.4

    def drawn(self, rng: np.random.Generator) -> GaussianNoise | PoissonNoise:
        grey = rng.random() < self.grey
        if rng.random() < 0.5:
            return GaussianNoise(rng.uniform(*self.sigma), grey)
        return PoissonNoise(rng.uniform(*self.strength), grey)


@dataclass(frozen=True, kw_only=True)
class Order:
    """One of the two orders of Real-ESRGAN's degradation, with its published ranges.

    Attributes:
        blurs: chance of a blur.
        blur: how it is drawn.
        resizes: chances that the picture is enlarged, made smaller, or kept.
        sizes: of the result in units of the picture's: from the smallest to the largest.
        noise: how it is drawn.
        quality: of JPEG.
    """

    blurs: float
    blur: BlurLaw
    resizes: tuple[float, float, float]
    sizes: Range
    noise: NoiseLaw
    quality: tuple[int, int] = (30, 95)

    def drawn_factor(self, rng: np.random.Generator) -> float:
        smallest, largest = self.sizes
        bounds = (1.0, largest), (smallest, 1.0), (1.0, 1.0)
        return rng.uniform(*bounds[int(rng.choice(3, p=self.resizes))])


FIRST = Order(
    blurs=1.0,
    blur=BlurLaw(sigma=(0.2, 3.0)),
    resizes=(0.2, 0.7, 0.1),
    sizes=(0.15, 1.5),
    noise=NoiseLaw(sigma=(1, 30), strength=(0.05, 3.0)),
)
SECOND = Order(
    blurs=0.8,
    blur=BlurLaw(sigma=(0.2, 1.5)),
    resizes=(0.3, 0.4, 0.3),
    sizes=(0.3, 1.2),
    noise=NoiseLaw(sigma=(1, 25), strength=(0.05, 2.5)),
)
FINAL_SINC = 0.8  # its chance
# Of what happens to photographs, far milder.
PHOTO_BLUR = BlurLaw(sigma=(0.3, 2.0), sizes=(7, 13))
PHOTO_NOISE = NoiseLaw(sigma=(0.5, 6.0), strength=(0.05, 0.6))


@dataclass(frozen=True, kw_only=True)
class PhotoLaw:
    """What phones and web pages do to a picture: each by chance, in this order.

    Attributes:
        clean: chance that nothing happens but MATLAB's bicubic.
        blurs, blur: of HR.
        noises, noise: of LR.
        saves, again: chances of JPEG, and of a second one after the first.
        quality: of JPEG.
        full_colour: chance that a JPEG doesn't subsample colours.
    """

    clean: float = 0.2
    blurs: float = 0.5
    blur: BlurLaw = PHOTO_BLUR
    noises: float = 0.5
    noise: NoiseLaw = PHOTO_NOISE
    saves: float = 0.9
    again: float = 0.2
    quality: tuple[int, int] = (40, 95)
    full_colour: float = 0.3


PHOTO = PhotoLaw()


# ---------------------------------------------------------------- recipes


def bicubic(
    _sides: tuple[int, int], scale: int, _rng: np.random.Generator
) -> Iterator[MatlabResize]:
    """MATLAB's (Sec. 4.1)."""
    yield MatlabResize(scale)


def photo(
    sides: tuple[int, int], scale: int, rng: np.random.Generator, law: PhotoLaw = PHOTO
) -> Iterator[Step]:
    """Mild: slightly blurred, made smaller by any program, a little noise, saved as a JPEG."""
    if rng.random() < law.clean:
        yield MatlabResize(scale)
        return
    if rng.random() < law.blurs:
        yield Blur(drawn_kernel(law.blur, rng))
    height, width = sides
    chosen = SMOOTH_FILTERS[int(rng.integers(len(SMOOTH_FILTERS)))]
    yield SmoothResize(height // scale, width // scale, chosen)
    if rng.random() < law.noises:
        yield law.noise.drawn(rng)
    if rng.random() < law.saves:
        for _ in range(1 + (rng.random() < law.again)):
            colours: Subsampling = "4:4:4" if rng.random() < law.full_colour else "4:2:0"
            yield drawn_jpeg(law.quality, rng, colours)


def real(sides: tuple[int, int], scale: int, rng: np.random.Generator) -> Iterator[Step]:
    """Real-ESRGAN's: blur, resize, noise and JPEG, twice, and ringing (its Sec. 3)."""
    small = sides[0] // scale, sides[1] // scale
    yield from _blur_by_chance(FIRST, rng)
    yield drawn_resize(_scaled(sides, FIRST.drawn_factor(rng)), rng)
    yield FIRST.noise.drawn(rng)
    yield drawn_jpeg(FIRST.quality, rng)

    yield from _blur_by_chance(SECOND, rng)
    yield drawn_resize(_scaled(small, SECOND.drawn_factor(rng)), rng)
    yield SECOND.noise.drawn(rng)
    saved_last = rng.integers(2) == 0
    if not saved_last:
        yield drawn_jpeg(SECOND.quality, rng)
    yield drawn_resize(small, rng)  # LR's size, at last
    if rng.random() < FINAL_SINC:
        yield Blur(sinc(drawn_size(SECOND.blur, rng), rng.uniform(np.pi / 3, np.pi)))
    if saved_last:
        yield drawn_jpeg(SECOND.quality, rng)


def drawn_jpeg(
    bounds: tuple[int, int], rng: np.random.Generator, subsampling: Subsampling = "4:2:0"
) -> Jpeg:
    """Of a quality within bounds."""
    quality = int(rng.integers(bounds[0], bounds[1] + 1))
    top, left = rng.integers(BLOCK, size=2)
    return Jpeg(quality, subsampling, int(top), int(left))


def drawn_resize(sides: tuple[int, int], rng: np.random.Generator) -> PlainResize:
    return PlainResize(*sides, PLAIN_FILTERS[int(rng.integers(len(PLAIN_FILTERS)))])


def _blur_by_chance(order: Order, rng: np.random.Generator) -> Iterator[Blur]:
    if rng.random() < order.blurs:
        yield Blur(drawn_kernel(order.blur, rng))


def _scaled(sides: tuple[int, int], factor: float) -> tuple[int, int]:
    return max(1, int(sides[0] * factor)), max(1, int(sides[1] * factor))


DEGRADATIONS: dict[DegradationName, Degradation] = {
    "bicubic": Degradation(bicubic, reach=KERNEL_RADIUS),
    "photo": Degradation(photo, reach=8),
    "real": Degradation(real, reach=16, between=np.float32),
}
