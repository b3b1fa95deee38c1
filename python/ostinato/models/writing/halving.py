"""The learning rate of sequences for sequences: it falls with the updates and epochs so far."""

from __future__ import annotations

from typing import Final

from ostinato.strategy import Moment

WARM_UP: Final = 50
"""Updates over which the rate rises to its start."""
EPOCHS: Final = 2.5
UPDATES: Final = 1200
"""The rate is halved in this many epochs, or this many updates, whichever takes longer."""
UPDATES_BEFORE: Final = 600
"""Those of files of earlier versions, which do not hold the number."""


class Halving:
    """start * 0.5^min(epoch / EPOCHS, step / updates), after a linear rise.

    It does not depend on the planned epochs, so that two fits are one.
    """

    def __init__(self, updates: int = UPDATES):
        self.updates = updates

    def __repr__(self) -> str:
        return "auto"

    def __call__(self, start: float, when: Moment) -> float:
        """Return the rate of this update."""
        halvings = min(when.epoch / EPOCHS, when.step / self.updates)
        return float(min((when.step + 1) / WARM_UP, 1.0) * start * 0.5**halvings)
