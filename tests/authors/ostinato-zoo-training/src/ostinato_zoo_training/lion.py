"""Lion."""

from __future__ import annotations

from typing import Any

from ostinato import Optimizer
from ostinato.ops import sign


class Lion(Optimizer):
    """param' = param - lr (sign(b1 m + (1 - b1) g) + decay param); m' = b2 m + (1 - b2) g.

    Source: Chen et al. 2023, "Symbolic discovery of optimization algorithms", algorithm 2.
    """

    name = "lion2"
    slots = ("mean",)
    examples = ({}, {"lr": 0.01, "b1": 0.5, "b2": 0.75, "decay": 0.1})

    def __init__(self, lr: float = 1e-4, b1: float = 0.9, b2: float = 0.99, decay: float = 0.0) -> None:
        self.lr, self.b1, self.b2, self.decay = lr, b1, b2, decay

    def update(self, param: Any, grad: Any, slots: Any, s: Any) -> tuple[Any, dict[str, Any]]:
        step = sign(self.b1 * slots.mean + (1 - self.b1) * grad) + self.decay * param
        return param - s.lr * step, {"mean": self.b2 * slots.mean + (1 - self.b2) * grad}
