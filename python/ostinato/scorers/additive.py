"""The additive scorer."""

from __future__ import annotations

from typing import Any

from ostinato.cell import Param
from ostinato.checks import whole
from ostinato.ops import dot, tanh
from ostinato.scorer import Scorer


class Additive(Scorer):
    """v . tanh(W_q query + W_k key): a small network.

    units: width of its hidden layer; by default the width of the key. Source: Bahdanau et al. 2015, "Neural
    machine translation by jointly learning to align and translate", appendix A.1.2, W_a and U_a there.
    """

    name = "additive"

    def __init__(self, units: int | None = None) -> None:
        self.units = None if units is None else whole("scorer 'additive'", "units", units, at_least=1)

    def sizes(self, size: Any) -> dict[str, int]:
        """The width of the hidden layer."""
        return {"units": self.units or int(size.key)}

    def parameters(self, size: Any) -> dict[str, Param]:
        """Matrices (U, Q) and (U, K), and v (U,)."""
        return {
            "weight_q": Param((size.units, size.query)),
            "weight_k": Param((size.units, size.key)),
            "v": Param((size.units,), init="uniform"),
        }

    def step(self, query: Any, key: Any, p: Any, place: Any) -> Any:
        """Return the score."""
        return dot(p.v, tanh(p.weight_q @ query + p.weight_k @ key))
