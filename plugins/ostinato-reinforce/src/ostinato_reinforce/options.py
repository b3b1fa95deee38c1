"""Checks of options that the estimators share."""

from __future__ import annotations

import math
from typing import Any, Final

from ostinato import ConfigError

MOST: Final = 10_000
"""Sequences drawn for a row: memory and time grow with them."""


def is_number(value: Any) -> bool:
    """Whether it is a finite number, and no bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def number(owner: str, name: str, value: Any, *, above: float | None = None, below: float = math.inf) -> None:
    """Raises ConfigError for what is no finite number from 0, or above a limit, and below another."""
    if not is_number(value) or not 0 <= value < below or value == above:
        low = "from 0" if above is None else f"above {above:g}"
        more = f" and below {below:g}" if below < math.inf else ""
        raise ConfigError(f"{owner}: {name} is {value!r}; expected a number {low}{more}")


def whole(owner: str, name: str, value: Any, least: int, reason: str = "") -> None:
    """Raises ConfigError for what is no integer from `least` to MOST."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"{owner}: {name} is {value!r}; expected an integer from {least}{reason}")
    if value > MOST:
        raise ConfigError(f"{owner}: {name} is {value!r}; expected at most {MOST}")
