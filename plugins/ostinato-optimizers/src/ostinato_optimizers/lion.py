"""Lion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostinato import Optimizer
from ostinato.ops import Value, sign
from ostinato_optimizers.numbers import number, pair


class Lion(Optimizer):
    """Steps of equal size in each number: the sign of an interpolated mean of gradients.

        d = sign(beta1 * m + (1 - beta1) * grad)
        m' = beta2 * m + (1 - beta2) * grad
        param' = (1 - decoupled_decay) * param - lr * d

    lr: at least 0, a third to a tenth of Adam's. betas: in 0..1. decoupled_decay: in 0..1, not scaled by lr.
    Source: Chen et al. 2023, "Symbolic discovery of optimization algorithms", algorithm 2.
    """

    name = "lion"
    slots = ("mean",)
    examples = ({}, {"lr": 0.01, "betas": (0.5, 0.75), "decoupled_decay": 0.01})

    def __init__(
        self,
        lr: float = 1e-4,
        *,
        betas: Sequence[float] = (0.9, 0.99),
        decoupled_decay: float = 0.0,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.lr = number("lion", "lr", lr)
        self.betas = pair("lion", "betas", betas, below=1)
        self.decoupled_decay = number("lion", "decoupled_decay", decoupled_decay, below=1)
        super().__init__(groups)

    def update(self, param: Value, grad: Value, slots: Any, s: Any) -> tuple[Value, dict[str, Value]]:
        """Return the new parameter and mean."""
        beta1, beta2 = self.betas
        kept = (1 - self.decoupled_decay) * param if self.decoupled_decay else param
        direction = sign(beta1 * slots.mean + (1 - beta1) * grad)
        return kept - s.lr * direction, {"mean": beta2 * slots.mean + (1 - beta2) * grad}
