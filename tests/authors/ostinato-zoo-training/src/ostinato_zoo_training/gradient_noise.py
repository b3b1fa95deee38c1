"""Noise on gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import Callback, hookimpl


class GradientNoise(Callback):
    """Adds normal numbers of the variance eta / (1 + step)^0.55 to all gradients.

    Source: Neelakantan et al. 2015, "Adding gradient noise improves learning for very deep networks", eq. 1.
    """

    name = "gradient_noise"

    def __init__(self, eta: float = 0.01, seed: int = 0) -> None:
        self.eta, self.seed = eta, seed

    @hookimpl
    def ostinato_after_backward(self, step: int, grads: Any) -> None:
        """Add the noise of the step."""
        rng = np.random.default_rng([self.seed, step])
        grads.arena[...] += np.sqrt(self.eta / (1 + step) ** 0.55) * rng.normal(size=grads.arena.shape)
