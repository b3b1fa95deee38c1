"""The LSTM with hard gates."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.ops import hard_sigmoid, split, tanh


class HardLSTM(Cell):
    """An LSTM whose gates are clip(x / 6 + 1 / 2, 0, 1). Source: Courbariaux et al. 2015, section 2."""

    name = "hard_lstm"

    def parameters(self, size: Any) -> dict[str, Param]:
        return {
            "W": Param((4 * size.hidden, size.input)),
            "U": Param((4 * size.hidden, size.hidden), init="orthogonal"),
            "b": Param((4 * size.hidden,), init="zeros"),
        }

    def state(self, size: Any) -> dict[str, State]:
        return {"h": State(size.hidden), "c": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        i, f, g, o = split(p.W @ x + p.U @ state.h + p.b, 4)
        c = hard_sigmoid(f) * state.c + hard_sigmoid(i) * tanh(g)
        h = hard_sigmoid(o) * tanh(c)
        return h, {"h": h, "c": c}
