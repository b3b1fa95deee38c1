"""The series of a CSV file, for `ostinato forecast`, `fit forecaster` and `predict`, and forecasts as lines.

In the wide form each column of numbers is a series. In the long form a line is a step: `--target` names the
column of values, `--id` that of the names of the series.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ostinato.cli.columns import read_columns
from ostinato.cli.sequences import Layout, cells_of, read_rows, times_of
from ostinato.cli.table import Table, number, read_table
from ostinato.errors import ConfigError, FormatError
from ostinato.models import Forecaster
from ostinato.models.long_table import LongTable
from ostinato.sequences.arrays import Array

HEAD: Final = ("low", "median", "high")


@dataclass(frozen=True, eq=False)
class Series:
    """The values (n,) of each series by its name, NaN where one is missing.

    table: the rows of the series in the long form, with their times.
    """

    values: dict[str, Array]
    layout: Layout
    table: LongTable | None = None

    def steps(self, place: int, count: int) -> Sequence[Any]:
        """What the next steps of a series are called: their times, or 1, 2, ..."""
        if self.table is None or self.table.times is None or self.table.clock is None:
            return range(1, count + 1)
        times = [str(one) for one in self.table.clock.after(self.table.times[place][-1], count)]
        midnight = "T00:00:00.000000"
        ending = midnight if all(one.endswith(midnight) for one in times) else ".000000"
        return [one.removesuffix(ending) for one in times]


def read_series(path: str, layout: Layout) -> Series:
    """The series of a file. Raises ConfigError, FormatError that name the column and the line; OSError."""
    if layout.id is None and layout.time is None:
        values = read_columns(path)
        for name in layout.target:
            if name not in values:
                names = ", ".join(values)
                raise ConfigError(f"{path}: --target is {name!r}; the columns of numbers are {names}")
        chosen = layout.target or tuple(values)
        if len(set(chosen)) < len(chosen):
            raise ConfigError(f"--target names a column twice: {', '.join(chosen)}; expected each once")
        return Series({name: values[name] for name in chosen}, layout)
    if len(layout.target) != 1:
        raise ConfigError(f"{path}: lines are steps; give one --target, the column of values")
    table = read_table(path, "a line for each step")
    layout.check(table, needs_id=False)
    kept = [n for n, row in enumerate(table.rows) if row]
    if not kept:
        raise FormatError(f"{path}: no line below the names; expected steps of series")
    name = layout.target[0]
    columns: dict[str, Any] = {name: _values(table, name, kept)}
    if layout.id is not None:
        columns[layout.id] = cells_of(table, layout.id, kept)
    if layout.time is not None:
        columns[layout.time] = times_of(cells_of(table, layout.time, kept))
    rows = read_rows(table, columns, layout, kept, regular=True)
    found = rows.on_clock(rows.numbers(name))
    ids = [name] if layout.id is None else [str(one) for one in rows.ids]
    return Series(dict(zip(ids, found, strict=True)), layout, rows)


def _values(table: Table, name: str, kept: Sequence[int]) -> Array:
    """The numbers of a column, NaN for missing ones. Raises FormatError."""
    place, found = table.place(name, "--target"), []
    for row in kept:
        value = number(table.rows[row][place])
        found.append(math.nan if value is not None and math.isnan(value) else table.number(row, place))
    return np.array(found)


def low_median_high(model: Forecaster, quantiles: Array) -> Array:
    """The lowest quantile, the median and the highest one: (series, steps, 3) of (series, steps, Q)."""
    middle = int(np.abs(np.array(model.quantiles) - 0.5).argmin())
    chosen: Array = quantiles[:, :, [0, middle, quantiles.shape[2] - 1]]
    return chosen


def forecast_lines(names: Sequence[Any], forecasts: Array, series: Series | None) -> list[list[Any]]:
    """Lines of CSV, the names first. forecasts (series, steps, 3); series: has the times of steps, or not."""
    has_times = series is not None and series.table is not None and series.table.clock is not None
    step = series.layout.time if series is not None and has_times else "step"
    lines: list[list[Any]] = [["series", step, *HEAD]]
    for place, (name, rows) in enumerate(zip(names, forecasts, strict=True)):
        steps = range(1, len(rows) + 1) if series is None else series.steps(place, len(rows))
        lines += [[name, one, *(f"{x:.6g}" for x in row)] for one, row in zip(steps, rows, strict=True)]
    return lines


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
