"""The base class of initializers."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ostinato.errors import ConfigError, shown
from ostinato.options import Configured

Floats = NDArray[np.float64]


class Initializer(Configured):
    """Makes the initial values of a parameter: `initializer(shape, rng)` is a float64 array of that shape."""

    kind: ClassVar[str] = "initializer"

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return values of this shape; random values are drawn from `rng`."""
        raise ConfigError(f"initializer {shown(self.name)} makes no values; write __call__(self, shape, rng)")


def fans(name: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (fan_in, fan_out) of a matrix (fan_out, fan_in); raise ConfigError for another rank."""
    if len(shape) != 2:
        raise ConfigError(
            f"initializer {shown(name)}: shape is {shape}; it is for matrices (out, in); "
            "for a vector use init='zeros', 'uniform' or a constant"
        )
    return shape[1], shape[0]
