"""Gradient accumulation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import Estimator


class Accumulation(Estimator):
    """The gradient of a batch from parts of at most `rows` rows: the same number with less memory.

    Source: Ott et al. 2018, "Scaling neural machine translation", section 3.2.
    """

    name = "accumulation"

    def __init__(self, rows: int = 2) -> None:
        self.rows = rows

    def estimate(self, core: Any, batch: Any) -> tuple[float, Any]:
        if len(batch.counts) > 1:  # each output has a mean of its own
            return tuple(core.value_and_grad(batch))
        total, whole = 0.0, None
        for first in range(0, batch.rows, self.rows):
            part = batch.take(np.arange(first, min(first + self.rows, batch.rows)))
            if not part.count:
                continue
            loss, slopes = core.value_and_grad(part)
            share = part.count / batch.count
            total += share * loss
            slopes.arena[...] *= share
            if whole is None:
                whole = slopes
            else:
                whole.arena[...] += slopes.arena
        return (total, whole) if whole is not None else core.value_and_grad(batch)
