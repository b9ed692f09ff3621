"""Intervals and tests of differences: known answers, coverage, SciPy by another road."""

import numpy as np
import pytest
from scipy import stats

from esrgan.evaluation.significance import bootstrap_interval, compared, holm


def test_wilcoxon_of_known_differences() -> None:
    """All five are positive: the exact p is 2 / 2^5, and the effect as large as can be."""
    found = compared([2, 3, 5, 8, 13], [1, 1, 2, 4, 8], lower_is_better=False)
    assert found is not None
    assert (found.count, found.difference, found.share, found.effect) == (5, 3, 1, 1)
    assert found.p == pytest.approx(2 / 32)
    assert found.low < 3 < found.high
    worse = compared([2, 3, 5, 8, 13], [1, 1, 2, 4, 8], lower_is_better=True)
    assert worse is not None
    assert (worse.share, worse.effect) == (0, 1)


def test_the_effect_is_the_share_of_ranks_for_less_that_against() -> None:
    """Of 1, -2, 3, 4, the ranks are 1, 2, 3, 4: (8 - 2) / 10; one picture is equal."""
    found = compared([1, 0, 3, 4, 7], [0, 2, 0, 0, 7], lower_is_better=False)
    assert found is not None
    assert found.effect == pytest.approx(0.6)
    assert found.share == pytest.approx(3.5 / 5)


def test_equal_methods_do_not_differ_and_infinite_pictures_do_not_count() -> None:
    same = compared([1, 2, 3], [1, 2, 3], lower_is_better=False)
    assert same is not None
    assert (same.p, same.effect, same.share, same.low, same.high) == (1, 0, 0.5, 0, 0)
    inf = float("inf")
    found = compared([inf, 2, 4, inf], [inf, 1, 1, 3], lower_is_better=False)
    assert found is not None
    assert (found.count, found.difference) == (2, 2)
    assert compared([inf, 2], [1, 1], lower_is_better=False) is None


@pytest.mark.parametrize("n", [14, 100])
@pytest.mark.parametrize("skewed", [False, True])
def test_intervals_hold_the_true_mean_as_often_as_they_say(
    monkeypatch: pytest.MonkeyPatch, n: int, skewed: bool
) -> None:
    """93 to 97 % of 1500 samples: the error of that share is 0.6 points."""
    monkeypatch.setattr("esrgan.evaluation.significance.RESAMPLES", 800)
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(1500):
        sample = rng.gamma(16, 1, n) if skewed else rng.normal(16, 3, n)
        low, high = bootstrap_interval(sample.tolist()) or (0, 0)
        held += low <= 16 <= high
    assert 0.93 <= held / 1500 <= 0.97


def test_the_interval_of_an_rmse_is_of_its_squares(rng: np.random.Generator) -> None:
    errors = rng.uniform(3, 5, 60)
    low, high = bootstrap_interval(errors.tolist(), 2) or (0, 0)
    squares = bootstrap_interval((errors**2).tolist()) or (0, 0)
    assert (low, high) == pytest.approx([end**0.5 for end in squares])
    assert low < np.mean(errors**2) ** 0.5 < high
    assert bootstrap_interval([1.0]) is None
    assert bootstrap_interval([1.0, float("inf")]) is None


def test_it_equals_scipys_bootstrap_for_many_pictures(rng: np.random.Generator) -> None:
    values = rng.normal(30, 3, 400)
    expected = stats.bootstrap(
        (values,), np.mean, method="percentile", random_state=0
    ).confidence_interval
    found = bootstrap_interval(values.tolist())
    assert found == pytest.approx(tuple(expected), abs=0.03)


def test_holm_of_a_known_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []
