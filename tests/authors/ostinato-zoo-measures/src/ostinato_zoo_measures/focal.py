"""The focal loss."""

from __future__ import annotations

from typing import Any

from ostinato import Loss
from ostinato.ops import exp, log_softmax, pick


class Focal(Loss):
    """-(1 - p)^gamma log p of the target's class. Source: Lin et al. 2017, "Focal loss", eq. 4."""

    name = "focal"
    target = "index"
    examples = ({}, {"gamma": 0.5})

    def __init__(self, gamma: float = 2.0) -> None:
        self.gamma = gamma

    def step(self, y: Any, target: Any) -> Any:
        logp = pick(log_softmax(y), target)
        return -((1 - exp(logp) + 1e-12) ** self.gamma) * logp
