"""LAMB."""

from __future__ import annotations

from typing import Any

from ostinato import Optimizer
from ostinato.ops import sqrt, where, whole


class LAMB(Optimizer):
    """Adam's step, scaled to the norm of the parameter.

    Source: You et al. 2020, "Large batch optimization for deep learning", algorithm 2.
    """

    name = "lamb2"
    slots = ("mean", "mean_square")
    examples = ({}, {"lr": 0.1, "b1": 0.5, "b2": 0.75, "decay": 0.1})

    def __init__(
        self, lr: float = 1e-2, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-6, decay: float = 0.0
    ) -> None:
        self.lr, self.b1, self.b2, self.eps, self.decay = lr, b1, b2, eps, decay

    def update(self, param: Any, grad: Any, slots: Any, s: Any) -> tuple[Any, dict[str, Any]]:
        m = self.b1 * slots.mean + (1 - self.b1) * grad
        v = self.b2 * slots.mean_square + (1 - self.b2) * grad * grad
        step = m / (1 - self.b1**s.count) / (sqrt(v / (1 - self.b2**s.count)) + self.eps)
        step = step + self.decay * param
        size, length = whole.norm(param), whole.norm(step)
        trust = where(size * length > 0, size / (length + 1e-30), 1.0)
        return param - s.lr * trust * step, {"mean": m, "mean_square": v}
