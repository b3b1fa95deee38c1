"""A cell that reads its input of some steps ago."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.ops import concat, tanh


class DelayLine(Cell):
    """h' = tanh(W x_t + V x_{t - delay} + U h); the state `line` holds the last inputs.

    Source: Lang et al. 1990, "A time-delay neural network architecture for isolated word recognition".
    """

    name = "delay_line"
    examples = ({}, {"delay": 1})

    def __init__(self, delay: int = 5) -> None:
        self.delay = delay

    def parameters(self, size: Any) -> dict[str, Param]:
        wide = (size.hidden, size.input)
        return {"W": Param(wide), "V": Param(wide), "U": Param((size.hidden, size.hidden))}

    def state(self, size: Any) -> dict[str, State]:
        return {"h": State(size.hidden), "line": State(self.delay * size.input)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        h = tanh(p.W @ x + p.V @ state.line[: len(x)] + p.U @ state.h)
        line = concat(state.line[len(x) :], x) if self.delay > 1 else x
        return h, {"h": h, "line": line}
