"""Gaussian noise on the input."""

from __future__ import annotations

from typing import Any

from ostinato import Regularizer
from ostinato_regularizers.positive import positive


class GaussianNoise(Regularizer):
    """Training adds normal numbers of deviation `std` to the input, new at every step.

    std: at least 0. In inference nothing is added. Raises ConfigError for another std. Source: Bishop 1995,
    "Training with noise is equivalent to Tikhonov regularization".
    """

    name = "gaussian_noise"

    def __init__(self, std: float = 0.1) -> None:
        self.std = positive("gaussian_noise", "std", std)

    def input(self, x: Any, noise: Any) -> Any:
        """Return the input with noise."""
        if not noise.training or not self.std:
            return x
        return x + self.std * noise.normal(x.shape)
