"""Byte budgets as people write them."""

from __future__ import annotations

import re
from typing import Any, Final

from ostinato import _core, checks
from ostinato.errors import ConfigError, shown

# What the core can count to; a larger number means the same.
LARGEST: Final = 2**62
UNITS: Final = {
    "%": 10_000,  # millionths
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
}


def read_budget(value: Any) -> _core.Budget:
    """The core's form of a budget: bytes, a share of the memory of full BPTT, or segments of sqrt(T) steps.

    Budget.bytes(67108864) for 67108864 or "64MiB", Budget.share(50000) for "5%", Budget.square_root() for
    "sqrt". Raises ConfigError.
    """
    if not isinstance(value, str):
        whole = checks.whole("CheckpointedBPTT", "budget", value, at_least=1)
        return _core.Budget.bytes(min(whole, LARGEST))
    if value == "sqrt":
        return _core.Budget.square_root()
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([A-Z]+|%)", value.strip().upper())
    count = float(found[1]) * UNITS.get(found[2], 0) if found else 0
    if found is None or count < 1 or (found[2] == "%" and float(found[1]) > 100):
        raise ConfigError(
            f"CheckpointedBPTT: budget is {shown(value)}; "
            'expected bytes such as 64000000, "64MB", "64MiB", a share of full BPTT such as "5%", or "sqrt"'
        )
    make = _core.Budget.share if found[2] == "%" else _core.Budget.bytes
    return make(min(int(count), LARGEST))
