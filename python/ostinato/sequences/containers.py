"""The containers in which people have rows: lists, arrays of objects, tables of pandas, generators.

Tables are known by their methods, so that nothing is imported for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard

import numpy as np

from ostinato.errors import DTypeError, a_type, shown


def is_frame(value: Any) -> TypeGuard[Any]:
    """Whether this is a table with named columns, such as a DataFrame of pandas or polars."""
    return hasattr(value, "columns") and hasattr(value, "to_numpy") and hasattr(value, "dtypes")


def is_series(value: Any) -> TypeGuard[Any]:
    """Whether this is one column of a table, such as a Series of pandas or polars."""
    return hasattr(value, "to_numpy") and hasattr(value, "dtype") and not hasattr(value, "columns")


def rows_in(name: str, value: Any) -> Any:
    """A list of the rows, if `value` is an array or a Series of objects that are rows; otherwise `value`.

    Raises DTypeError for an iterator, which is used up after one pass.
    """
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, np.ndarray):
        is_rows = value.dtype == object and value.ndim == 1 and _holds_rows(value)
        return list(value) if is_rows else value
    if is_series(value):
        return list(value) if _kind(value.dtype) not in "biuf" and _holds_rows(value) else value
    if isinstance(value, Iterator):
        raise DTypeError(f"{name} is {a_type(value)}, which is used up after one pass; write list(...)")
    return value


def from_table(name: str, value: Any) -> Any:
    """The numbers of a table or of one of its columns as an array; anything else as it is.

    Raises DTypeError that names a column without numbers.
    """
    if is_frame(value):
        columns = list(value.columns)
        kinds = [_kind(one) for one in value.dtypes]
        for column, kind, dtype in zip(columns, kinds, value.dtypes, strict=True):
            if kind not in "biuf":
                raise DTypeError(
                    f"{name}: the column {shown(column)} has dtype {dtype}; expected numbers: leave the "
                    "column out, "
                    "or encode it as numbers"
                )
        array = value.to_numpy()
        return array if array.dtype != object else _with_gaps(value)
    if is_series(value):
        array = value.to_numpy()
        return _with_gaps(value) if array.dtype == object and _kind(value.dtype) in "biuf" else array
    return value


def listed(value: Any) -> bool:
    """Whether `list(value)` would make rows of this."""
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes, dict, set, frozenset))


def _with_gaps(value: Any) -> Any:
    """Columns that may have missing values, which become NaN."""
    return value.to_numpy(dtype="float64", na_value=np.nan)


def _kind(dtype: Any) -> str:
    """NumPy's letter for a kind of numbers, also of pandas' and polars' own types; "O" for others."""
    kind = getattr(dtype, "kind", None)
    if isinstance(kind, str) and kind:
        return kind
    is_numeric = getattr(dtype, "is_numeric", None)
    return "f" if callable(is_numeric) and is_numeric() else "O"


def _holds_rows(values: Any) -> bool:
    return len(values) > 0 and all(np.ndim(one) > 0 or is_frame(one) for one in values)
