"""Checks of constructor arguments of networks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, shown

DTYPES: Final = ("float32", "float64")

DEEPEST_NETWORK: Final = 64
"""Networks within networks; a model file holds as many."""

MOST_IDS: Final = 2**24
"""Rows of a table: float32 counts them without a gap."""


def size(layer: str, name: str, value: Any) -> int:
    """A number of features, units, layers or ids: 1 to 2**31 - 1. Raises ConfigError."""
    return checks.count(layer, name, value, at_least=1)


def ids(layer: str, name: str, value: Any) -> int:
    """A number of ids: 1 to 2**24, the rows of a table. Raises ConfigError."""
    found = size(layer, name, value)
    if found > MOST_IDS:
        raise ConfigError(f"{layer}: {name} is {found}; expected at most {MOST_IDS}")
    return found


def depth(net: object, inside: Iterable[object]) -> int:
    """How many networks are within each other, with this one. Raises ConfigError for too many."""
    deepest = 1 + max((getattr(one, "_depth", 1) for one in inside), default=0)
    if deepest > DEEPEST_NETWORK:
        raise ConfigError(
            f"{type(net).__name__}: {deepest} networks within each other; expected at most "
            f"{DEEPEST_NETWORK}. Put the layers into one Sequential"
        )
    return deepest


def dtype_name(layer: str, value: Any) -> str:
    """`float32` or `float64`, from a name, a NumPy type or a dtype. Raises ConfigError."""
    try:
        name = np.dtype(value).name if isinstance(value, (str, type, np.dtype)) else ""
    except (TypeError, ValueError):
        name = ""
    if name not in DTYPES:
        raise ConfigError(f"{layer}: dtype is {shown(value)}; expected one of {', '.join(DTYPES)}")
    return name
