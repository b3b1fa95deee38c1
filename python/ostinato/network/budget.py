"""Byte budgets as people write them."""

from __future__ import annotations

import re
from typing import Any, Final

from ostinato import checks
from ostinato.errors import ConfigError

UNITS: Final = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def read_budget(value: Any) -> int | None:
    """Bytes of 67108864, "64MiB" or "1.5 GB"; None for "sqrt". Raises ConfigError."""
    if not isinstance(value, str):
        return checks.whole("CheckpointedBPTT", "budget", value, at_least=1)
    if value == "sqrt":
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([A-Z]+)", value.strip().upper())
    if found is None or found[2] not in UNITS or float(found[1]) * UNITS[found[2]] < 1:
        raise ConfigError(
            f"CheckpointedBPTT: budget is {value!r}; "
            'expected bytes such as 64000000, "64MB", "64MiB", or "sqrt"'
        )
    return int(float(found[1]) * UNITS[found[2]])
