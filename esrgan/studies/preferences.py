"""Statistics of paired comparisons: preference rates and Bradley–Terry scores.

Preferences are counted in matrices: `wins[i, j]` is how often i was preferred to j, where "no
difference" counts half for either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import connected_components

from esrgan.studies.answers import Answer

Z_95 = 1.959963984540054  # of the normal distribution's middle 95 %
QUANTILES = (0.025, 0.975)
RESAMPLES = 2000
# MM ends where no score moves by more than this, which takes far fewer rounds than these.
TOLERANCE, MOST_ROUNDS = 1e-9, 20_000


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % interval; without one where it can't be had."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Preference:
    """How often one method was preferred to another; `rate` counts ties half."""

    first: str
    second: str
    rate: Interval
    answers: int
    ties: int


@dataclass(frozen=True)
class Votes:
    """What the answers of a study say.

    Attributes:
        participants, answers, ties: their numbers.
        lefts: the share of answers, ties left out, that preferred the left picture; far from a
            half, sides were preferred, not methods. None if all are ties.
        seconds: the median time of an answer.
        scores: Bradley–Terry scores by method, the best first; None where methods can't be
            compared.
        preferences: of each pair that was compared, as the scores are ordered.
        notes: what a reader must know, in sentences.
    """

    participants: int
    answers: int
    ties: int
    lefts: float | None
    seconds: float
    scores: dict[str, Interval] | None
    preferences: list[Preference]
    notes: list[str]


def count_votes(
    answers: Sequence[Answer], resamples: int = RESAMPLES, seed: int | None = 0
) -> Votes:
    """Preferences and scores of the answers of one study.

    Args:
        answers: at least one, in any order.
        resamples: bootstrap samples of the scores' intervals.
        seed: of the bootstrap.
    """
    methods = sorted({name for answer in answers for name in (answer.left, answer.right)})
    by_person = wins_by_session(answers, methods)  # S×M×M
    wins = by_person.sum(axis=0)
    notes = _notes(answers)
    scores = None
    islands = _islands(wins + wins.T, methods)
    if len(islands) > 1:
        groups = "; ".join(", ".join(island) for island in islands)
        notes.append(
            f"No scores: nobody compared these groups with one another ({groups}), so they have "
            "no common scale."
        )
    else:
        if not has_maximum(wins[None])[0]:
            notes.append(
                f"{_unbounded(wins, methods)}, where Bradley–Terry scores grow without bound; one "
                "tie was added to each pair that was compared, so scores are drawn together."
            )
        scores = _scored(by_person, methods, resamples, seed)
        if len(by_person) == 1:
            notes.append("One participant: the scores have no intervals.")
        elif len(by_person) < 10:
            notes.append(
                f"{len(by_person)} participants: intervals of so few are rough, and rather narrow."
            )
    order = sorted(methods, key=lambda name: -scores[name].value) if scores else methods
    decided = [answer.answer for answer in answers if answer.answer != "same"]
    return Votes(
        participants=len(by_person),
        answers=len(answers),
        ties=len(answers) - len(decided),
        lefts=decided.count("left") / len(decided) if decided else None,
        seconds=float(np.median([answer.seconds for answer in answers])),
        scores=None if scores is None else {name: scores[name] for name in order},
        preferences=_preferences(answers, order),
        notes=notes,
    )


def wins_by_session(answers: Sequence[Answer], methods: Sequence[str]) -> np.ndarray:
    """S×M×M: the wins that each participant gave, participants in the order of their ids."""
    place = {name: n for n, name in enumerate(methods)}
    person = {name: n for n, name in enumerate(sorted({answer.session for answer in answers}))}
    wins = np.zeros((len(person), len(methods), len(methods)))
    for answer in answers:
        left, right = place[answer.left], place[answer.right]
        for_left = {"left": 1.0, "same": 0.5, "right": 0.0}[answer.answer]
        wins[person[answer.session], left, right] += for_left
        wins[person[answer.session], right, left] += 1 - for_left
    return wins


def wilson_interval(rate: float, number: int) -> Interval:
    """Wilson's 95 % interval (1927) of a share `rate` of `number` answers, which are taken to be
    independent."""
    spread = Z_95**2 / number
    middle = (rate + spread / 2) / (1 + spread)
    half = Z_95 / (1 + spread) * np.sqrt(rate * (1 - rate) / number + spread / (4 * number))
    return Interval(rate, max(0.0, float(middle - half)), min(1.0, float(middle + half)))


def bradley_terry(wins: np.ndarray) -> np.ndarray:
    """The scores θ of Bradley and Terry (1952) with the greatest likelihood: i is preferred to j
    with the probability 1 / (1 + exp(θ_j − θ_i)); their mean is 0.

    By the MM algorithm, Eq. 3 of Hunter (2004): p_i ← W_i / Σ_j n_ij / (p_i + p_j), p = exp θ.

    Args:
        wins: …×M×M, of which each must have a maximum (`has_maximum`).

    Returns:
        …×M.
    """
    compared = wins + np.swapaxes(wins, -1, -2)  # …×M×M
    won = wins.sum(axis=-1)  # …×M
    scores = np.zeros(won.shape)
    for _ in range(MOST_ROUNDS):
        strength = np.exp(scores)
        together = strength[..., :, None] + strength[..., None, :]
        moved = np.log(won / (compared / together).sum(axis=-1))
        moved -= moved.mean(axis=-1, keepdims=True)
        step = np.abs(moved - scores).max(initial=0)
        scores = moved
        if step < TOLERANCE:
            break
    return scores


def has_maximum(wins: np.ndarray) -> np.ndarray:
    """Whether scores with the greatest likelihood exist, of each of B×M×M: from each method a
    chain of wins must lead to each other one (Ford, 1957)."""
    reached = (wins > 0) | np.eye(wins.shape[-1], dtype=bool)
    for _ in range(int(wins.shape[-1]).bit_length()):  # chains of 2, 4, 8 … wins
        reached = reached.astype(np.float32) @ reached.astype(np.float32) > 0
    return np.asarray(reached.all(axis=(-1, -2)))


def with_ties(wins: np.ndarray, compared: np.ndarray) -> np.ndarray:
    """B×M×M wins; those without a maximum get half a win each way for each pair that is
    `compared` (M×M), as if it had been answered once more, with "no difference"."""
    ties = np.where(compared > 0, 0.5, 0.0)
    return np.where(has_maximum(wins)[:, None, None], wins, wins + ties)


def _scored(
    by_person: np.ndarray, methods: Sequence[str], resamples: int, seed: int | None
) -> dict[str, Interval]:
    """Scores with percentile intervals of a bootstrap that draws participants, not answers: those
    of one person depend on each other."""
    wins = by_person.sum(axis=0)
    compared = wins + wins.T
    scores = bradley_terry(with_ties(wins[None], compared))[0]
    people = len(by_person)
    if people == 1:
        return {name: Interval(float(score)) for name, score in zip(methods, scores, strict=True)}
    drawn = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), resamples)
    samples = np.tensordot(drawn, by_person, axes=1)  # B×M×M
    low, high = np.quantile(bradley_terry(with_ties(samples, compared)), QUANTILES, axis=0)
    return {
        name: Interval(float(scores[n]), float(low[n]), float(high[n]))
        for n, name in enumerate(methods)
    }


def _preferences(answers: Sequence[Answer], order: Sequence[str]) -> list[Preference]:
    """Of each pair, the method first that stands first in `order`."""
    ties: dict[tuple[str, str], int] = {}
    wins: dict[tuple[str, str], float] = {}
    number: dict[tuple[str, str], int] = {}
    place = {name: n for n, name in enumerate(order)}
    for answer in answers:
        first, second = sorted((answer.left, answer.right), key=place.__getitem__)
        preferred = {"left": answer.left, "right": answer.right}.get(answer.answer)
        pair = (first, second)
        number[pair] = number.get(pair, 0) + 1
        ties[pair] = ties.get(pair, 0) + (preferred is None)
        wins[pair] = wins.get(pair, 0) + (0.5 if preferred is None else preferred == first)
    return [
        Preference(*pair, wilson_interval(wins[pair] / number[pair], number[pair]),
                   number[pair], ties[pair])
        for pair in sorted(number, key=lambda pair: (place[pair[0]], place[pair[1]]))
    ]  # fmt: skip


def _islands(compared: np.ndarray, methods: Sequence[str]) -> list[list[str]]:
    """Groups of methods that comparisons connect."""
    number, labels = connected_components(compared > 0, directed=False)
    return [
        [name for name, label in zip(methods, labels, strict=True) if label == island]
        for island in range(number)
    ]


def _unbounded(wins: np.ndarray, methods: Sequence[str]) -> str:
    """The first words of a note: the smallest group that lost nothing to the others, or won
    nothing."""
    number, labels = connected_components(wins > 0, directed=True, connection="strong")
    found: list[tuple[int, str]] = []
    for island in range(number):
        inside = labels == island
        names = [name for name, member in zip(methods, inside, strict=True) if member]
        between = {"lost": wins[~inside][:, inside], "won": wins[inside][:, ~inside]}
        found += [
            (len(names), f"{', '.join(names)} never {never} against the others")
            for never, counted in between.items()
            if not counted.any()
        ]
    return min(found)[1]


def _notes(answers: Sequence[Answer]) -> list[str]:
    names: dict[str, set[str]] = {}
    for answer in answers:
        names.setdefault(answer.participant, set()).add(answer.session)
    return [
        f"{len(sessions)} participants are called {name}; if they are one person, leave out all "
        "files of theirs but one."
        for name, sessions in names.items()
        if len(sessions) > 1
    ]
