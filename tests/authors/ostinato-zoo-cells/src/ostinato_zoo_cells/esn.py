"""The echo state network."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.initializers import Orthogonal
from ostinato.ops import tanh


class ESN(Cell):
    """h' = (1 - leak) h + leak tanh(W_in x + W h), with fixed matrices.

    Source: Jaeger 2001, "The echo state approach to analysing and training recurrent neural networks".
    """

    name = "esn"
    examples = ({}, {"radius": 0.5, "leak": 1.0})

    def __init__(self, radius: float = 0.9, leak: float = 0.3) -> None:
        self.radius, self.leak = radius, leak

    def parameters(self, size: Any) -> dict[str, Param]:
        square = (size.hidden, size.hidden)
        return {
            "W_in": Param((size.hidden, size.input), init="xavier_uniform", learned=False),
            "W": Param(square, init=Orthogonal(gain=self.radius), learned=False),
        }

    def state(self, size: Any) -> dict[str, State]:
        return {"h": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        h = (1 - self.leak) * state.h + self.leak * tanh(p.W_in @ x + p.W @ state.h)
        return h, {"h": h}
