"""Sharpness-aware minimization."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import Estimator


class SAM(Estimator):
    """The loss and the gradient at the parameters moved by `rho` along their gradient.

    Source: Foret et al. 2021, "Sharpness-aware minimization", algorithm 1.
    """

    name = "sam"

    def __init__(self, rho: float = 0.05) -> None:
        self.rho = rho

    def estimate(self, core: Any, batch: Any) -> tuple[float, Any]:
        _, first = core.value_and_grad(batch)
        arena = core.net.arena
        before, step = arena.copy(), self.rho / (float(np.linalg.norm(first.arena)) + 1e-12)
        arena[...] += step * first.arena
        try:
            loss, slopes = core.value_and_grad(batch)
        finally:
            arena[...] = before
        return loss, slopes
