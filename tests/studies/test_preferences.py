"""Preference rates and Bradley–Terry scores: laws, and independent computations."""

import math
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import binomtest

from esrgan.studies.answers import Answer, Side
from esrgan.studies.preferences import (
    bradley_terry,
    count_votes,
    has_maximum,
    wilson_interval,
    wins_by_session,
)


def answer(left: str, right: str, side: Side, person: str = "p1", picture: str = "a") -> Answer:
    return Answer("study", person, person, picture, left, right, side, 2.0)


def simulated(
    scores: dict[str, float],
    people: int,
    questions: int,
    rng: np.random.Generator,
    differ: float = 0.0,
    ties: float = 0.0,
) -> list[Answer]:
    """Answers of voters by the model, each with a taste of its own of that standard deviation."""
    names, answers = list(scores), []
    for person in range(people):
        taste = {name: score + differ * rng.standard_normal() for name, score in scores.items()}
        for _ in range(questions):
            left, right = (names[n] for n in rng.permutation(len(names))[:2])
            if rng.random() < ties:
                side: Side = "same"
            else:
                chance = 1 / (1 + math.exp(taste[right] - taste[left]))
                side = "left" if rng.random() < chance else "right"
            answers.append(answer(left, right, side, f"p{person}"))
    return answers


def likeliest(wins: np.ndarray) -> np.ndarray:
    """Scores by a general minimiser of the logistic regression's loss."""

    def loss(free: np.ndarray) -> float:
        theta = np.append(free, 0.0)
        return float((wins * np.logaddexp(0, theta[None, :] - theta[:, None])).sum())

    found = minimize(loss, np.zeros(len(wins) - 1), method="BFGS", options={"gtol": 1e-9})
    theta = np.append(found.x, 0.0)
    return theta - theta.mean()


@pytest.mark.parametrize("methods", [2, 3, 6])
def test_scores_equal_those_of_a_logistic_regression(
    methods: int, rng: np.random.Generator
) -> None:
    wins = rng.integers(1, 30, (methods, methods)) + rng.choice([0.0, 0.5], (methods, methods))
    np.fill_diagonal(wins, 0)
    np.testing.assert_allclose(bradley_terry(wins), likeliest(wins), atol=1e-5)


def test_many_at_once_are_each_one_alone(rng: np.random.Generator) -> None:
    wins = rng.integers(1, 30, (5, 4, 4)) * (1 - np.eye(4))
    each = [bradley_terry(one) for one in wins]
    np.testing.assert_allclose(bradley_terry(wins), each, atol=1e-7)


def test_of_two_methods_the_difference_is_the_log_odds_of_the_rate() -> None:
    answers = [answer("a", "b", "left")] * 30 + [answer("b", "a", "left")] * 9
    answers += [answer("a", "b", "same")] * 2
    votes = count_votes(answers)
    assert votes.scores is not None
    difference = votes.scores["a"].value - votes.scores["b"].value
    assert difference == pytest.approx(math.log(31 / 10), abs=1e-7)
    assert votes.preferences[0].rate.value == pytest.approx(31 / 41)
    assert (votes.preferences[0].answers, votes.preferences[0].ties) == (41, 2)


def test_true_scores_lie_in_the_intervals(rng: np.random.Generator) -> None:
    """95 % of them, of people who differ: of 40 × 4 intervals 8 may miss, give or take."""
    truth = {"bicubic": -1.0, "psnr": -0.2, "gan": 0.5, "hr": 0.7}
    inside = 0
    for _ in range(40):
        answers = simulated(truth, people=30, questions=30, rng=rng, differ=0.4)
        scores = count_votes(answers, resamples=300).scores
        assert scores is not None
        for name, score in scores.items():
            assert score.low is not None
            assert score.high is not None
            assert score.low <= score.value <= score.high
            inside += score.low <= truth[name] <= score.high
    assert 140 <= inside <= 158


def test_the_best_comes_first_and_ties_draw_together(rng: np.random.Generator) -> None:
    truth = {"a": 0.0, "b": 1.5, "c": -1.5}
    sharp = count_votes(simulated(truth, 20, 30, rng)).scores
    blunt = count_votes(simulated(truth, 20, 30, rng, ties=0.5)).scores
    assert sharp is not None
    assert blunt is not None
    assert list(sharp) == list(blunt) == ["b", "a", "c"]
    assert blunt["b"].value < sharp["b"].value


def test_order_and_sides_change_nothing(rng: np.random.Generator) -> None:
    answers = simulated({"a": 0.3, "b": 0.0, "c": -0.3}, 12, 20, rng, ties=0.1)
    swapped: dict[str, Side] = {"left": "right", "right": "left", "same": "same"}
    assert set(swapped) == set(get_args(Side))
    mirrored = [
        replace(a, left=a.right, right=a.left, answer=swapped[a.answer]) for a in answers[::-1]
    ]
    first, second = count_votes(answers), count_votes(mirrored)
    assert first.scores == second.scores
    assert first.preferences == second.preferences
    assert first.lefts is not None
    assert second.lefts == pytest.approx(1 - first.lefts)


def test_the_seed_makes_the_intervals_the_same_again(rng: np.random.Generator) -> None:
    answers = simulated({"a": 0.3, "b": 0.0}, 12, 20, rng)
    first, again, other = (count_votes(answers, 200, seed).scores for seed in (1, 1, 2))
    assert first == again != other


def test_copies_of_one_person_are_not_more_evidence_of_other_people() -> None:
    """Answers of one person depend on each other: more of them narrow no interval."""
    few = [
        answer("a", "b", "left" if (person + n) % 3 else "right", f"p{person}")
        for person in range(20)
        for n in range(person % 4 + 1)
    ]
    once, thrice = count_votes(few).scores, count_votes(few * 3).scores
    assert once is not None
    assert thrice is not None
    for name, score in once.items():
        same = thrice[name]
        assert (score.low, score.high) == pytest.approx((same.low, same.high), abs=1e-6)


@pytest.mark.parametrize(("won", "number"), [(0, 5), (5, 5), (3, 10), (77, 140)])
def test_wilson_is_scipys(won: int, number: int) -> None:
    ours = wilson_interval(won / number, number)
    theirs = binomtest(won, number).proportion_ci(method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_a_method_that_never_lost_is_said_and_gets_a_score() -> None:
    answers = [answer("best", "a", "left")] * 4 + [answer("best", "b", "left")] * 4
    answers += [answer("a", "b", "left")] * 3 + [answer("a", "b", "right")] * 2
    people = [f"p{n % 6}" for n in range(len(answers))]
    votes = count_votes(
        [replace(a, session=p, participant=p) for a, p in zip(answers, people, strict=True)]
    )
    assert votes.scores is not None
    assert list(votes.scores) == ["best", "a", "b"]
    assert all(math.isfinite(score.high or math.nan) for score in votes.scores.values())
    assert "best never lost against the others" in votes.notes[0]
    # One tie a compared pair, and nothing else.
    wins = np.array([[0, 3.5, 0.5], [2.5, 0, 0.5], [4.5, 4.5, 0]])  # a, b, best
    np.testing.assert_allclose(
        [votes.scores[name].value for name in ("a", "b", "best")], likeliest(wins), atol=1e-5
    )


def test_methods_that_nobody_compared_have_no_common_scale() -> None:
    votes = count_votes([answer("a", "b", "left"), answer("c", "d", "left")])
    assert votes.scores is None
    assert len(votes.preferences) == 2
    assert "a, b; c, d" in votes.notes[0]


def test_a_maximum_needs_chains_of_wins_both_ways() -> None:
    circle = np.roll(np.eye(5), 1, axis=1)
    assert has_maximum(circle[None]).tolist() == [True]
    circle[4, 0] = 0
    assert has_maximum(circle[None]).tolist() == [False]


def test_wins_count_ties_half() -> None:
    answers = [answer("a", "b", "same"), answer("b", "a", "left", "p2")]
    wins = wins_by_session(answers, ["a", "b"])
    np.testing.assert_array_equal(wins, [[[0, 0.5], [0.5, 0]], [[0, 0], [1, 0]]])
