"""Decoder cells that attend at every step."""

from __future__ import annotations

from typing import Any

import numpy as np

import ostinato as ost
from ostinato import ops

SOURCE_WIDTH = 5
"""Features of an entry of the memory of `Remembers`."""

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


class Remembers(ost.Cell):
    """Attention whose scores read a state on the entries.

    kind: the sum of the weights so far; a window of the weights of the step before; a vector for each entry,
    an update of its own; a state that is never changed; coverage and location together.
    """

    def __init__(self, *, kind: str = "coverage") -> None:
        self.kind = kind

    def memories(self, size: Any) -> dict[str, ost.Memory]:
        return {"source": ost.Memory(SOURCE_WIDTH)}

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        h, a = size.hidden, 6
        more = {
            "coverage": {"W_s": param(a)},
            "unchanged": {"W_s": param(a)},
            "location": {"W_l": param(a, 3)},
            "vector": {"W_s": param(a, 2), "W_m": param(2, SOURCE_WIDTH), "U": param(2, 2)},
            "both": {"W_s": param(a), "W_l": param(a, 3)},
        }[self.kind]
        own = {"W_q": param(a, h), "W_k": param(a, SOURCE_WIDTH), "v": param(a), "W_x": param(h, size.input)}
        return {**own, "W_c": param(h, SOURCE_WIDTH), "W_h": param(h, h), **more}

    def state(self, size: Any) -> dict[str, ost.State]:
        of = {
            "coverage": {"s": ost.State((), on="source")},
            "unchanged": {"s": ost.State((), on="source")},
            "location": {"past": ost.State((), on="source")},
            "vector": {"s": ost.State(2, on="source")},
            "both": {"s": ost.State((), on="source"), "past": ost.State((), on="source")},
        }[self.kind]
        return {**of, "h": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any, memory: Any) -> Any:
        own = p.W_q @ state.h + p.W_k @ memory.source
        if self.kind in ("coverage", "both", "unchanged"):
            own = own + p.W_s * state.s
        if self.kind == "vector":
            own = own + p.W_s @ state.s
        if self.kind in ("location", "both"):
            own = own + p.W_l @ ops.entries.window(state.past, 1)
        weights = ops.entries.softmax(ops.dot(p.v, ops.tanh(own)))
        context = ops.entries.sum(weights * memory.source)
        h = ops.tanh(p.W_x @ x + p.W_c @ context + p.W_h @ state.h)
        new = {"h": h}
        if self.kind in ("coverage", "both"):
            new["s"] = state.s + weights
        if self.kind == "unchanged":
            new["s"] = state.s
        if self.kind == "vector":
            new["s"] = ops.tanh(p.U @ state.s + weights * (p.W_m @ memory.source))
        if self.kind in ("location", "both"):
            new["past"] = weights
        return h, new
