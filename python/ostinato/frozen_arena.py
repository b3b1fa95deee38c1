"""Arenas with frozen parameters: an optimizer leaves these ranges as they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""(start, stop) of each frozen parameter, in elements, sorted."""


class FrozenArena(np.ndarray[Any, Any]):
    """A view of an arena that knows which ranges are frozen, so that `Optimizer.step` can leave them out.

    A copy and a result of arithmetic know it too; a part, as an array of another shape, does not.
    """

    frozen: Ranges = ()

    def __array_finalize__(self, origin: Any) -> None:
        same = origin is not None and origin.shape == self.shape
        self.frozen = getattr(origin, "frozen", ()) if same else ()


def with_frozen(arena: NDArray[Any], ranges: Iterable[tuple[int, int]]) -> NDArray[Any]:
    """`arena` itself if nothing is frozen, else a view that knows the ranges."""
    frozen = tuple(sorted(ranges))
    if not frozen:
        return arena
    view = arena.view(FrozenArena)
    view.frozen = frozen
    return view


def trained_ranges(size: int, frozen: Ranges) -> list[tuple[int, int]]:
    """What is left of 0..size without `frozen`."""
    ranges: list[tuple[int, int]] = []
    start = 0
    for first, stop in sorted(frozen):
        if first > start:
            ranges.append((start, first))
        start = max(start, stop)
    if start < size:
        ranges.append((start, size))
    return ranges
