"""Checks of constructor arguments of networks."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, shown

DTYPES: Final = ("float32", "float64")


def size(layer: str, name: str, value: Any) -> int:
    """A number of features, units, layers or ids: 1 to 2**31 - 1. Raises ConfigError."""
    return checks.count(layer, name, value, at_least=1)


def dtype_name(layer: str, value: Any) -> str:
    """`float32` or `float64`, from a name, a NumPy type or a dtype. Raises ConfigError."""
    try:
        name = np.dtype(value).name if isinstance(value, (str, type, np.dtype)) else ""
    except (TypeError, ValueError):
        name = ""
    if name not in DTYPES:
        raise ConfigError(f"{layer}: dtype is {shown(value)}; expected one of {', '.join(DTYPES)}")
    return name
