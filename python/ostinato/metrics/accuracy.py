"""Share of correct steps."""

from __future__ import annotations

from typing import ClassVar

from ostinato.metrics.metric import Metric
from ostinato.ops import Value, argmax, one_hot, pick


class Accuracy(Metric):
    """The share 0..1 of steps whose largest output is the target's. y (V,) scores, target an id.

    Of equal outputs the first counts as the largest.
    """

    target: ClassVar[str] = "index"
    better: ClassVar[str] = "higher"

    def step(self, y: Value, target: Value) -> Value:
        """Return 1 if the output is correct, else 0."""
        return pick(one_hot(argmax(y), y.shape[0]), target)
