"""Cells that stacks and decoders are made of, or refuse."""

from __future__ import annotations

from typing import Any

import ostinato as ost
from ostinato import ops


class Reads(ost.Cell):
    """h' = tanh(U h + W [x; the mean of the memory]); its memory has `width` features."""

    def __init__(self, *, memory: str = "source", width: int = 2) -> None:
        self.memory, self.width = memory, width

    def memories(self, size: Any) -> dict[str, ost.Memory]:
        return {self.memory: ost.Memory(self.width)}

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        return {
            "W": ost.Param((size.hidden, size.input + self.width)),
            "U": ost.Param((size.hidden, size.hidden)),
        }

    def state(self, size: Any) -> dict[str, ost.State]:
        return {"h": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any, memory: Any) -> Any:
        mean = ops.entries.mean(memory[self.memory])
        h = ops.tanh(p.W @ ops.concat([x, mean]) + p.U @ state.h)
        return h, {"h": h}


class Feeds(ost.Cell):
    """Its state has the name of what a decoder feeds."""

    def state(self, size: Any) -> dict[str, ost.State]:
        return {"h": ost.State(size.hidden), "feed": ost.State(1)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        h = state.h + ops.sum(x)
        return h, {"h": h, "feed": state.feed}


class Remembers(ost.Cell):
    """Its state has the name of what a decoder keeps of its weights."""

    def state(self, size: Any) -> dict[str, ost.State]:
        return {"h": ost.State(size.hidden), "past_weights": ost.State(1)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        h = state.h + ops.sum(x)
        return h, {"h": h, "past_weights": state.past_weights}


class Wide(ost.Cell):
    """Its state is as wide as its input."""

    def state(self, size: Any) -> dict[str, ost.State]:
        return {"h": ost.State(size.input)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        return state.h, {"h": 0.5 * state.h + x}


class Matrix(ost.Cell):
    """Its state "h" is a matrix."""

    def state(self, size: Any) -> dict[str, ost.State]:
        return {"h": ost.State((2, size.hidden))}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        h = 0.5 * state.h + ops.sum(x)
        return h[0], {"h": h}


class InPython(ost.Cell):
    """Its step cannot be traced, and runs in Python."""

    def state(self, size: Any) -> dict[str, ost.State]:
        return {"h": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        h = state.h + float(x[0])
        return h, {"h": h}

    def vjp(self, x: Any, state: Any, p: Any, d_output: Any, d_state: Any) -> Any:
        d = d_output + d_state["h"]
        return 0 * x, {"h": d}, {}


class Sums(ost.Cell):
    """A readout with a state: the sum of what it has read."""

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        return {"W": ost.Param((3, size.input))}

    def state(self, size: Any) -> dict[str, ost.State]:
        return {"total": ost.State(3)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        total = ops.tanh(state.total + p.W @ x)
        return total, {"total": total}
