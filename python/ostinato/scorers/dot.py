"""The dot product as a scorer."""

from __future__ import annotations

from typing import Any

from ostinato.ops import dot
from ostinato.scorer import Scorer


class Dot(Scorer):
    """query . key, of the same width. No parameters.

    Source: Luong et al. 2015, "Effective approaches to attention-based neural machine translation", eq. 8.
    """

    name = "dot"

    def step(self, query: Any, key: Any, p: Any, place: Any) -> Any:
        """Return the score."""
        return dot(query, key)
