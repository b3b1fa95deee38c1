"""A column of a caller: a list, an array, or a table of pandas or polars."""

from __future__ import annotations

from typing import Any

from ostinato.sequences.arrays import Array, as_array
from ostinato.sequences.containers import is_frame, is_series


def read_column(owner: str, name: str, given: Any) -> Array:
    """Anything as an array of its own type; also texts and objects. Raises ShapeError, DTypeError."""
    if is_frame(given) or is_series(given):
        given = given.to_numpy()
    return as_array(f"{owner}: {name}", given)
