"""LAMB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostinato import Optimizer
from ostinato.ops import Value, minimum, sqrt, square, where, whole
from ostinato_optimizers.numbers import number, pair


class LAMB(Optimizer):
    """Adam's direction, of each parameter as long as the parameter itself.

        m' = beta1 * m + (1 - beta1) * grad
        v' = beta2 * v + (1 - beta2) * grad^2
        d = m' / (1 - beta1^t) / (sqrt(v' / (1 - beta2^t)) + eps) + weight_decay * param
        param' = param - lr * |param| / |d| * d

    The norms are those of the whole parameter, and their quotient is 1 if one of them is 0. lr, eps,
    weight_decay: at least 0. betas: in 0..1. Source: You et al. 2020, "Large batch optimization for deep
    learning", algorithm 2 with the identity as phi.
    """

    name = "lamb"
    slots = ("mean", "mean_square")
    examples = ({}, {"lr": 0.1, "betas": (0.5, 0.75), "eps": 0.1, "weight_decay": 0.1})

    def __init__(
        self,
        lr: float = 1e-3,
        *,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.lr = number("lamb", "lr", lr)
        self.betas = pair("lamb", "betas", betas, below=1)
        self.eps = number("lamb", "eps", eps)
        self.weight_decay = number("lamb", "weight_decay", weight_decay)
        super().__init__(groups)

    def update(self, param: Value, grad: Value, slots: Any, s: Any) -> tuple[Value, dict[str, Value]]:
        """Return the new parameter and running means."""
        beta1, beta2 = self.betas
        m = beta1 * slots.mean + (1 - beta1) * grad
        v = beta2 * slots.mean_square + (1 - beta2) * square(grad)
        scale = sqrt(v) * (1 - beta2**s.count) ** -0.5 + self.eps
        direction = 1 / (1 - beta1**s.count) * m / scale
        if self.weight_decay:
            direction = direction + self.weight_decay * param
        length, step = whole.norm(param), whole.norm(direction)
        ratio = where(minimum(length, step) > 0, length / where(step > 0, step, 1.0), 1.0)
        return param - s.lr * ratio * direction, {"mean": m, "mean_square": v}
