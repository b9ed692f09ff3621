"""Blur kernels by chance: bells of three kinds, round or not, and the low-pass that rings.

The kinds and ranges are Real-ESRGAN's (Wang et al. 2021, Sec. 3.1 and 3.3, and its published
settings). A kernel is k×k float32, k odd, and sums to 1.
"""

from dataclasses import dataclass

import numpy as np
import scipy  # whose parts load when first used: as much starts faster

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class BlurLaw:
    """How kernels are drawn.

    Attributes:
        sigma: of bells, in pixels; each axis has its own, unless the bell is round.
        sinc: chance of a low-pass.
        sizes: the smallest and the largest k.
        kinds: chances of Gaussian, generalised and plateau bells.
        round: chance that a bell of each of these kinds is round.
        beta: of the generalised and the plateau bells: how steep they are.
    """

    sigma: Range
    sinc: float = 0.1
    sizes: tuple[int, int] = (7, 21)
    kinds: tuple[float, float, float] = (0.70, 0.15, 0.15)
    round: tuple[float, float, float] = (0.45 / 0.70, 0.12 / 0.15, 0.12 / 0.15)
    beta: tuple[Range, Range] = ((0.5, 4.0), (1.0, 2.0))


def drawn_kernel(law: BlurLaw, rng: np.random.Generator) -> np.ndarray:
    size = drawn_size(law, rng)
    if rng.random() < law.sinc:
        slowest = np.pi / (3 if size < 13 else 5)
        return sinc(size, rng.uniform(slowest, np.pi))
    kind = int(rng.choice(3, p=law.kinds))
    across = rng.uniform(*law.sigma)
    if rng.random() < law.round[kind]:
        squares = squared_radii(size, across, across, 0.0)
    else:
        squares = squared_radii(size, across, rng.uniform(*law.sigma), rng.uniform(-np.pi, np.pi))
    if kind == 0:
        return gaussian(squares)
    beta = drawn_beta(law.beta[kind - 1], rng)
    return generalised(squares, beta) if kind == 1 else plateau(squares, beta)


def drawn_size(law: BlurLaw, rng: np.random.Generator) -> int:
    smallest, largest = law.sizes
    return smallest + 2 * int(rng.integers((largest - smallest) // 2 + 1))


def drawn_beta(bounds: Range, rng: np.random.Generator) -> float:
    """As often below as above 1, where both can be."""
    low, high = bounds
    return rng.uniform(low, 1.0) if rng.random() < 0.5 else rng.uniform(1.0, high)


def squared_radii(size: int, sigma_x: float, sigma_y: float, angle: float) -> np.ndarray:
    """xᵀ Σ⁻¹ x at each pixel, in units of the standard deviations, turned by `angle`."""
    y, x = _offsets(size)
    along = (x * np.cos(angle) + y * np.sin(angle)) / sigma_x
    across = (y * np.cos(angle) - x * np.sin(angle)) / sigma_y
    return along**2 + across**2


def gaussian(squares: np.ndarray) -> np.ndarray:
    """exp(−½ r²)"""
    return normalised(np.exp(-0.5 * squares))


def generalised(squares: np.ndarray, beta: float) -> np.ndarray:
    """exp(−½ r^2β): flatter than a Gaussian and steeper at its edge where β > 1."""
    return normalised(np.exp(-0.5 * squares**beta))


def plateau(squares: np.ndarray, beta: float) -> np.ndarray:
    """1 / (1 + r^2β)"""
    return normalised(1 / (1 + squares**beta))


def sinc(size: int, cutoff: float) -> np.ndarray:
    """The ideal low-pass, which lets frequencies below `cutoff` (radians a pixel) through: rings
    around edges, as sharpening and strong compression leave them."""
    y, x = _offsets(size)
    radius = np.hypot(x, y)
    centre = radius == 0
    radius[centre] = 1.0
    kernel = cutoff * scipy.special.j1(cutoff * radius) / (2 * np.pi * radius)
    kernel[centre] = cutoff**2 / (4 * np.pi)
    return normalised(kernel)


def normalised(kernel: np.ndarray) -> np.ndarray:
    return (kernel / kernel.sum()).astype(np.float32)


def _offsets(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each pixel from the centre, k×1 and 1×k."""
    reach = np.arange(size) - size // 2
    return reach[:, None].astype(float), reach[None].astype(float)
