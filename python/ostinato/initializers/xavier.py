"""Xavier (Glorot) initializers: a linear map preserves the variance of signals and gradients."""

from __future__ import annotations

import numpy as np

from ostinato.checks import number
from ostinato.initializers.initializer import Floats, Initializer, fans


class XavierUniform(Initializer):
    """Uniform in +-gain * sqrt(6 / (fan_in + fan_out)). Source: Glorot and Bengio 2010, eq. 16."""

    name = "xavier_uniform"

    def __init__(self, *, gain: float = 1.0) -> None:
        """Scale the values by `gain`, at least 0."""
        self.gain = number("initializer 'xavier_uniform'", "gain", gain, at_least=0)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return a matrix (fan_out, fan_in)."""
        bound = self.gain * np.sqrt(6.0 / sum(fans(self.name, shape)))
        return rng.uniform(-bound, bound, shape)


class XavierNormal(Initializer):
    """Normal with deviation gain * sqrt(2 / (fan_in + fan_out)). Source: Glorot and Bengio 2010, eq. 12."""

    name = "xavier_normal"

    def __init__(self, *, gain: float = 1.0) -> None:
        """Scale the values by `gain`, at least 0."""
        self.gain = number("initializer 'xavier_normal'", "gain", gain, at_least=0)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return a matrix (fan_out, fan_in)."""
        return rng.normal(0.0, self.gain * np.sqrt(2.0 / sum(fans(self.name, shape))), shape)
