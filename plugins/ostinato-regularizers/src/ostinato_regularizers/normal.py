"""Normal numbers from ostinato's uniform ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ostinato import ConfigError
from ostinato.ops import cos, log, sqrt


def normal(noise: Any, shape: Sequence[int], per: str = "step") -> Any:
    """Draw numbers of mean 0 and variance 1. Source: Box and Muller 1958; the largest is 5.8."""
    # 1 - u is in (0, 1], so its logarithm is finite.
    radius = sqrt(-2 * log(1 - noise.uniform(shape, per)))
    return radius * cos(2 * math.pi * noise.uniform(shape, per))


def positive(owner: str, name: str, value: Any, *, zero: bool = True) -> float:
    """Return a finite number of at least 0, without `zero` above 0; raise ConfigError for another."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
    if not is_number or not (value or zero):
        expected = "a number of at least 0" if zero else "a number above 0"
        raise ConfigError(f"regularizer {owner!r}: {name} is {value!r}; expected {expected}")
    return float(value)
