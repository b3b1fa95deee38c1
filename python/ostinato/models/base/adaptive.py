"""The learning rate of `schedule="auto"`: halved when nothing improves."""

from __future__ import annotations

from typing import Final

from ostinato.models.base.best import Best
from ostinato.strategy import Moment

WARM_UP: Final = 20
"""Updates over which the rate rises to its start."""


class Adaptive:
    """start * 0.5^n; n grows by 1 after every 5 epochs in which `best` saw no improvement.

    It rises linearly over the first updates. It depends on the epochs so far and not on the planned ones, so
    that two fits are one.
    """

    def __init__(self, best: Best) -> None:
        self._best = best

    def __repr__(self) -> str:
        return "auto"

    def __call__(self, start: float, when: Moment) -> float:
        """Return the rate of this update."""
        return min((when.step + 1) / WARM_UP, 1.0) * start * 0.5**self._best.drops
