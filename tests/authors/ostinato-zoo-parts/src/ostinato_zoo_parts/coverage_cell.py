"""A recurrent cell whose attention counts what it has read."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Memory, Param, State
from ostinato.ops import dot, entries, tanh


class CoverageCell(Cell):
    """h' = tanh(W x + U h + C context); the scores read the sum of all weights so far, for each entry.

    Source: Tu et al. 2016, "Modeling coverage for neural machine translation", eq. 6 and 8.
    """

    name = "coverage_cell"

    def __init__(self, source: int = 3) -> None:
        self.source = source

    def sizes(self, size: Any) -> dict[str, int]:
        return {"source": self.source}

    def memories(self, size: Any) -> dict[str, Memory]:
        return {"source": Memory(size.source)}

    def parameters(self, size: Any) -> dict[str, Param]:
        h, m = size.hidden, size.source
        return {
            **{"W": Param((h, size.input)), "U": Param((h, h)), "C": Param((h, m))},
            **{
                "W_q": Param((h, h)),
                "W_k": Param((h, m)),
                "c": Param((h,), "uniform"),
                "v": Param((h,), "uniform"),
            },
        }

    def state(self, size: Any) -> dict[str, State]:
        return {"h": State(size.hidden), "read": State((), on="source")}

    def step(self, x: Any, state: Any, p: Any, memory: Any) -> tuple[Any, dict[str, Any]]:
        score = dot(p.v, tanh(p.W_q @ state.h + p.W_k @ memory.source + p.c * state.read))
        weight = entries.softmax(score)
        h = tanh(p.W @ x + p.U @ state.h + p.C @ entries.sum(weight * memory.source))
        return h, {"h": h, "read": state.read + weight}
