"""The levels of quantiles: between 0 and 1, rising, the median among them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, shown


def read_levels(owner: str, given: object) -> tuple[float, ...]:
    """The argument `quantiles` of an estimator. Raises ConfigError."""
    if not isinstance(given, (list, tuple, np.ndarray)) or np.ndim(given) != 1 or not len(given):
        raise ConfigError(f"{owner}: quantiles is {shown(given)}; expected a list of numbers in 0..1")
    levels = tuple(
        checks.number(owner, f"quantiles[{place}]", one, above=0.0, below=1.0)
        for place, one in enumerate(given)
    )
    if list(levels) != sorted(set(levels)):
        raise ConfigError(f"{owner}: quantiles is {shown(given)}; expected rising numbers")
    if not any(math.isclose(one, 0.5) for one in levels):
        raise ConfigError(
            f"{owner}: quantiles is {shown(given)}, without 0.5, the median, which predict returns; "
            "expected 0.5 among them"
        )
    return levels


def middle(levels: Sequence[float]) -> int:
    """The place of the median."""
    return int(np.abs(np.array(levels) - 0.5).argmin())
