"""Early words of a collapse: what the logged numbers say before a person would look at them.

They warn and never stop a run. (Losses that are not finite do stop it: see `train.loop`.)
"""

from collections import deque
from collections.abc import Mapping

# A warning speaks of this many logs in a row.
LOGS = 10
# Of the discriminator's loss, which is log 2 while it can tell nothing. Below, hardly any gradient
# reaches the generator.
SATURATED_BELOW = 0.01
# Grey levels (of 255) by which SR may differ from HR on average.
DRIFT = 4.0


class Watch:
    """Follows the numbers of a run; each trouble is told once, and again if it comes back."""

    def __init__(self) -> None:
        self._recent: deque[Mapping[str, float]] = deque(maxlen=LOGS)
        self._told: set[str] = set()

    def __call__(self, numbers: Mapping[str, float]) -> list[str]:
        """The warnings that these numbers, the latest, give rise to."""
        self._recent.append(numbers)
        troubles = self._troubles() if len(self._recent) == LOGS else {}
        new = [text for kind, text in troubles.items() if kind not in self._told]
        self._told = set(troubles)
        return new

    def _troubles(self) -> dict[str, str]:
        found = {}
        losses = self._column("loss/discriminator")
        if losses and max(losses) < SATURATED_BELOW:
            found["saturated"] = (
                f"the discriminator's loss has stayed below {SATURATED_BELOW} for {LOGS} logs: it "
                "wins, and teaches the generator little; lower discriminator_rate"
            )
        drifts = self._column("brightness/drift")
        drift = sum(drifts) / max(1, len(drifts))
        if abs(drift) > DRIFT:
            found["drift"] = (
                f"SR is {abs(drift):.1f} grey levels {'brighter' if drift > 0 else 'darker'} than "
                f"HR on average over {LOGS} logs; raise pixel_weight, or lower gan_weight"
            )
        return found

    def _column(self, name: str) -> list[float]:
        return [numbers[name] for numbers in self._recent if name in numbers]
