"""Root of the mean squared error."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ostinato.losses import MSE
from ostinato.metrics.metric import Metric
from ostinato.ops import Value


class RMSE(Metric):
    """sqrt(mean((y - t)^2)) over features and steps, in the units of the target. y and target (F,)."""

    better: ClassVar[str] = "lower"

    def step(self, y: Value, target: Value) -> Value:
        """Return the mean square over the features."""
        return MSE().step(y, target)

    def finish(self, mean: Any) -> Any:
        """Return the root."""
        return math.sqrt(mean)
