"""How a gradient goes back through time: an argument of `run` and `value_and_grad`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ostinato.errors import ConfigError


@dataclass(frozen=True)
class FullBPTT:
    """Back through every time step of the batch. The default.

    Source: Werbos 1990, "Backpropagation through time: what it does and how to do it".
    """


def check_through_time(value: Any) -> FullBPTT:
    """None means FullBPTT(). Raises ConfigError for anything that is not a way through time."""
    if value is None:
        return FullBPTT()
    if isinstance(value, FullBPTT):
        return value
    raise ConfigError(f"through_time is {value!r}; expected FullBPTT() or None")
