"""The cross-entropy with smoothed labels."""

from __future__ import annotations

from typing import Any

from ostinato import Loss
from ostinato.ops import log_softmax, mean, pick


class LabelSmoothing(Loss):
    """The cross-entropy with (1 - rate) of the target and rate of all classes.

    Source: Szegedy et al. 2016, "Rethinking the Inception architecture", section 7.
    """

    name = "label_smoothing"
    target = "index"

    def __init__(self, rate: float = 0.1) -> None:
        self.rate = rate

    def step(self, y: Any, target: Any) -> Any:
        logp = log_softmax(y)
        return -(1 - self.rate) * pick(logp, target) - self.rate * mean(logp)
