"""Decoder cells that attend at every step."""

from __future__ import annotations

from typing import Any

import numpy as np

import ostinato as ost
from ostinato import ops

SCORERS = ("additive", "multiplicative", "dot", "scaled_dot")


def _normal(shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    return 0.5 * rng.normal(size=shape)


def param(*shape: int) -> ost.Param:
    return ost.Param(shape, init=_normal)


class Decoder(ost.Cell):
    """A GRU step that reads a context; `fed`: the context of the step before is an input too (input feeding).

    scorer: how a query, the state before, fits an entry of the memory.
    """

    def __init__(
        self, *, scorer: str = "additive", source: int = 5, align: int = 6, fed: bool = True
    ) -> None:
        self.scorer, self.source, self.align, self.fed = scorer, source, align, fed

    def sizes(self, size: Any) -> dict[str, int]:
        return {"source": self.source, "align": self.align}

    def memories(self, size: Any) -> dict[str, ost.Memory]:
        return {"source": ost.Memory(size.source)}

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        h, c, a = size.hidden, size.source, size.align
        scorer = {
            "additive": {"W_q": param(a, h), "W_k": param(a, c), "v": param(a)},
            "multiplicative": {"W": param(h, c)},
            "dot": {"W_q": param(c, h)},
            "scaled_dot": {"W_q": param(a, h), "W_k": param(a, c)},
        }[self.scorer]
        fed = {"W_f": param(3 * h, c)} if self.fed else {}
        own = {
            "W_x": param(3 * h, size.input),
            "W_c": param(3 * h, c),
            "W_h": param(3 * h, h),
            "b": param(3 * h),
        }
        return {**scorer, **own, **fed}

    def state(self, size: Any) -> dict[str, ost.State]:
        fed = {"c": ost.State(size.source)} if self.fed else {}
        return {"h": ost.State(size.hidden), **fed}

    def scores(self, h: Any, key: Any, p: Any) -> Any:
        if self.scorer == "additive":
            return ops.dot(p.v, ops.tanh(p.W_q @ h + p.W_k @ key))
        if self.scorer == "multiplicative":
            return ops.dot(h, p.W @ key)
        if self.scorer == "dot":
            return ops.dot(p.W_q @ h, key)
        return ops.dot(p.W_q @ h, p.W_k @ key) / np.sqrt(self.align)

    def step(self, x: Any, state: Any, p: Any, memory: Any) -> Any:
        weights = ops.entries.softmax(self.scores(state.h, memory.source, p))
        context = ops.entries.sum(weights * memory.source)
        given = p.W_x @ x + p.W_c @ context + p.b
        if self.fed:
            given = given + p.W_f @ state.c
        hidden = p.W_h @ state.h
        (xr, xz, xn), (hr, hz, hn) = ops.split(given, 3), ops.split(hidden, 3)
        r, z = ops.sigmoid(xr + hr), ops.sigmoid(xz + hz)
        h = (1 - z) * ops.tanh(xn + r * hn) + z * state.h
        return h, {"h": h, "c": context} if self.fed else {"h": h}
