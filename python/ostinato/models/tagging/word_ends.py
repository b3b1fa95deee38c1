"""`WordEnds`: the vectors of words, picked from states over their characters."""

from __future__ import annotations

from typing import Any

from ostinato import ops
from ostinato.cell import Cell, Memory, Param, State
from ostinato.dims import Dim
from ostinato.namespace import Names
from ostinato.ops import Value


class WordEnds(Cell):
    """Forward states at the last character of a word, backward states at the first one.

    x (2,) are the places of both characters, first and last, in the memory "characters", whose entries are
    the outputs [forward; backward] of a bidirectional layer, (2 hidden,). Output (2 hidden,).
    Source: Lample et al. 2016, "Neural architectures for named entity recognition", section 4.1.
    """

    name = "word_ends"

    def memories(self, size: Names[Dim]) -> dict[str, Memory]:
        """Return the states over the characters."""
        return {"characters": Memory(2 * size.hidden)}

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return no parameter."""
        return {}

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return no state."""
        return {}

    def step(
        self, x: Value, state: Names[Value], p: Names[Value], memory: Any
    ) -> tuple[Value, dict[str, Value]]:
        """Return the two states."""
        states = memory.characters
        half = int(states.shape[0]) // 2
        place = ops.entries.position(states)
        last = ops.entries.sum(ops.where(ops.equal(place, x[1]), 1.0, 0.0) * states[:half])
        first = ops.entries.sum(ops.where(ops.equal(place, x[0]), 1.0, 0.0) * states[half:])
        return ops.concat(last, first), {}
