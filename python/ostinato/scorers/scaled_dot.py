"""The scaled dot product."""

from __future__ import annotations

import math
from typing import Any

from ostinato.ops import dot
from ostinato.scorer import Scorer


class ScaledDot(Scorer):
    """query . key / sqrt(width): the size of the scores does not depend on the width. No parameters.

    Source: Vaswani et al. 2017, "Attention is all you need", eq. 1.
    """

    name = "scaled_dot"

    def step(self, query: Any, key: Any, p: Any, place: Any) -> Any:
        """Return the score."""
        return dot(query, key) / math.sqrt(int(key.shape[0]))
