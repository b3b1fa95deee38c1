"""The coupled oscillatory RNN."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.ops import tanh


class CoRNN(Cell):
    """z' = z + dt (tanh(W h + V z + U x + b) - gamma h - epsilon z'); h' = h + dt z'.

    The damping is implicit. Source: Rusch and Mishra 2021, "Coupled oscillatory recurrent neural network".
    """

    name = "cornn"
    examples = ({}, {"time_step": 0.5, "gamma": 2.0, "epsilon": 3.0})

    def __init__(self, time_step: float = 0.1, gamma: float = 1.0, epsilon: float = 1.0) -> None:
        self.time_step, self.gamma, self.epsilon = time_step, gamma, epsilon

    def parameters(self, size: Any) -> dict[str, Param]:
        square = (size.hidden, size.hidden)
        return {
            "U": Param((size.hidden, size.input)),
            "W": Param(square, init="orthogonal"),
            "V": Param(square, init="orthogonal"),
            "b": Param((size.hidden,), init="zeros"),
        }

    def state(self, size: Any) -> dict[str, State]:
        return {"h": State(size.hidden), "z": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        force = tanh(p.W @ state.h + p.V @ state.z + p.U @ x + p.b) - self.gamma * state.h
        z = (state.z + self.time_step * force) / (1 + self.time_step * self.epsilon)
        h = state.h + self.time_step * z
        return h, {"h": h, "z": z}
