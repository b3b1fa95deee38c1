"""A caller's series for a forecaster: their names and values."""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ostinato.errors import ConfigError, DTypeError, ShapeError, shown
from ostinato.models.reading.size import check_size
from ostinato.sequences.arrays import Array, as_numbers
from ostinato.sequences.containers import from_table, is_frame, is_series
from ostinato.suggest import did_you_mean


def read_series(owner: str, given: Any, name: str = "y", least: int = 2) -> tuple[list[Any], list[Array]]:
    """The ids and the values (n,) float64 of each series, NaN where a value is missing.

    given: a list of arrays (n,); a dict of them by id (text or integer); a table, whose columns are series
    by their names; an array (series, n); or an array (n,), one series. The ids of a list are 0, 1, ... Raises
    ShapeError, DTypeError, ConfigError that name the series and the place.
    """
    if is_frame(given):
        given = _columns(owner, name, given)
    if is_series(given):
        given = from_table(f"{owner}: {name}", given)
    if isinstance(given, Mapping):
        ids = [_id(owner, name, one) for one in given]
        check_ids(owner, name, ids)
        parts = [from_table(f"{owner}: {name}[{one!r}]", part) for one, part in given.items()]
    else:
        if isinstance(given, np.ndarray) and given.dtype != object:
            if given.ndim not in (1, 2):
                raise ShapeError(f"{owner}: {name} is {given.shape}; expected (n,) or (series, n)")
            parts = [given] if given.ndim == 1 else list(given)
        elif isinstance(given, (list, tuple, np.ndarray)):
            parts = [given] if given is not None and _are_numbers(given) else list(given)
        else:
            raise DTypeError(
                f"{owner}: {name} is {shown(given)}; expected a list of arrays, one for each series, a dict "
                "or a table"
            )
        ids = list(range(len(parts)))
    if not parts:
        raise ShapeError(f"{owner}: {name} has no series; expected at least one")
    return ids, [
        read_values(f"{owner}: {name}[{one!r}]", part, least) for one, part in zip(ids, parts, strict=True)
    ]


def _columns(owner: str, name: str, table: Any) -> dict[Any, Any]:
    """The columns of a table by their names. Raises ConfigError for a name of two columns."""
    names = list(table.columns)
    for place, one in enumerate(names):
        if one in names[:place]:
            raise ConfigError(f"{owner}: {name} has two columns {shown(one)}; expected other names")
    return {one: table[one] for one in names}


def _id(owner: str, name: str, one: Any) -> str | int:
    """An id; an integer of NumPy is an integer. Raises DTypeError."""
    if isinstance(one, str):
        return one
    if isinstance(one, (int, np.integer)) and not isinstance(one, bool):
        return operator.index(one)
    raise DTypeError(f"{owner}: {name} has the id {shown(one)}; expected texts or integers")


def check_ids(owner: str, name: str, ids: Collection[Any]) -> None:
    """Raises ConfigError for an integer and a text that print alike, and for a text that ends with NUL."""
    for one in ids:
        if isinstance(one, str) and one.endswith("\0"):
            raise ConfigError(
                f"{owner}: {name} has the id {shown(one)}, which ends with NUL; arrays of NumPy cut that "
                "off; expected another name"
            )
        if isinstance(one, int) and str(one) in ids:
            raise ConfigError(
                f"{owner}: {name} has the ids {shown(one)} and {shown(str(one))}, which print alike; "
                "expected other names"
            )


def _are_numbers(given: Any) -> bool:
    return len(given) > 0 and all(isinstance(one, (int, float, np.number)) for one in given)


def read_values(what: str, part: Any, least: int) -> Array:
    """The values (n,) of one series, `least` of them known. Raises ShapeError, DTypeError, ConfigError."""
    is_objects = isinstance(part, np.ndarray) and part.ndim == 1 and part.dtype.kind == "O"
    if isinstance(part, (list, tuple)) or is_objects:
        for place, one in enumerate(part):
            if one is None or isinstance(one, (str, bytes)):
                raise DTypeError(
                    f"{what} has {shown(one)} at {place}; expected numbers, or NaN for missing ones"
                )
    values = as_numbers(what, part)
    if values.ndim != 1:
        raise ShapeError(f"{what} is {values.shape}; expected (n,), the values of one series")
    if np.isinf(values).any():
        place = int(np.flatnonzero(np.isinf(values))[0])
        raise ConfigError(f"{what} has {values[place]} at {place}; expected numbers, or NaN for missing ones")
    check_size(what, values)
    known = int((~np.isnan(values)).sum())
    if known < least:
        rest = f", and {len(values) - known} that are NaN" if known < len(values) else ""
        raise ShapeError(f"{what} has {known} values{rest}; expected at least {least}")
    return values


def known_id(owner: str, id: Any, ids: Collection[Any]) -> str | int:
    """An id that is one of `ids`. Raises ConfigError."""
    is_id = isinstance(id, (str, int, np.integer)) and not isinstance(id, bool)
    if is_id and id in ids:
        return _id(owner, "id", id)
    alike = [one for one in ids if is_id and str(one) == str(id)]
    if alike:
        kind = "integer" if isinstance(alike[0], int) else "text"
        raise ConfigError(
            f"{owner}: id is {shown(id)}, which is no series of the model; the {kind} {shown(alike[0])} is "
            "one"
        )
    known = did_you_mean(repr(id) if isinstance(id, str) else "", map(repr, ids), "ids")
    raise ConfigError(f"{owner}: id is {shown(id)}, which is no series of the model; {known}")
