"""How LR is made from HR: the paper's bicubic, and what happens to photographs.

All are called alike, `degradation.make(hr, scale, rng)`: H×W×3 `uint8`, sides multiples of the
scale, gives H/s×W/s×3 `uint8`, and equal generators give equal pictures.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
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


@dataclass(frozen=True)
class Degradation:
    """A way to make LR.

    Attributes:
        make: from HR, a scale and a generator.
        reach: LR pixels around a crop that it depends on, or nearly so.
    """

    make: Callable[[np.ndarray, int, np.random.Generator], np.ndarray]
    reach: int


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

    def drawn(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The picture with noise, in the range of levels."""
        grey = rng.random() < self.grey
        if rng.random() < 0.5:
            noisy = gaussian_noise(picture, rng.uniform(*self.sigma), rng, grey)
        else:
            noisy = poisson_noise(picture, rng.uniform(*self.strength), rng, grey)
        return np.clip(noisy, 0, 255)


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


def bicubic(hr: np.ndarray, scale: int, _rng: np.random.Generator) -> np.ndarray:
    """MATLAB's (Sec. 4.1)."""
    return imresize(hr, 1 / scale)


def photo(
    hr: np.ndarray, scale: int, rng: np.random.Generator, law: PhotoLaw = PHOTO
) -> np.ndarray:
    """Mild: slightly blurred, made smaller by any program, a little noise, saved as a JPEG."""
    if rng.random() < law.clean:
        return bicubic(hr, scale, rng)
    if rng.random() < law.blurs:
        hr = blurred(hr, drawn_kernel(law.blur, rng))
    size = hr.shape[1] // scale, hr.shape[0] // scale
    chosen = SMOOTH_FILTERS[int(rng.integers(len(SMOOTH_FILTERS)))]
    picture = np.asarray(Image.fromarray(hr).resize(size, chosen))
    if rng.random() < law.noises:
        picture = law.noise.drawn(picture.astype(np.float32), rng)
    if rng.random() < law.saves:
        for _ in range(1 + (rng.random() < law.again)):
            colours: Subsampling = "4:4:4" if rng.random() < law.full_colour else "4:2:0"
            picture = drawn_jpeg(picture, law.quality, rng, colours)
    return to_levels(picture)


def real(hr: np.ndarray, scale: int, rng: np.random.Generator) -> np.ndarray:
    """Real-ESRGAN's: blur, resize, noise and JPEG, twice, and ringing (its Sec. 3)."""
    height, width = hr.shape[:2]
    small = height // scale, width // scale
    picture = _blurred_by_chance(hr.astype(np.float32), FIRST, rng)
    picture = _resized(picture, *_sides(height, width, FIRST.drawn_factor(rng)), rng)
    picture = FIRST.noise.drawn(picture, rng)
    picture = drawn_jpeg(picture, FIRST.quality, rng).astype(np.float32)

    picture = _blurred_by_chance(picture, SECOND, rng)
    picture = _resized(picture, *_sides(*small, SECOND.drawn_factor(rng)), rng)
    picture = SECOND.noise.drawn(picture, rng)
    last = [partial(drawn_jpeg, bounds=SECOND.quality, rng=rng)]
    last.insert(int(rng.integers(2)), partial(_shrunk_and_ringing, sides=small, rng=rng))
    for step in last:
        picture = step(picture)
    return to_levels(picture)


def drawn_jpeg(
    picture: np.ndarray,
    bounds: tuple[int, int],
    rng: np.random.Generator,
    subsampling: Subsampling = "4:2:0",
) -> np.ndarray:
    """Saved as JPEG of a quality within bounds, as part of a picture whose blocks begin anywhere:
    `uint8`."""
    quality = int(rng.integers(bounds[0], bounds[1] + 1))
    top, left = rng.integers(BLOCK, size=2)
    whole = np.pad(to_levels(picture), ((top, 0), (left, 0), (0, 0)), "edge")
    return jpeg(whole, quality, subsampling)[top:, left:]


def _blurred_by_chance(picture: np.ndarray, order: Order, rng: np.random.Generator) -> np.ndarray:
    happens = rng.random() < order.blurs
    return blurred(picture, drawn_kernel(order.blur, rng)) if happens else picture


def _sides(height: int, width: int, factor: float) -> tuple[int, int]:
    return max(1, int(height * factor)), max(1, int(width * factor))


def _resized(picture: np.ndarray, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    chosen = PLAIN_FILTERS[int(rng.integers(len(PLAIN_FILTERS)))]
    return cv2.resize(picture, (width, height), interpolation=chosen)


def _shrunk_and_ringing(
    picture: np.ndarray, sides: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Of LR's size at last, and by chance through a low-pass."""
    picture = _resized(picture.astype(np.float32), *sides, rng)
    if rng.random() >= FINAL_SINC:
        return picture
    return blurred(picture, sinc(drawn_size(SECOND.blur, rng), rng.uniform(np.pi / 3, np.pi)))


DEGRADATIONS: dict[DegradationName, Degradation] = {
    "bicubic": Degradation(bicubic, reach=KERNEL_RADIUS),
    "photo": Degradation(photo, reach=8),
    "real": Degradation(real, reach=16),
}
