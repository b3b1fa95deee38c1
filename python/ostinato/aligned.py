"""Arrays that begin on a cache line, so that the engine's vector loads do not cross one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

LINE = 64
"""Bytes."""


def aligned_zeros(shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
    """A zeroed, C-contiguous array that starts at a multiple of 64 bytes."""
    size, kind = math.prod(shape), np.dtype(dtype)
    raw = np.zeros(size + LINE // kind.itemsize, dtype=kind)
    start = (-raw.ctypes.data % LINE) // kind.itemsize
    return raw[start : start + size].reshape(tuple(shape))
