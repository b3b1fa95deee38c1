"""The loss of a quantile."""

from __future__ import annotations

from typing import Any

from ostinato import Loss
from ostinato.ops import maximum, sum


class Pinball(Loss):
    """max(q e, (q - 1) e) of the error e. Source: Koenker and Bassett 1978, "Regression quantiles"."""

    name = "pinball"
    examples = ({}, {"q": 0.1})

    def __init__(self, q: float = 0.5) -> None:
        self.q = q

    def step(self, y: Any, target: Any) -> Any:
        error = target - y
        return sum(maximum(self.q * error, (self.q - 1) * error))
