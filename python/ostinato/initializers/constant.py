"""Initializers that are not random: constant, zeros, ones, identity."""

from __future__ import annotations

import numpy as np

from ostinato.checks import number
from ostinato.initializers.initializer import Floats, Initializer, fans


class Constant(Initializer):
    """Every element is `value`."""

    examples = ({"value": 0.25},)

    def __init__(self, value: float) -> None:
        """Fill with `value`, a finite number."""
        self.value = number("initializer 'constant'", "value", value)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return the value in any shape."""
        return np.full(shape, self.value)


class Zeros(Initializer):
    """Every element is 0."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return zeros of any shape."""
        return np.zeros(shape)


class Ones(Initializer):
    """Every element is 1."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return ones of any shape."""
        return np.ones(shape)


class Identity(Initializer):
    """The identity matrix times scale: a ReLU recurrence starts by remembering. Source: Le et al. 2015."""

    examples = ({}, {"scale": 0.5})

    def __init__(self, *, scale: float = 1.0) -> None:
        """Put `scale`, a finite number, on the diagonal."""
        self.scale = number("initializer 'identity'", "scale", scale)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return a matrix (rows, columns), zero off its diagonal."""
        columns, rows = fans(self.name, shape)
        return self.scale * np.eye(rows, columns)
