"""Checks of numbers."""

from __future__ import annotations

import math
from typing import Any

from ostinato import ConfigError


def positive(owner: str, name: str, value: Any, *, zero: bool = True) -> float:
    """Return a finite number of at least 0, without `zero` above 0; raise ConfigError for another."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
    if not is_number or not (value or zero):
        expected = "a number of at least 0" if zero else "a number above 0"
        raise ConfigError(f"regularizer {owner!r}: {name} is {value!r}; expected {expected}")
    return float(value)
