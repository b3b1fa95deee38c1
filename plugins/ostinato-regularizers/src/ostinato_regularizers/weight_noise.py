"""Gaussian noise on weights."""

from __future__ import annotations

from typing import Any

from ostinato import Regularizer
from ostinato_regularizers.positive import positive


class WeightNoise(Regularizer):
    """Training adds normal numbers of deviation `std` to every matrix, new at every call.

    std: at least 0. One set of numbers serves all rows and steps of a call; in inference nothing is added.
    Raises ConfigError for another std. Source: Graves 2011, "Practical variational inference for neural
    networks", section 3, with a fixed deviation; Graves et al. 2013 use 0.075.
    """

    name = "weight_noise"

    def __init__(self, std: float = 0.075) -> None:
        self.std = positive("weight_noise", "std", std)

    def weight(self, name: str, weight: Any, noise: Any) -> Any:
        """Return the matrix with noise."""
        if not noise.training or not self.std:
            return weight
        return weight + self.std * noise.normal(weight.shape, "weights")
