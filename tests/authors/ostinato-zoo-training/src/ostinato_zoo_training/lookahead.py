"""Lookahead with Adam."""

from __future__ import annotations

from typing import Any, ClassVar

from ostinato import Adam
from ostinato.ops import where


class LookaheadAdam(Adam):
    """Every `k` steps, the parameters go back to `alpha` of the way from where they were.

    Source: Zhang et al. 2019, "Lookahead optimizer: k steps forward, 1 step back", algorithm 1.
    """

    name = "lookahead_adam"
    slots: ClassVar[dict[str, str]] = {"mean": "zeros", "mean_square": "zeros", "slow": "param"}
    examples = ({}, {"lr": 0.1, "k": 2, "alpha": 0.25})

    def __init__(self, lr: float = 1e-3, k: int = 5, alpha: float = 0.5) -> None:
        self.k, self.alpha = k, alpha
        super().__init__(lr)

    def update(self, param: Any, grad: Any, slots: Any, s: Any) -> tuple[Any, dict[str, Any]]:
        fast, new = super().update(param, grad, slots, s)
        slow = slots.slow + self.alpha * (fast - slots.slow)
        back = s.count % self.k < 0.5
        return where(back, slow, fast), {**new, "slow": where(back, slow, slots.slow)}
