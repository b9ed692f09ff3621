"""train/watch.py: what is told, when, and how often."""

import pytest

from train.watch import DELTA_E_GROWTH, DRIFT, FLAT, LOGS, SATURATED_BELOW, VALIDATIONS, Watch

FINE = {"loss/discriminator": 0.6, "brightness/drift": 0.3}
SATURATED = {**FINE, "loss/discriminator": SATURATED_BELOW / 2}
DARK = {**FINE, "brightness/drift": -2 * DRIFT}


def told(watch: Watch, *numbers: dict[str, float]) -> list[str]:
    return [warning for each in numbers for warning in watch(each)]


@pytest.mark.parametrize(
    ("trouble", "words"), [(SATURATED, "discriminator_rate"), (DARK, "8.0 grey levels darker")]
)
def test_a_trouble_is_told_once_when_it_has_lasted(trouble: dict[str, float], words: str) -> None:
    watch = Watch()
    assert told(watch, *[trouble] * (LOGS - 1)) == []
    (warning,) = watch(trouble)
    assert words in warning
    assert told(watch, *[trouble] * 50) == []


def test_a_trouble_that_comes_back_is_told_again() -> None:
    watch = Watch()
    assert len(told(watch, *[SATURATED] * LOGS)) == 1
    assert told(watch, FINE, *[SATURATED] * (LOGS - 1)) == []
    assert len(told(watch, SATURATED)) == 1


def test_what_passes_is_not_told() -> None:
    one_dark_batch = {**FINE, "brightness/drift": -3 * DRIFT}
    assert told(Watch(), *[FINE] * LOGS, one_dark_batch, *[FINE] * LOGS) == []


def test_brighter_and_darker_are_told_apart() -> None:
    watch = Watch()
    bright = {**FINE, "brightness/drift": DRIFT + 1}
    assert "brighter" in told(watch, *[bright] * LOGS)[0]


def test_a_stage_without_a_discriminator_has_nothing_to_tell() -> None:
    assert told(Watch(), *[{"loss/l1": 0.0}] * 3 * LOGS) == []


def validated(watch: Watch, *figures: dict[str, float]) -> list[str]:
    return [warning for each in figures for warning in watch.validated(each)]


def test_colours_that_drift_away_are_told_once() -> None:
    watch = Watch()
    good = {"validation/delta_e": 1.0, "validation/flat": 0.0}
    bad = {**good, "validation/delta_e": DELTA_E_GROWTH * 1.01}
    assert validated(watch, good, *[bad] * (VALIDATIONS - 1)) == []
    (warning,) = watch.validated(bad)
    assert "ΔE 1.31" in warning
    assert "1.00" in warning
    assert validated(watch, *[bad] * 5) == []
    assert validated(watch, good, *[bad] * VALIDATIONS) == [warning]


def test_flat_pictures_that_do_not_stay_are_told() -> None:
    watch = Watch()
    off = {"validation/flat": FLAT + 2}
    assert validated(watch, *[off] * (VALIDATIONS - 1)) == []
    assert "up to 4 levels" in watch.validated(off)[0]
    assert validated(Watch(), *[{"validation/flat": FLAT}] * 9) == []


def test_logs_and_validations_are_counted_apart() -> None:
    watch = Watch()
    off = {"validation/flat": FLAT + 2}
    for _ in range(LOGS - 1):
        assert watch(DARK) == []
    assert len(validated(watch, *[off] * VALIDATIONS)) == 1
    assert len(watch(DARK)) == 1
    assert validated(watch, off) == []
