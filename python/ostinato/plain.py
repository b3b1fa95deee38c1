"""Copies of plain data: numbers, text, arrays, and containers of them."""

from __future__ import annotations

from typing import Any

import numpy as np


def plain_copy(value: Any) -> Any:
    """A copy that later changes of `value` do not reach; other objects than plain data are the same in it."""
    if isinstance(value, np.ndarray):
        return value.copy()
    kind = type(value)
    if kind is dict:
        return {key: plain_copy(one) for key, one in value.items()}
    if kind in (list, tuple, set):
        return kind(plain_copy(one) for one in value)
    return value
