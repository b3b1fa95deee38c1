"""`Pointer`: a head that writes symbols of its own, or copies those of the source."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import ops
from ostinato.cell import Cell, Const, Memory, Param, State
from ostinato.dims import Dim
from ostinato.namespace import Names
from ostinato.ops import Value

SMALLEST = 1e-10
"""Added to each probability, so that its logarithm is finite."""


class Pointer(Cell):
    """Logarithms of probabilities (V,): a mixture of a softmax and of the symbols of the source.

        a = softmax over the entries of v^T tanh(W_q x + W_k source)
        p = g * softmax(W x + b) + (1 - g) * sum of a_s over the entries with the id,    g = sigmoid(w x + c)

    x (F,) is the output of a decoder. The memory "source" (S, width + 1) has what the encoder returned, and
    the id of each entry among the V ids. Source: Gulcehre et al. 2016, "Pointing the unknown words"; See et
    al. 2017, "Get to the point", eq. 8-9.
    """

    name = "pointer"

    def __init__(self, ids: int, width: int) -> None:
        """Choose V, and the features of what the encoder returns."""
        self.ids, self.width = ids, width

    def memories(self, size: Names[Dim]) -> dict[str, Memory]:
        """Return the encoded source, and the id of each of its symbols."""
        return {"source": Memory(self.width + 1)}

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return those of the softmax, of the attention and of the gate."""
        return {
            "weight": Param((self.ids, size.input), init="xavier_uniform"),
            "bias": Param((self.ids,), init="zeros"),
            "W_q": Param((size.hidden, size.input), init="xavier_uniform"),
            "W_k": Param((size.hidden, self.width), init="xavier_uniform"),
            "v": Param((size.hidden,), init="uniform"),
            "gate": Param((1, size.input), init="zeros"),
            "gate_bias": Param((1,), init="ones"),
            "places": Const(np.arange(self.ids)),
        }

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return no state."""
        return {}

    def step(
        self, x: Value, state: Names[Value], p: Names[Value], memory: Any
    ) -> tuple[Value, dict[str, Value]]:
        """Return the logarithms."""
        encoded, place = memory.source[: self.width], memory.source[self.width]
        score = ops.dot(p.v, ops.tanh(p.W_q @ x + p.W_k @ encoded))
        weight = ops.entries.softmax(score)
        same = ops.where(ops.equal(place, p.places), 1.0, 0.0)
        copied = ops.entries.sum(weight * same)
        own = ops.sigmoid((p.gate @ x + p.gate_bias)[0])
        mixed = own * ops.softmax(p.weight @ x + p.bias) + (1.0 - own) * copied
        return ops.log(mixed + SMALLEST), {}
