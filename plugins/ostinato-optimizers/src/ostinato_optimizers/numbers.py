"""Checks of the options of an optimizer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ostinato import ConfigError


def number(
    owner: str, name: str, value: Any, *, least: float = 0.0, below: float = math.inf, most: float = math.inf
) -> float:
    """Return a finite number in a range; raise ConfigError for anything else."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not least <= value < below or value > most:
        top = (
            f" and below {below:g}"
            if below < math.inf
            else f" and at most {most:g}"
            if most < math.inf
            else ""
        )
        raise ConfigError(
            f"optimizer {owner!r}: {name} is {value!r}; expected a finite number of at least {least:g}{top}"
        )
    return float(value)


def pair(owner: str, name: str, value: Any, *, below: float = math.inf) -> tuple[float, float]:
    """Return two numbers of at least 0; raise ConfigError for anything else."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise ConfigError(f"optimizer {owner!r}: {name} is {value!r}; expected two numbers")
    first, second = (number(owner, f"{name}[{n}]", one, below=below) for n, one in enumerate(value))
    return first, second
