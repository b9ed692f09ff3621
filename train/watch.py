"""Early words of a collapse: what the logged numbers say before a person would look at them.

They warn and never stop a run. (Losses that are not finite do stop it: see `train.loop`.)
"""

from collections import deque
from collections.abc import Mapping

# A warning speaks of this many logs, or validations, in a row.
LOGS, VALIDATIONS = 10, 3
# Of the discriminator's loss, which is log 2 while it can tell nothing. Below, hardly any gradient
# reaches the generator, unless `gan_share` holds it up.
SATURATED_BELOW = 0.01
# Grey levels (of 255) by which SR may differ from HR on average, and flat pictures from themselves.
DRIFT, FLAT = 4.0, 2.0
# Times the smallest ΔE so far that it may be.
DELTA_E_GROWTH = 1.3


class Watch:
    """Follows the numbers of a run; each trouble is told once, and again if it comes back."""

    def __init__(self) -> None:
        self._logs: deque[Mapping[str, float]] = deque(maxlen=LOGS)
        self._validations: deque[Mapping[str, float]] = deque(maxlen=VALIDATIONS)
        self._smallest_delta_e = float("inf")
        self._told: dict[str, set[str]] = {}

    def __call__(self, numbers: Mapping[str, float]) -> list[str]:
        """The warnings that the latest log gives rise to."""
        self._logs.append(numbers)
        return self._new("logs", self._collapse() if len(self._logs) == LOGS else {})

    def validated(self, figures: Mapping[str, float]) -> list[str]:
        """The warnings that the latest validation gives rise to."""
        self._validations.append(figures)
        delta_e = figures.get("validation/delta_e", float("inf"))
        self._smallest_delta_e = min(self._smallest_delta_e, delta_e)
        enough = len(self._validations) == VALIDATIONS
        return self._new("validations", self._false_colours() if enough else {})

    def _new(self, source: str, troubles: Mapping[str, str]) -> list[str]:
        before = self._told.get(source, set())
        self._told[source] = set(troubles)
        return [text for kind, text in troubles.items() if kind not in before]

    def _collapse(self) -> dict[str, str]:
        found = {}
        losses = _column(self._logs, "loss/discriminator")
        if losses and max(losses) < SATURATED_BELOW:
            found["saturated"] = (
                f"the discriminator's loss has stayed below {SATURATED_BELOW} for {LOGS} logs: it "
                "wins, and teaches the generator little; lower discriminator_rate"
            )
        drifts = _column(self._logs, "brightness/drift")
        drift = sum(drifts) / max(1, len(drifts))
        if abs(drift) > DRIFT:
            found["drift"] = (
                f"SR is {abs(drift):.1f} grey levels {'brighter' if drift > 0 else 'darker'} than "
                f"HR on average over {LOGS} logs; raise pixel_weight, or lower gan_weight"
            )
        return found

    def _false_colours(self) -> dict[str, str]:
        found = {}
        differences = _column(self._validations, "validation/delta_e")
        if differences and min(differences) > DELTA_E_GROWTH * self._smallest_delta_e:
            found["colours"] = (
                f"the colours differ from HR by ΔE {differences[-1]:.2f}, and once did by "
                f"{self._smallest_delta_e:.2f}; in the second stage raise pixel_weight or the "
                "weights of shallow layers"
            )
        deviations = _column(self._validations, "validation/flat")
        if deviations and min(deviations) > FLAT:
            found["flat"] = (
                f"flat white, grey or black comes out up to {deviations[-1]:.0f} levels off; train "
                "on, or in the second stage raise pixel_weight or lower gan_weight"
            )
        return found


def _column(recent: deque[Mapping[str, float]], name: str) -> list[float]:
    return [numbers[name] for numbers in recent if name in numbers]
