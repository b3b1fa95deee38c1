"""LARS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostinato import Optimizer
from ostinato.ops import Value, minimum, where, whole
from ostinato_optimizers.numbers import number


class LARS(Optimizer):
    """Gradient descent with momentum, with a rate for each parameter from its norm and its gradient's.

        rate = trust * |param| / (|grad| + weight_decay * |param|)
        v' = momentum * v + lr * rate * (grad + weight_decay * param)
        param' = param - v'

    The rate is 1 if a norm is 0. All options are at least 0. Source: You et al. 2017, "Large batch training
    of convolutional networks", algorithm 1.
    """

    name = "lars"
    slots = ("velocity",)
    examples = ({}, {"lr": 0.1, "momentum": 0.5, "trust": 0.1, "weight_decay": 0.1})

    def __init__(
        self,
        lr: float = 1.0,
        *,
        momentum: float = 0.9,
        trust: float = 1e-3,
        weight_decay: float = 0.0,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.lr = number("lars", "lr", lr)
        self.momentum = number("lars", "momentum", momentum)
        self.trust = number("lars", "trust", trust)
        self.weight_decay = number("lars", "weight_decay", weight_decay)
        super().__init__(groups)

    def update(self, param: Value, grad: Value, slots: Any, s: Any) -> tuple[Value, dict[str, Value]]:
        """Return the new parameter and velocity."""
        length, slope = whole.norm(param), whole.norm(grad)
        scale = slope + self.weight_decay * length
        rate = self.trust * length / where(slope > 0, scale, 1.0)
        rate = where(minimum(length, slope) > 0, rate, 1.0)
        g = grad + self.weight_decay * param if self.weight_decay else grad
        v = self.momentum * slots.velocity + s.lr * rate * g
        return param - v, {"velocity": v}
