"""Parameters of an estimator at two fits: which of them differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ostinato.sequences.arrays import Array


def kept(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as they are now: lists and dicts are copied, their elements are not."""
    return {name: type(one)(one) if type(one) in (list, dict) else one for name, one in parameters.items()}


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The names, in order, whose values differ. What cannot be compared differs unless it is one object."""
    return [name for name, value in one.items() if not equal(value, other.get(name))]


def equal(one: Any, other: Any) -> bool:
    """Whether two values are equal, also inside lists and dicts; NaN equals NaN."""
    if one is other:
        return True
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        try:
            return _equal_arrays(np.asarray(one), np.asarray(other))
        except Exception:  # a list of rows of different lengths is no array
            return False
    if type(one) is not type(other):
        return False
    if type(one) in (list, tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    if type(one) is dict:
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    try:
        is_nan = isinstance(one, (float, np.floating)) and one != one and other != other
        return bool(is_nan or one == other)
    except Exception:  # the truth of a comparison may be undefined
        return False


def _equal_arrays(one: Array, other: Array) -> bool:
    floats = one.dtype.kind in "fc" and other.dtype.kind in "fc"
    return bool(np.array_equal(one, other, equal_nan=floats))
