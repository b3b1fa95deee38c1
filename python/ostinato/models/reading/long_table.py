"""Long tables: one row for each series and time, as people have them in a DataFrame or a database.

For every estimator: `read_long` finds the rows of each series and checks their times; `LongTable.numbers` has
one column as an array (n,) for each series, `LongTable.features` several columns as arrays (n, F).

Tables are known by their methods, so that nothing is imported for them: a DataFrame of pandas or polars, a
dict of columns, or anything else with `columns` and `table[name]`.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato.errors import ConfigError, DTypeError, ShapeError, described, shown
from ostinato.models.reading.series import check_ids
from ostinato.models.reading.times import Times, cell, read_times
from ostinato.sequences.arrays import Array
from ostinato.suggest import did_you_mean


@dataclass(frozen=True, eq=False)
class LongTable:
    """The rows of each series of a long table.

    ids: names of the series, in the order of their first rows. rows: for each series its places in the table,
    in the order of time. times: of each series, where a column of times was named.
    """

    owner: str
    table: Any
    ids: list[Any]
    rows: list[Array]
    times: list[Array] | None
    clock: Times | None

    def numbers(self, column: str) -> list[Array]:
        """A column of numbers, (n,) float64 for each series; NaN where a value is missing.

        Raises ConfigError for a column that is not there, DTypeError that names a row without a number.
        """
        values = numbers_of(self.owner, self.table, column)
        return [values[rows] for rows in self.rows]

    def features(self, columns: Sequence[str]) -> list[Array]:
        """Columns of numbers, (n, F) float64 for each series. Raises the errors of `numbers`."""
        values = [numbers_of(self.owner, self.table, one) for one in columns]
        return [np.stack([one[rows] for one in values], axis=1) for rows in self.rows]

    def first(self, column: str) -> list[Any]:
        """What a column holds in each series, where that is one value: a label, or a static covariate.

        Raises ConfigError that names a series with two values.
        """
        values, found = list(column_of(self.owner, self.table, column)), []
        for name, rows in zip(self.ids, self.rows, strict=True):
            one = values[rows[0]]
            for row in rows[1:]:
                if not _alike(values[row], one):
                    raise ConfigError(
                        f"{self.owner}: the series {shown(name)} has {_cell(one)} and, in row {int(row)}, "
                        f"{_cell(values[row])} in the column {shown(column)}; expected one value for a series"
                    )
            found.append(one)
        return found

    def on_clock(self, values: Sequence[Array]) -> list[Array]:
        """Values (n,) or (n, F) of each series at every tick of the clock: NaN where the table has a gap.

        Without times they stay as they are.
        """
        if self.clock is None or self.times is None:
            return list(values)
        return [self.clock.filled(one, times) for one, times in zip(values, self.times, strict=True)]


def is_table(value: Any) -> bool:
    """Whether this has named columns: a DataFrame, or a dict of columns."""
    named = getattr(value, "columns", None) is not None and hasattr(value, "__getitem__")
    return isinstance(value, Mapping) or named


def column_names(table: Any) -> list[Any]:
    """The names of the columns of a table."""
    return list(table) if isinstance(table, Mapping) else list(table.columns)


def read_long(
    owner: str, table: Any, *, id: str | None = None, time: str | None = None, regular: bool = True
) -> LongTable:
    """The series of a long table, with their times checked.

    id: the column of their names, texts or integers; without one, the table is one series, whose id is 0.
    time: the column of times: integers, dates, or texts such as "2026-01-31". Without one, rows are in the
    order of time. Within a series times rise. With `regular` they also fit a clock of all series (see
    `read_times`): a time that is left out is a gap.

    Raises DTypeError for what is no table, ConfigError for a column that is not there, for ids or times that
    are missing, for times that fall or come twice, with row, column and series; ShapeError without rows.
    """
    if not is_table(table):
        raise DTypeError(
            f"{owner}: the table is {shown(table)}; expected a DataFrame or a dict of columns, with one row "
            "for each series and time"
        )
    ids, rows = [0], [np.arange(_length(owner, table))]
    if id is not None:
        ids, rows = _groups(owner, id, column_of(owner, table, id))
        check_ids(owner, f"the column {shown(id)}", ids)
    if not len(rows[0]):
        raise ShapeError(f"{owner}: the table has no rows; expected one for each series and time")
    if time is None:
        return LongTable(owner, table, ids, rows, None, None)
    times, clock = read_times(owner, time, column_of(owner, table, time), ids, rows, regular)
    return LongTable(owner, table, ids, rows, times, clock)


def column_of(owner: str, table: Any, name: str) -> Any:
    """A column as an array or a list. Raises ConfigError, DTypeError."""
    known = column_names(table)
    if not isinstance(name, str):
        raise DTypeError(f"{owner}: a column is named {shown(name)}; expected a text")
    if name not in known:
        texts = [one for one in known if isinstance(one, str)]
        index = getattr(table, "index", None)
        if name in (getattr(index, "names", None) or ()):
            raise ConfigError(
                f"{owner}: {shown(name)} is the index of the table, not a column; write table.reset_index()"
            )
        raise ConfigError(
            f"{owner}: the table has no column {shown(name)}; {did_you_mean(name, texts, 'columns')}"
        )
    if known.count(name) > 1:
        raise ConfigError(f"{owner}: the table has two columns {shown(name)}; expected other names")
    column = table[name]
    try:
        column = column.to_numpy() if hasattr(column, "to_numpy") else column
        values = column if isinstance(column, (np.ndarray, list, tuple)) else list(column)
    except Exception as error:
        raise DTypeError(f"{owner}: the column {shown(name)} cannot be read: {described(error)}") from error
    if np.ndim(values) != 1 and isinstance(values, np.ndarray):
        raise ShapeError(f"{owner}: the column {shown(name)} is {values.shape}; expected (rows,)")
    if isinstance(table, Mapping):
        for other, one in table.items():
            if hasattr(one, "__len__") and len(one) != len(values):
                raise ShapeError(
                    f"{owner}: the column {shown(name)} has {len(values)} rows, {shown(other)} has "
                    f"{len(one)}; expected columns of one length"
                )
    return values


def numbers_of(owner: str, table: Any, name: str) -> Array:
    """A column as float64, NaN where a value is missing. Raises DTypeError, ConfigError that name the row."""
    values = column_of(owner, table, name)
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        return values.astype(np.float64)
    found = np.empty(len(values))
    for row, one in enumerate(values):
        if is_missing(one):
            found[row] = np.nan
        elif isinstance(one, (int, float, np.number, np.bool_)):
            found[row] = float(one)
        else:
            raise DTypeError(f"{cell(owner, name, one, row)}; expected numbers, or NaN for missing ones")
    return found


def is_missing(one: Any) -> bool:
    """Whether this stands for no value: None, NaN, NaT, or pandas' NA."""
    if one is None or type(one).__name__ == "NAType":
        return True
    try:
        return bool(one != one)
    except Exception:  # what cannot be compared is a value
        return False


def _length(owner: str, table: Any) -> int:
    names = column_names(table)
    return len(column_of(owner, table, names[0])) if names else 0


def _groups(owner: str, column: str, values: Any) -> tuple[list[Any], list[Array]]:
    """The ids in the order of their first rows, and the rows of each. Raises ConfigError, DTypeError."""
    found: dict[Any, list[int]] = {}
    for row, one in enumerate(values):
        if is_missing(one):
            raise ConfigError(f"{cell(owner, column, one, row)}; expected the id of a series")
        if isinstance(one, (int, np.integer)) and not isinstance(one, bool):
            one = operator.index(one)
        elif not isinstance(one, str):
            raise DTypeError(f"{cell(owner, column, one, row)}; expected texts or integers")
        found.setdefault(one if isinstance(one, int) else str(one), []).append(row)
    return list(found), [np.array(rows) for rows in found.values()] or [np.zeros(0, np.int64)]


def _cell(one: Any) -> str:
    return shown(one.item() if isinstance(one, np.generic) else one)


def _alike(one: Any, other: Any) -> bool:
    return (is_missing(one) and is_missing(other)) or bool(one == other)
