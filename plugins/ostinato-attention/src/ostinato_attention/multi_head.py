"""The multi-head scorer."""

from __future__ import annotations

import math
from typing import Any

from ostinato import ConfigError, Param, Scorer
from ostinato.ops import reshape, sum


class MultiHead(Scorer):
    """For each head, the scaled dot product of projections of query and key.

        score_h = (W_q,h query) . (W_k,h key) / sqrt(width)

    heads: how many; the memory's features are divided among them. width: of a head's projections; by default
    the key's width divided by heads. Raises ConfigError for numbers below 1. Source: Vaswani et al. 2017,
    "Attention is all you need", section 3.2.2; the projections of values and of the result are `Dense` layers
    around it.
    """

    name = "multi_head"

    examples = ({}, {"heads": 2, "width": 3})

    def __init__(self, heads: int = 4, width: int | None = None) -> None:
        for what, value in (("heads", heads), ("width", width)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ConfigError(f"scorer 'multi_head': {what} is {value!r}; expected at least 1")
        self.heads, self.width = heads, width

    def sizes(self, size: Any) -> dict[str, int]:
        """The width of a head, and of all of them."""
        width = self.width or max(1, int(size.key) // self.heads)
        return {"width": width, "all": self.heads * width}

    def parameters(self, size: Any) -> dict[str, Param]:
        """Matrices (heads * width, Q) and (heads * width, K)."""
        return {"weight_q": Param((size.all, size.query)), "weight_k": Param((size.all, size.key))}

    def step(self, query: Any, key: Any, p: Any, place: Any) -> Any:
        """Return the scores (heads,)."""
        products = (p.weight_q @ query) * (p.weight_k @ key)
        width = int(products.shape[0]) // self.heads
        return sum(reshape(products, (self.heads, width))) / math.sqrt(width)
