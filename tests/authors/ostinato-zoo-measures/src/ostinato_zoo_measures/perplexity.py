"""The perplexity."""

from __future__ import annotations

import math
from typing import Any

from ostinato import Metric
from ostinato.ops import log_softmax, pick


class Perplexity(Metric):
    """e to the mean of -log p of the target. Source: Jelinek et al. 1977."""

    name = "perplexity2"
    target = "index"
    better = "lower"

    def step(self, y: Any, target: Any) -> Any:
        return -pick(log_softmax(y), target)

    def finish(self, mean: Any) -> float:
        return math.exp(min(mean, 700.0))
