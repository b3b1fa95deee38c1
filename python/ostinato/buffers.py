"""Memory for the buffers of NumPy's loops, which end the process if there is none.

A loop over arrays that are not contiguous, or not of one shape and type, may copy blocks of them. NumPy 2.4
requests these buffers without the GIL and raises the MemoryError there, which is a crash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import numpy as np

R = TypeVar("R")

ROOM: Final = 4 * 8192 * 16
"""Bytes: for four arrays, 8,192 numbers of 16 bytes each."""


def buffered(work: Callable[[], R], *, results: int) -> R:
    """`work()`, a formula of NumPy with such loops, whose arrays take `results` bytes.

    Raises MemoryError before it starts if there is no room for them and the buffers.
    """
    np.empty(ROOM + results, np.uint8)  # freed directly, and then free for the formula
    return work()
