"""Reading one array that a caller gives: its type, with errors that name the argument."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato.buffers import buffered
from ostinato.errors import DTypeError, ShapeError, described, shown
from ostinato.sequences.containers import from_table, listed

Array = NDArray[Any]


def as_floats(name: str, value: Any, dtype: str) -> Array:
    """Any floating-point array as `dtype`, C-contiguous.

    Raises DTypeError for other kinds, ShapeError if ragged.
    """
    array = as_array(name, value)
    if array.dtype.kind not in "biuf":
        raise DTypeError(
            f"{name} is {_summary(value, array)}; expected an array of {dtype}{_listed(name, value, array)}"
        )
    if array.dtype.kind != "f":
        raise DTypeError(
            f"{name} has dtype {array.dtype}; expected {dtype}. "
            f"Convert it if numbers are meant: .astype({shown(dtype)})"
        )
    return plain(array, dtype)


def as_numbers(name: str, value: Any) -> Array:
    """Any array of integers or floats, as float64. Raises DTypeError for others, ShapeError if ragged."""
    array = as_array(name, value)
    if array.dtype.kind not in "iuf":
        raise DTypeError(f"{name} is {_summary(value, array)}; expected numbers")
    return array.astype(np.float64)


def as_integers(name: str, value: Any) -> Array:
    """Any integer array, in its own type. An empty list counts. Raises DTypeError for other kinds."""
    array = as_array(name, value)
    if array.dtype.kind in "iu":
        return array
    if array.size == 0 and not isinstance(value, np.ndarray):
        return array.astype(np.int64)
    got = f"has dtype {array.dtype}" if array.dtype != object else f"is {_summary(value, array)}"
    raise DTypeError(f"{name} {got}; expected integers{_listed(name, value, array)}")


def as_flags(name: str, value: Any) -> Array:
    """Any array of booleans, C-contiguous. An empty list counts. Raises DTypeError for other kinds."""
    array = as_array(name, value)
    if array.dtype.kind != "b" and (array.size or isinstance(value, np.ndarray)):
        got = f"has dtype {array.dtype}" if array.dtype != object else f"is {_summary(value, array)}"
        raise DTypeError(f"{name} {got}; expected booleans. Convert it: .astype(bool)")
    return np.asarray(array, dtype=np.bool_, order="C")


def plain(array: Array, dtype: str) -> Array:
    """The array as the core takes it: of this type, C-contiguous, aligned; itself where it is all that."""
    # ascontiguousarray would give a 0-d array an axis.
    made = np.asarray(array, dtype=dtype, order="C")
    return made if made.flags.aligned else made.copy()


def as_array(name: str, value: Any) -> Array:
    """Anything as an array of its own type. Raises ShapeError, DTypeError for what makes none."""
    if type(value) is np.ndarray:
        return value
    refuse_masked(name, value)
    value = from_table(name, value)
    try:
        return np.asarray(value)
    except (ValueError, OverflowError) as error:
        raise ShapeError(f"{name} is {shown(value)}, which makes no array: {error}") from error
    except Exception as error:
        raise DTypeError(f"{name} is {shown(value)}, which makes no array: {described(error)}") from error


def refuse_masked(name: str, value: Any) -> None:
    """Raises DTypeError for a masked array that masks something, also in a list: NumPy would read that."""
    parts = value if isinstance(value, (list, tuple)) else (value,)
    masks = [np.ma.getmaskarray(one) for one in parts if isinstance(one, np.ma.MaskedArray)]
    masked = sum(np.count_nonzero(one) for one in masks)
    if masked:
        raise DTypeError(
            f"{name} is a masked array with {masked} masked values; expected an array without a mask: "
            "numpy.ma.filled(values, numpy.nan) makes them missing values"
        )


def _summary(value: Any, array: Array) -> str:
    """What was given instead of numbers."""
    if isinstance(value, Mapping):
        return f"a {type(value).__name__}"
    if not isinstance(value, np.ndarray):
        return shown(value)
    rows = "; for rows of different lengths give a list of arrays" if array.dtype == object else ""
    return f"an array of {array.dtype}{rows}"


def _listed(name: str, value: Any, array: Array) -> str:
    """A hint for what holds numbers but is no sequence, as the end of a message."""
    return f"; write list({name})" if array.ndim == 0 and listed(value) else ""


def within(lengths: Array, steps: int) -> Array:
    """(N, steps) of booleans: the steps within the lengths (N,)."""
    ends = lengths.astype(np.int64, copy=False)[:, None]
    inside: Array = buffered(lambda: np.arange(steps) < ends, results=len(lengths) * steps + 8 * steps)
    return inside
