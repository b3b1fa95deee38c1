"""The long expressive memory."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.ops import sigmoid, split, tanh


class LEM(Cell):
    """Two states with learned step sizes; z is computed first, and y reads the new z.

    Source: Rusch et al. 2022, "Long expressive memory for sequence modeling", eq. 3.
    """

    name = "lem"
    examples = ({}, {"time_step": 0.5})

    def __init__(self, time_step: float = 1.0) -> None:
        self.time_step = time_step

    def parameters(self, size: Any) -> dict[str, Param]:
        return {
            "W": Param((3 * size.hidden, size.hidden)),
            "V": Param((4 * size.hidden, size.input)),
            "b": Param((4 * size.hidden,), init="zeros"),
            "W_y": Param((size.hidden, size.hidden)),
        }

    def state(self, size: Any) -> dict[str, State]:
        return {"y": State(size.hidden), "z": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        x1, x2, xz, xy = split(p.V @ x + p.b, 4)
        h1, h2, hz = split(p.W @ state.y, 3)
        t, u = self.time_step * sigmoid(x1 + h1), self.time_step * sigmoid(x2 + h2)
        z = (1 - t) * state.z + t * tanh(hz + xz)
        y = (1 - u) * state.y + u * tanh(p.W_y @ z + xy)
        return y, {"y": y, "z": z}
