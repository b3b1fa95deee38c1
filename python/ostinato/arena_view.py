"""Arenas that know their parts: what is frozen, and what lies between the parameters and belongs to none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""(start, stop) of parts of an arena, in elements, sorted."""


class ArenaView(np.ndarray[Any, Any]):
    """A view of an arena that knows which ranges are frozen, so that `Optimizer.step` can leave them out.

    It knows its padding too: parameters begin on cache lines, and the numbers between them are no
    parameter's. A copy and a result of arithmetic know both; a part, as an array of another shape, does not.
    """

    frozen: Ranges = ()
    padding: Ranges = ()

    def __array_finalize__(self, origin: Any) -> None:
        same = origin is not None and origin.shape == self.shape
        self.frozen = getattr(origin, "frozen", ()) if same else ()
        self.padding = getattr(origin, "padding", ()) if same else ()

    def __array_wrap__(self, array: NDArray[Any], *_: Any) -> Any:
        # What is no arena any more, such as a sum or a comparison, is what NumPy gives for plain arrays.
        if array.shape != self.shape or array.dtype.kind != "f":
            return array[()]
        return arena_view(array, self.frozen, self.padding)


def arena_view(arena: NDArray[Any], frozen: Iterable[tuple[int, int]], padding: Ranges = ()) -> NDArray[Any]:
    """`arena` itself if nothing is frozen and there is no padding, else a view that knows the ranges."""
    known = tuple(sorted(frozen))
    if not known and not padding:
        return arena
    view = arena.view(ArenaView)
    view.frozen, view.padding = known, padding
    return view


def ranges_between(size: int, taken: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is left of 0..size without `taken`."""
    ranges: list[tuple[int, int]] = []
    start = 0
    for first, stop in sorted(taken):
        if first > start:
            ranges.append((start, first))
        start = max(start, stop)
    if start < size:
        ranges.append((start, size))
    return ranges


def written_padding(known: Iterable[Any], arrays: Iterable[NDArray[Any]]) -> Ranges:
    """The padding that one of `known` has, if one of `arrays`, laid out alike, holds a number there.

    Code that writes a whole arena writes there too. No norm counts the padding, and no step reads it.
    """
    padding: Ranges = next(filter(None, (getattr(one, "padding", ()) for one in known)), ())
    written = any(one[first:stop].any() for one in arrays for first, stop in padding)
    return padding if written else ()
