"""He (Kaiming) initializers: a ReLU layer preserves the variance of signals."""

from __future__ import annotations

import numpy as np

from ostinato.initializers.initializer import Floats, Initializer, fans


class HeUniform(Initializer):
    """Uniform in +-sqrt(6 / fan_in). Source: He et al. 2015, eq. 10."""

    name = "he_uniform"

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return a matrix (fan_out, fan_in)."""
        bound = np.sqrt(6.0 / fans(self.name, shape)[0])
        return rng.uniform(-bound, bound, shape)


class HeNormal(Initializer):
    """Normal with standard deviation sqrt(2 / fan_in). Source: He et al. 2015, eq. 10."""

    name = "he_normal"

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return a matrix (fan_out, fan_in)."""
        return rng.normal(0.0, np.sqrt(2.0 / fans(self.name, shape)[0]), shape)
