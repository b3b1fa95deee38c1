"""The series of a CSV file, for `ostinato forecast`, `fit forecaster` and `predict`, and forecasts as lines.

In the wide form each column of numbers is a series, and the first column of dates has their times. In the
long form a line is a step: `--target` names the column of values, `--id` that of the names of the series.
"""

from __future__ import annotations

import math
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ostinato.cli.reading.columns import read_columns
from ostinato.cli.reading.dates import are_dates, hint_of, looks_like_date
from ostinato.cli.reading.sequences import Layout, cells_of, read_rows, times_of
from ostinato.cli.reading.table import Table, are_numbers, is_missing, number, read_table
from ostinato.errors import ConfigError, FormatError
from ostinato.models.reading.long_table import LongTable
from ostinato.sequences.arrays import Array
from ostinato.settings import warnings_apart

HEAD: Final = ("low", "median", "high")
_DATE: Final = re.compile(r"\d{4}-\d{2}(-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?)?")
# Before the name of the column of times: columns of a table of times that meet no other.
_ID: Final = "series of "
_VALUES: Final = "values of "
_TARGET: Final = "y"


@dataclass(frozen=True, eq=False)
class Series:
    """The values (n,) of each series by its name, NaN where one is missing.

    roles: the columns by what they are read as. table: the rows of the series with their times. time: the
    column of the times.
    """

    values: dict[str, Array]
    layout: Layout
    roles: dict[str, list[str]]
    table: LongTable | None = None
    time: str | None = None

    def times(self, count: int) -> list[Array] | None:
        """The times of the next steps of each series; None without times."""
        if self.table is None or self.table.times is None or self.table.clock is None:
            return None
        return [self.table.clock.after(one[-1], count) for one in self.table.times]

    def fitted(self, values: Mapping[str, Array]) -> tuple[Any, dict[str, str]]:
        """What `fit` of an estimator takes for these first values of each series, and how it is called.

        With times it is a long table, so that the model knows the dates of its forecasts.
        """
        if self.table is None or self.table.times is None or self.table.clock is None or self.time is None:
            return dict(values), {}
        clock, firsts = self.table.clock, [one[0] for one in self.table.times]
        columns = {"id": self.layout.id or "series", "time": self.time, "target": _TARGET}
        if self.layout.id is not None:
            columns["target"] = self.layout.target[0]
        while len(set(columns.values())) < 3:
            columns["id"], columns["target"] = columns["id"] + "_", columns["target"] + "_"
        times = [
            np.concatenate([[first], clock.after(first, len(one) - 1)])
            for first, one in zip(firsts, values.values(), strict=True)
        ]
        table = {
            columns["id"]: [name for name, one in values.items() for _ in one],
            columns["time"]: np.concatenate(times),
            columns["target"]: np.concatenate(list(values.values())),
        }
        return table, columns


def read_series(path: str, layout: Layout, *, needs_dates: bool = True) -> Series:
    """The series of a file. Raises ConfigError, FormatError that name the column and the line; OSError.

    needs_dates: a date format that fits no column is an error. False: it comes from a model file.
    """
    if layout.id is None:
        return _read_wide(path, layout, needs_dates)
    if len(layout.target) != 1:
        raise ConfigError(
            f"{path}: --id is given, so each line is a step of one series; give one --target, the column of "
            "values. Without --id, each column is a series"
        )
    table = read_table(path, "a line for each step", layout.decimal)
    layout.check(table, needs_id=False)
    kept = [n for n, row in enumerate(table.rows) if row]
    if not kept:
        raise FormatError(f"{path}: no line below the names; expected steps of series")
    name = layout.target[0]
    columns: dict[str, Any] = {name: _values(table, name, kept)}
    columns[layout.id] = cells_of(table, layout.id, kept)
    if layout.time is not None:
        columns[layout.time] = times_of(table, layout.time, kept, layout.date_format)
    rows = read_rows(table, columns, layout, kept, regular=True)
    found = rows.on_clock(rows.numbers(name))
    roles = {"target": [name], "id": [layout.id], "time": [] if layout.time is None else [layout.time]}
    values = dict(zip(map(str, rows.ids), found, strict=True))
    return Series(values, layout, _with_rest(roles, table), rows, layout.time)


def _read_wide(path: str, layout: Layout, needs_dates: bool) -> Series:
    """The columns of numbers as series, without what is missing at their ends, and their times if there are.

    Raises the errors of `read_series`.
    """
    table = read_table(path, "a header, and series as columns", layout.decimal)
    replace(layout, target=()).check(table, needs_id=False)
    time = _dates(table, layout) if layout.time is None else layout.time
    if time is None and layout.date_format and needs_dates:
        raise ConfigError(
            f"{path}: --date-format is {layout.date_format!r}, but no column has only such dates; name the "
            "column of the dates with --time, or omit --date-format"
        )
    values = read_columns(table, {*layout.ignore, *(() if time is None else (time,))})
    for name in layout.target:
        if name not in values:
            names = ", ".join(values)
            raise ConfigError(f"{path}: --target is {name!r}; the columns of numbers are {names}")
    chosen = layout.target or tuple(values)
    if len(set(chosen)) < len(chosen):
        raise ConfigError(f"--target names a column twice: {', '.join(chosen)}; expected each once")
    places = {}
    for name in chosen:
        known = np.flatnonzero(~np.isnan(values[name]))
        places[name] = np.arange(known[0], known[-1] + 1)
    roles = {"series": list(chosen)}
    plain = Series({name: values[name][places[name]] for name in chosen}, layout, roles)
    table_of_times = None if time is None else _with_times(table, layout, time, values, places)
    if time is None or table_of_times is None:
        return replace(plain, roles=_with_rest(roles, table))
    found = table_of_times.on_clock(table_of_times.numbers(_VALUES + time))
    roles["time"] = [time]
    return Series(
        dict(zip(chosen, found, strict=True)), layout, _with_rest(roles, table), table_of_times, time
    )


def _with_times(
    table: Table, layout: Layout, time: str, values: dict[str, Array], places: dict[str, Array]
) -> LongTable | None:
    """The steps of each series with their times.

    places: the rows of each series. None for dates that no flag names and that fit no clock, or have no
    weekends. Raises FormatError for times that fall, come twice or are missing.
    """
    rows = {name: [int(n) for n in found if table.rows[n]] for name, found in places.items()}
    kept = [n for found in rows.values() for n in found]
    columns = {
        _ID + time: [name for name, found in rows.items() for _ in found],
        time: times_of(table, time, kept, layout.date_format),
        _VALUES + time: np.concatenate([values[name][found] for name, found in rows.items()]),
    }
    long = Layout(id=_ID + time, time=time)
    try:
        read_rows(table, columns, long, kept, regular=False)
    except FormatError as error:
        hint = "; if several series are below each other, name the column of their names with --id"
        unread = f", and to count lines as steps, give --ignore {time!r}" if layout.time is None else ""
        raise FormatError(f"{error}{hint}{unread}") from error
    if layout.time is not None:
        return read_rows(table, columns, long, kept, regular=True)

    def strict() -> LongTable | None:
        warnings.simplefilter("error", UserWarning)  # weekends would be missing values
        return read_rows(table, columns, long, kept, regular=True)

    try:
        return warnings_apart(strict)
    except (FormatError, UserWarning) as error:
        print(f"{error}. The dates are left out: each line is a step", file=sys.stderr)
        return None


def _dates(table: Table, layout: Layout) -> str | None:
    """The first column of dates, if there is one; without one, prints why columns like dates are none."""
    reasons = []
    for place, name in enumerate(table.names):
        cells = {line: row[place].strip() for line, row in zip(table.lines, table.rows, strict=True) if row}
        named = name in layout.ignore or name in layout.target or table.names.count(name) > 1
        if named or not cells:
            continue
        unread = _unread(cells, layout.date_format)
        if not unread:
            return name
        if not are_numbers([one for one in cells.values() if not is_missing(one)]):
            reasons += _reasons(cells, unread, layout.date_format, f"{table.path}: the column {name!r} has")
    for reason in reasons:
        print(reason, file=sys.stderr)
    return None


def _unread(cells: Mapping[int, str], date_format: str) -> list[int]:
    """The lines whose cell is no date as the format says, or as 2026-01-31."""
    return [
        line
        for line, one in cells.items()
        if not (are_dates([one], date_format) if date_format else _is_date(one))
    ]


def _reasons(cells: Mapping[int, str], unread: Sequence[int], date_format: str, what: str) -> list[str]:
    """Why the dates of a column are not read; empty for a column that has few or none."""
    left = "The dates are left out: each line is a step"
    hints = [] if date_format else [hint_of(one) for one in cells.values()]
    if hints and hints[0] is not None and len(set(hints)) == 1:
        return [
            f"{what} dates such as {next(iter(cells.values()))}, which are left out: each line is a step. To "
            f"read them give {hints[0]}"
        ]
    alike = len(cells) - len(unread) if date_format else sum(map(looks_like_date, cells.values()))
    if 2 * alike < len(cells):
        return []
    first, *_ = cells.values()
    line = unread[0]
    if hints and hints[0] is not None:  # the others are written as the first
        line = next(line for line, one in cells.items() if hint_of(one) != hints[0])
        reason = f", which is not written as {first!r} is"
    elif date_format:
        reason = f", which is not written as {date_format}"
    else:
        reason = "; expected a date such as 2026-01-31 or 2026-01-31 10:30, without a time zone"
    if is_missing(cells[line]):
        return [f"{what} no date at line {line}. {left}"]
    return [f"{what} {cells[line]!r} at line {line}{reason}. {left}"]


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        return not np.isnat(np.datetime64(text))
    except ValueError:
        return False


def _with_rest(roles: dict[str, list[str]], table: Table) -> dict[str, list[str]]:
    """The columns by what they are read as, and those that are left out."""
    used = {one for names in roles.values() for one in names}
    return {**roles, "left out": [one for one in table.names if one not in used]}


def _values(table: Table, name: str, kept: Sequence[int]) -> Array:
    """The numbers of a column, NaN for missing ones. Raises FormatError."""
    place, found = table.place(name, "--target"), []
    for row in kept:
        value = number(table.rows[row][place])
        found.append(math.nan if value is not None and math.isnan(value) else table.number(row, place))
    return np.array(found)


def low_median_high(levels: Sequence[float], quantiles: Array) -> Array:
    """The lowest quantile, the median and the highest one: (series, steps, 3) of (series, steps, Q)."""
    middle = int(np.abs(np.array(levels) - 0.5).argmin())
    chosen: Array = quantiles[:, :, [0, middle, quantiles.shape[2] - 1]]
    return chosen


def forecast_lines(
    names: Sequence[Any], forecasts: Array, times: Sequence[Array] | None, time: str | None
) -> list[list[Any]]:
    """Lines of CSV, the names first. forecasts: (series, steps, 3).

    times: of the steps of each series, which are 1, 2, ... without; time: the name of their column.
    """
    lines: list[list[Any]] = [["series", "step" if times is None else time or "time", *HEAD]]
    for place, (name, rows) in enumerate(zip(names, forecasts, strict=True)):
        steps = range(1, len(rows) + 1) if times is None else _texts(times[place])
        lines += [[name, one, *(f"{x:.6g}" for x in row)] for one, row in zip(steps, rows, strict=True)]
    return lines


def _texts(times: Array) -> list[str]:
    """Times as texts, without a time of day if all are midnights."""
    texts, midnight = [str(one) for one in times], "T00:00:00.000000"
    ending = midnight if all(one.endswith(midnight) for one in texts) else ".000000"
    return [one.removesuffix(ending) for one in texts]


def draw_forecasts(figure: Any, series: dict[str, Array], forecasts: Array) -> None:
    """The first six series with their forecasts (series, steps, 3)."""
    shown = list(series.items())[:6]
    figure.set_size_inches(7.0, 2.2 * len(shown))
    axes = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for ax, (name, values), rows in zip(axes, shown, forecasts, strict=False):
        ahead = len(values) + np.arange(len(rows))
        ax.plot(values, color="black")
        ax.plot(ahead, rows[:, 1])
        ax.fill_between(ahead, rows[:, 0], rows[:, 2], alpha=0.3)
        ax.set_title(name)
