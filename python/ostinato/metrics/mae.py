"""Mean absolute error."""

from __future__ import annotations

from typing import ClassVar

from ostinato.metrics.metric import Metric
from ostinato.ops import Value, abs, mean


class MAE(Metric):
    """mean(|y - t|) over features and steps. y and target (F,)."""

    better: ClassVar[str] = "lower"

    def step(self, y: Value, target: Value) -> Value:
        """Return the mean over the features."""
        return mean(abs(y - target))
