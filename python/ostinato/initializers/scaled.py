"""Initializers scaled by the number of inputs of each unit: uniform and scaled_normal."""

from __future__ import annotations

import numpy as np

from ostinato.checks import number
from ostinato.initializers.initializer import Floats, Initializer


class Uniform(Initializer):
    """Uniform in +-bound; by default +-1 / sqrt(n), n the size of the last axis.

    That is 1 / sqrt(H) for a recurrent matrix (.., H) and a bias (H,). PyTorch uses 1 / sqrt(H) for every
    weight of its recurrent layers, also of the input: pass `bound=1 / H**0.5` for this.
    """

    examples = ({}, {"bound": 0.3})

    def __init__(self, *, bound: float | None = None) -> None:
        """Draw from -bound to bound, at least 0."""
        self.bound = None if bound is None else number("initializer 'uniform'", "bound", bound, at_least=0)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return values of any shape."""
        bound = 1.0 / np.sqrt(shape[-1]) if self.bound is None else self.bound
        return rng.uniform(-bound, bound, shape)


class ScaledNormal(Initializer):
    """Normal with variance 1 / n, n the size of the last axis: 1 / n_h for a recurrent matrix (.., n_h)."""

    name = "scaled_normal"

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return values of any shape."""
        return rng.normal(0.0, 1.0 / np.sqrt(shape[-1]), shape)
