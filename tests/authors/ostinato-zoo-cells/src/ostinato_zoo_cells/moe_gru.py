"""A mixture of GRUs."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.ops import reshape, sigmoid, softmax, split, tanh


class MoEGRU(Cell):
    """h' = sum over experts e of softmax(W_g x + U_g h)_e GRU_e(x, h): all experts are computed.

    Source: Jacobs et al. 1991, "Adaptive mixtures of local experts", with the GRU of Cho et al. 2014.
    """

    name = "moe_gru"
    examples = ({}, {"experts": 1})

    def __init__(self, experts: int = 4) -> None:
        self.experts = experts

    def sizes(self, size: Any) -> dict[str, int]:
        return {"experts": self.experts}

    def parameters(self, size: Any) -> dict[str, Param]:
        rows = 3 * self.experts * size.hidden
        return {
            "W": Param((rows, size.input)),
            "U": Param((rows, size.hidden)),
            "b": Param((rows,), init="zeros"),
            "W_g": Param((size.experts, size.input)),
            "U_g": Param((size.experts, size.hidden)),
        }

    def state(self, size: Any) -> dict[str, State]:
        return {"h": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        (hidden,) = state.h.shape
        xr, xz, xn = split(p.W @ x + p.b, 3)
        hr, hz, hn = split(p.U @ state.h, 3)
        z, n = sigmoid(xz + hz), tanh(xn + sigmoid(xr + hr) * hn)
        each = reshape((1 - z) * n, (self.experts, hidden)) + reshape(z, (self.experts, hidden)) * state.h
        h = softmax(p.W_g @ x + p.U_g @ state.h) @ each
        return h, {"h": h}
