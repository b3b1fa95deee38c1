"""Cells with a memory that are wrong in one way each, and words of the message of the check `memories`."""

from __future__ import annotations

from typing import Any

from ostinato import ops
from tests.entries.cells import Decoder


class Right(Decoder):
    """Attends at every step; it has no fault."""


class NoGradientToTheMemory(Right):
    def scores(self, h: Any, key: Any, p: Any) -> Any:
        return super().scores(h, ops.stop_gradient(key), p)


class MeanOfNoEntries(Right):
    def step(self, x: Any, state: Any, p: Any, memory: Any) -> Any:
        h, new = super().step(x, state, p, memory)
        mean = ops.entries.sum(memory.source) / ops.entries.count(memory.source)
        return h + ops.mean(mean), new


FAULTS = [
    (NoGradientToTheMemory, "memories", "Hint"),
    (MeanOfNoEntries, "memories", "the number of entries, which may be 0"),
]
