"""Matrices of bounded spectral norm."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import ConfigError, Regularizer
from ostinato.ops import concat, maximum, sqrt, sum
from ostinato_regularizers.chosen import is_chosen, pattern
from ostinato_regularizers.positive import positive

# A norm below it counts as this: a matrix of zeros stays one.
SMALLEST = 1e-15
# Numbers of the vector from which the iteration starts; they repeat in a wider one.
START = np.random.default_rng(0).normal(size=256)


class SpectralNorm(Regularizer):
    """Uses `norm W / s` instead of W, where s is the largest singular value of W.

    Each call computes s by power iteration from a fixed vector, once for all rows and steps, in training and
    in inference. s is at most the largest singular value, and close to it after many iterations, or if the
    next singular value is much smaller. The gradient is that of these equations; Miyato et al. take the
    singular vectors as constants, which is the same once the iteration has converged.

    norm: above 0. iterations: at least 1. weights: a pattern of the cell's own names, such as "weight_*";
    None means the matrices that multiply a state. Raises ConfigError for other options, and for a pattern
    without a matrix. Source: Miyato et al. 2018, "Spectral normalization for generative adversarial
    networks", algorithm 1.
    """

    name = "spectral_norm"
    examples = ({}, {"norm": 0.9, "iterations": 3, "weights": "*"})

    def __init__(self, norm: float = 1.0, iterations: int = 8, weights: str | None = None) -> None:
        self.norm = positive("spectral_norm", "norm", norm, zero=False)
        if isinstance(iterations, bool) or not isinstance(iterations, int) or iterations < 1:
            raise ConfigError(
                f"regularizer 'spectral_norm': iterations is {iterations!r}; expected a whole number from 1"
            )
        self.iterations, self.weights = iterations, pattern("spectral_norm", weights)

    def weight(self, name: str, weight: Any, noise: Any) -> Any:
        """Return the scaled matrix."""
        if not is_chosen(self, self.weights, name, noise):
            return weight
        return weight * (self.norm / maximum(self.value(weight), SMALLEST))

    def value(self, weight: Any) -> Any:
        """The largest singular value of a matrix (a, b), as one number."""
        right = _start(weight.shape[1])
        for _ in range(self.iterations):
            left = _unit(weight @ right)
            right = _unit(weight.T @ left)
        return left @ (weight @ right)


def _start(width: int) -> Any:
    parts = [START[: min(int(width) - at, len(START))] for at in range(0, int(width), len(START))]
    return parts[0] if len(parts) == 1 else concat(parts)


def _unit(v: Any) -> Any:
    return v / sqrt(sum(v * v) + SMALLEST**2)
