"""Parameters of an estimator at two fits: which of them differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def kept(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as they are now: lists and dicts are copied, their elements are not."""
    return {name: type(one)(one) if type(one) in (list, dict) else one for name, one in parameters.items()}


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The names, in order, whose values differ. What cannot be compared differs unless it is one object."""
    return [name for name, value in one.items() if not _equal(value, other.get(name))]


def _equal(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return bool(np.array_equal(one, other))
    try:
        return type(one) is type(other) and bool(one == other)
    except Exception:  # the truth of a comparison may be undefined
        return False
