"""The closed-form continuous-time cell."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, ConfigError, Param, State
from ostinato.ops import concat, sigmoid, split, tanh


class CfC(Cell):
    """h' = sigmoid(-f t) g + (1 - sigmoid(-f t)) k; the last feature of x is the elapsed time t.

    Source: Hasani et al. 2022, "Closed-form continuous-time neural networks", eq. 2.
    """

    name = "cfc"

    def sizes(self, size: Any) -> dict[str, int]:
        if size.input < 2:
            raise ConfigError("cell 'cfc': expected at least 2 inputs, of which the last is the elapsed time")
        return {"features": int(size.input) - 1, "both": int(size.input) - 1 + int(size.hidden)}

    def parameters(self, size: Any) -> dict[str, Param]:
        return {"W": Param((3 * size.hidden, size.both)), "b": Param((3 * size.hidden,), init="zeros")}

    def state(self, size: Any) -> dict[str, State]:
        return {"h": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        f, g, k = split(p.W @ concat(x[:-1], state.h) + p.b, 3)
        gate = sigmoid(-f * x[-1])
        h = gate * tanh(g) + (1 - gate) * tanh(k)
        return h, {"h": h}
