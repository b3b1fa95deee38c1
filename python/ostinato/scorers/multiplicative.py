"""The multiplicative scorer."""

from __future__ import annotations

from typing import Any

from ostinato.cell import Param
from ostinato.ops import dot
from ostinato.scorer import Scorer


class Multiplicative(Scorer):
    """query . W key: a bilinear form.

    Source: Luong et al. 2015, "Effective approaches to attention-based neural machine translation", eq. 8,
    "general".
    """

    name = "multiplicative"

    def parameters(self, size: Any) -> dict[str, Param]:
        """One matrix (Q, K)."""
        return {"weight": Param((size.query, size.key))}

    def step(self, query: Any, key: Any, p: Any, place: Any) -> Any:
        """Return the score."""
        return dot(query, p.weight @ key)
