"""Perplexity."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ostinato.losses import CrossEntropy
from ostinato.metrics.metric import Metric
from ostinato.ops import Value


class Perplexity(Metric):
    """e to the mean cross-entropy of logits with ids: how many equally likely choices it amounts to."""

    target: ClassVar[str] = "index"
    better: ClassVar[str] = "lower"

    def step(self, y: Value, target: Value) -> Value:
        """Return the cross-entropy in nats."""
        return CrossEntropy().step(y, target)

    def finish(self, mean: Any) -> Any:
        """Return e^mean; infinity if it exceeds the range of floats."""
        try:
            return math.exp(mean)
        except OverflowError:
            return math.inf
