"""A GRU of few bits."""

from __future__ import annotations

from typing import Any, ClassVar

from ostinato import Cell, Param, State
from ostinato.ops import clip, round, sigmoid, split, stop_gradient, tanh


class QuantisedGRU(Cell):
    """A GRU whose state and candidate are rounded; the gradient passes the rounding unchanged.

    Source: Hou et al. 2017, with the straight-through estimator of Bengio et al. 2013.
    """

    name = "quantised_gru"
    expected_failures: ClassVar[dict[str, str]] = {"gradients": "the gradient passes the rounding"}

    def __init__(self, bits: int = 4) -> None:
        self.bits = bits

    def parameters(self, size: Any) -> dict[str, Param]:
        return {
            "W": Param((3 * size.hidden, size.input)),
            "U": Param((3 * size.hidden, size.hidden), init="orthogonal"),
            "b": Param((3 * size.hidden,), init="zeros"),
        }

    def state(self, size: Any) -> dict[str, State]:
        return {"h": State(size.hidden)}

    def rounded(self, v: Any) -> Any:
        """The nearest of the 2^bits - 1 levels from -1 to 1."""
        levels = 2.0 ** (self.bits - 1) - 1
        v = clip(v, -1.0, 1.0)
        return v + stop_gradient(round(v * levels) / levels - v)

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        xr, xz, xn = split(p.W @ x + p.b, 3)
        hr, hz, hn = split(p.U @ state.h, 3)
        z, n = sigmoid(xz + hz), tanh(xn + sigmoid(xr + hr) * hn)
        h = self.rounded((1 - z) * n + z * state.h)
        return h, {"h": h}
