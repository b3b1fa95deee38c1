"""What a caller of a forecaster gives: series with their ids, times and covariates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ostinato.errors import ConfigError, DTypeError, ShapeError, shown
from ostinato.models.forecasting.series.covariates import (
    Covariates,
    CovariateScale,
    names_of,
    of_each,
    read_covariates,
    scaled,
)
from ostinato.models.forecasting.series.dated import continued, indexes_of, name_of
from ostinato.models.reading.feature_names import Names
from ostinato.models.reading.long_table import is_table, read_long
from ostinato.models.reading.series import read_series, read_values
from ostinato.models.reading.times import Times, read_indexes
from ostinato.sequences.arrays import Array


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of a long table, with the clock of its times and the first time of each series."""

    id: str | None
    time: str | None
    target: str
    covariates: dict[str, list[str] | None]
    clock: Times | None
    starts: dict[Any, Any]
    is_wide: bool = False
    """Whether the times were the index of a wide table, so the columns are those of forecasts alone."""

    def to_file(self) -> dict[str, Any]:
        """As values for a model file."""
        clock, starts = self.clock, list(self.starts.values())
        return {
            **{"id": self.id, "time": self.time, "target": self.target, "covariates": self.covariates},
            "clock": None if clock is None else [clock.unit, clock.step, clock.month_ends],
            "is_wide": self.is_wide,
            "ids": list(self.starts),
            "starts": [str(one) for one in starts],
            "dtype": str(np.asarray(starts).dtype) if starts else "int64",
        }

    @classmethod
    def from_file(cls, state: Mapping[str, Any]) -> Columns:
        """The inverse of `to_file`."""
        clock = None if state["clock"] is None else Times(*state["clock"])
        starts = np.array(state["starts"]).astype(state["dtype"])
        found = dict(zip(state["ids"], starts, strict=True))
        names = state["id"], state["time"], state["target"]
        return cls(*names, state["covariates"], clock, found, bool(state.get("is_wide")))


@dataclass(frozen=True, eq=False)
class Observations:
    """Series (n,) float64 with their ids; covariates, if any; columns, if they are of a long table."""

    ids: list[Any]
    series: list[Array]
    covariates: list[Covariates] | None
    columns: Columns | None = None
    names: Mapping[str, Names] = field(default_factory=dict)
    """Of the columns of covariates, by their kind."""

    def scaled(self, owner: str, scale: CovariateScale | None) -> list[Covariates] | None:
        """The covariates as the network reads them. Raises ConfigError, ShapeError."""
        if scale is not None:
            scale.check_names(self.names)
        return scaled(owner, self.covariates, self.ids, [len(one) for one in self.series], scale)

    def without_lead(self) -> Observations:
        """The same without the steps before the first value of each series: they hold nothing to learn."""
        firsts = [int(np.argmax(~np.isnan(one))) for one in self.series]
        if not any(firsts):
            return self
        known, columns = self.covariates, self.columns
        if known is not None:
            known = [
                replace(one, past=one.past[n:], future=one.future[n:])
                for one, n in zip(known, firsts, strict=True)
            ]
        if columns is not None and columns.clock is not None:
            pairs = zip(columns.starts.items(), firsts, strict=True)
            starts = {id: columns.clock.after(start, n)[-1] if n else start for (id, start), n in pairs}
            columns = replace(columns, starts=starts)
        series = [one[n:] for one, n in zip(self.series, firsts, strict=True)]
        return Observations(self.ids, series, known, columns, self.names)


def read_observations(
    owner: str,
    y: Any,
    given: Mapping[str, Any],
    names: Mapping[str, str | None],
    *,
    name: str = "y",
    least: int = 2,
) -> Observations:
    """Series in any of their forms.

    y: as `read_series` takes it, where an index of dates is the time of a table or Series. Or, if
    `names` has a "target", a long table with the columns "id", "time" and "target". given: "past",
    "future" and "static", as `read_covariates` takes them, or of a long table names of columns, or None.
    With future columns, the rows of a series after its last target are the future.

    Raises ShapeError, DTypeError, ConfigError that name the series, or the row and the column.
    """
    if any(one is not None for one in names.values()):
        return _of_long_table(owner, y, given, names, least)
    try:
        ids, series = read_series(owner, y, name, least)
    except DTypeError as error:
        if not is_table(y):
            raise
        raise DTypeError(
            f"{error}. If this is a long table, name its columns: id=, time=, target="
        ) from error
    columns, indexes = None, indexes_of(owner, name, y, ids)
    if indexes is not None:
        times, clock = read_indexes(f"{owner}: {name}", ids, indexes)
        if clock is not None:
            series = [clock.filled(one, part) for one, part in zip(series, times, strict=True)]
        starts = {one: part[0] for one, part in zip(ids, times, strict=True)}
        columns = Columns("id", name_of(y), "y", {}, clock, starts, is_wide=True)
    covariates, covariate_names = None, names_of(given, ids)
    if any(one is not None for one in given.values()):
        given = {key: _aligned(owner, key, one, ids, columns) for key, one in given.items()}
        covariates = read_covariates(owner, given, ids, [len(one) for one in series])
    return Observations(ids, series, covariates, columns, covariate_names)


def _aligned(owner: str, name: str, given: Any, ids: Sequence[Any], columns: Columns | None) -> Any:
    """Covariates of each series, those with an index of dates at the steps of the series."""
    if given is None:
        return None
    clock, starts = (None, {}) if columns is None else (columns.clock, columns.starts)
    parts = zip(ids, of_each(owner, name, given, ids), strict=True)
    return {
        one: part
        if name == "static"
        else continued(owner, f"{name}[{shown(one)}]", part, clock, starts.get(one))
        for one, part in parts
        if part is not None
    }


def _of_long_table(
    owner: str, table: Any, given: Mapping[str, Any], names: Mapping[str, str | None], least: int
) -> Observations:
    target = names["target"]
    for name, one in names.items():
        if one is not None and not isinstance(one, str):
            raise DTypeError(f"{owner}: {name} is {shown(one)}; expected the name of a column")
    if target is None:
        named = next(name for name, one in names.items() if one is not None)
        raise ConfigError(
            f"{owner}: {named} is {shown(names[named])}, a column of a long table, but target is None; "
            "expected the column of the values"
        )
    if not is_table(table):
        raise DTypeError(
            f"{owner}: y is {shown(table)}; with target= expected a table with one row for each series "
            "and time"
        )
    long = read_long(f"{owner}: y", table, id=names["id"], time=names["time"])
    of_covariates = {name: _names(owner, name, one) for name, one in given.items()}
    read = {
        name: None if one is None else dict(zip(long.ids, long.on_clock(long.features(one)), strict=True))
        for name, one in of_covariates.items()
    }
    if of_covariates["static"] is not None:
        for column in of_covariates["static"]:
            long.first(column)
        assert read["static"] is not None
        read["static"] = {one: values[0] for one, values in read["static"].items()}
    series = long.on_clock(long.numbers(target))
    if read["future"] is not None:
        known = [np.flatnonzero(~np.isnan(one)) for one in series]
        ends = [int(one[-1]) + 1 if one.size else 0 for one in known]
        series = [one[:end] for one, end in zip(series, ends, strict=True)]
        if read["past"] is not None:
            pairs = zip(read["past"].items(), ends, strict=True)
            read["past"] = {one: values[:end] for (one, values), end in pairs}
    series = [
        read_values(f"{owner}: y[{shown(one)}]", values, least)
        for one, values in zip(long.ids, series, strict=True)
    ]
    covariates = None
    if any(one is not None for one in read.values()):
        covariates = read_covariates(owner, read, long.ids, [len(one) for one in series])
    firsts = [] if long.times is None else [one[0] for one in long.times]
    starts = dict(zip(long.ids, firsts, strict=False))
    columns = Columns(names["id"], names["time"], target, of_covariates, long.clock, starts)
    own = {name: None if one is None else tuple(one) for name, one in of_covariates.items()}
    return Observations(long.ids, series, covariates, columns, own)


def _names(owner: str, name: str, given: Any) -> list[str] | None:
    """Names of columns. Raises DTypeError."""
    if given is None:
        return None
    found: Sequence[Any] = [given] if isinstance(given, str) else given
    if not isinstance(found, (list, tuple)) or not all(isinstance(one, str) for one in found):
        raise DTypeError(f"{owner}: {name} is {shown(given)}; expected names of columns of the table")
    if not found:
        raise ShapeError(f"{owner}: {name} has no columns; expected at least one, or None")
    return list(found)
