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


def positive(owner: str, name: str, value: Any) -> float:
    """Return a number that is finite and at least 0; raise ConfigError for another."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ConfigError(f"regularizer {owner!r}: {name} is {value!r}; expected a number of at least 0")
    return float(value)
