"""How sure a mean over pictures is, and whether two methods differ on the same pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # whose parts load when first used: as much starts faster

CONFIDENCE = 0.95
LEVEL = 0.05  # a difference whose p is below is marked
RESAMPLES = 4000
SEED = 0


@dataclass(frozen=True)
class Comparison:
    """A metric of method A less that of method B, picture by picture.

    Attributes:
        count: of pictures that have both.
        difference, low, high: the mean and its 95 % bootstrap interval.
        p: of Wilcoxon's signed-rank test, two-sided; exact for few pictures.
        effect: the matched-pairs rank-biserial correlation, from -1 (A is lower on all pictures)
            to 1 (higher on all).
        share: of the pictures on which A is better, half for equal ones.
    """

    count: int
    difference: float
    low: float
    high: float
    p: float
    effect: float
    share: float


def bootstrap_interval(values: Sequence[float], power: int = 1) -> tuple[float, float] | None:
    """The 95 % bootstrap interval of the mean of pictures drawn at random; None of fewer than two
    values, or where one is infinite.

    Percentiles, moved outwards for few pictures as by Hesterberg (2015), "What Teachers Should Know
    About the Bootstrap": plain ones hold the true mean too rarely then.

    Args:
        values: one a picture.
        power: the mean is the root of the mean of this power, 2 for an RMSE.
    """
    powers = np.asarray(values, np.float64) ** power
    if len(powers) < 2 or not np.isfinite(powers).all():
        return None
    drawn = np.random.default_rng(SEED).integers(len(powers), size=(RESAMPLES, len(powers)))
    means = powers[drawn].mean(axis=1) ** (1 / power)
    reach = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, len(powers) - 1)
    share = scipy.stats.norm.cdf(reach * np.sqrt(len(powers) / (len(powers) - 1)))
    low, high = np.quantile(means, [1 - share, share])
    return float(low), float(high)


def compared(
    first: Sequence[float], second: Sequence[float], lower_is_better: bool
) -> Comparison | None:
    """Two methods by the values of the same pictures; None without two pictures that have finite
    ones."""
    with np.errstate(invalid="ignore"):  # PSNR of equal pictures is infinite
        differences = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    differences = differences[np.isfinite(differences)]
    interval = bootstrap_interval(differences.tolist())
    if interval is None:
        return None
    better = differences < 0 if lower_is_better else differences > 0
    return Comparison(
        len(differences),
        float(differences.mean()),
        *interval,
        _wilcoxon(differences),
        _rank_biserial(differences),
        float(np.mean(better + 0.5 * (differences == 0))),
    )


def _wilcoxon(differences: np.ndarray) -> float:
    return float(scipy.stats.wilcoxon(differences).pvalue) if differences.any() else 1.0


def _rank_biserial(differences: np.ndarray) -> float:
    """Kerby's simple difference (2014): the share of ranks for less that against."""
    moved = differences[differences != 0]
    ranks = scipy.stats.rankdata(np.abs(moved))
    return float((ranks * np.sign(moved)).sum() / ranks.sum()) if len(moved) else 0.0


def holm(ps: Sequence[float]) -> list[float]:
    """p-values of several tests corrected by Holm (1979), in their order."""
    order = np.argsort(ps)
    factors = np.arange(len(ps), 0, -1)
    corrected = np.maximum.accumulate(np.asarray(ps)[order] * factors).clip(max=1)
    return [float(p) for p in corrected[np.argsort(order)]]
