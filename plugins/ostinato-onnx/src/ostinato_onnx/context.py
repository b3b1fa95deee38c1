"""`Context`: what the ONNX expression of an op may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ostinato import ConfigError
from ostinato_onnx.emitter import Emitter
from ostinato_onnx.value import Dims, Shape, Value, aligned, expanded, joined

Expression = Callable[["Context", Mapping[str, Any], "list[Value]"], Value]


@dataclass
class Context:
    """Emits the ops of one step program.

    g: the graph that nodes are added to. where: the program in messages. sizes: the sizes in the texts of
    dimensions. masks: for each memory's axis the valid entries, (N, S), or None if all are; counts: how many
    entries there are, floats (N,). steps: the axis of the steps. logits: the operands of sigmoids.
    """

    g: Emitter
    dims: Dims
    where: str
    sizes: Mapping[str, int]
    masks: Mapping[str, str | None]
    counts: Mapping[str, str]
    steps: str
    logits: dict[str, Value] = field(default_factory=dict)

    def shape(self, dims: Sequence[str]) -> Shape:
        """The numbers of dimensions such as "4*hidden"."""
        return tuple(dimension(text, self.sizes) for text in dims)

    def elementwise(self, kind: str, args: Sequence[Value], **attributes: Any) -> Value:
        """A node whose operands broadcast as in NumPy."""
        lead, entries = joined(args)
        shape = np.broadcast_shapes(*(one.shape for one in args))
        names = [aligned(self.g, one, lead, len(shape)) for one in args]
        return Value(self.g.op(kind, *names, **attributes), lead, shape, entries)

    def number(self, value: float) -> Value:
        """A number of the network's float type."""
        return Value(self.g.number(value), "", ())

    def like(self, value: Value, kind: str, *more: str, **attributes: Any) -> Value:
        """A node of one operand and of its shape."""
        return replace(value, name=self.g.op(kind, value.name, *more, **attributes), truth=None)

    def like_where(self, truth: str, a: Value, b: Value) -> Value:
        """Select a where `truth`, else b; one of the two has the shape of the result."""
        of = a if len(a.lead) >= len(b.lead) else b
        return replace(of, name=self.g.op("Where", truth, a.name, b.name), truth=None)

    def full(self, value: Value, lead: str, entries: str | None) -> Value:
        """The value repeated along all axes of `lead`."""
        return expanded(self.g, self.dims, value, lead, entries, self.steps)

    def reduce(self, kind: str, value: Value, keepdims: bool) -> Value:
        """A reduction over the last axis of the feature."""
        name = self.g.op(kind, value.name, self.g.ints(-1), keepdims=int(keepdims))
        shape = (*value.shape[:-1], 1) if keepdims else value.shape[:-1]
        return replace(value, name=name, shape=shape, truth=None)

    def refused(self, what: str, instead: str) -> ConfigError:
        """The error for something that ONNX cannot express."""
        return ConfigError(f"{self.where}: {what} has no ONNX form; {instead}")


def dimension(text: str, sizes: Mapping[str, int]) -> int:
    """The number of a dimension such as "2*hidden+1"."""
    total = 0
    for term in text.replace("-", "+-").split("+"):
        sign, term = (-1, term[1:]) if term.startswith("-") else (1, term)
        if not term:
            continue
        factor, _, name = term.rpartition("*")
        value = int(name) if name.isdigit() else sizes[name]
        total += sign * value * (int(factor) if factor else 1)
    return total
