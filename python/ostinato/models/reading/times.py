"""The times of series: read from a column, and as ticks of one regular clock."""

from __future__ import annotations

import datetime
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ostinato.errors import ConfigError, DTypeError, shown
from ostinato.sequences.arrays import Array

FULL: Final = 0.5
"""The least share of the ticks of a series that have a row: with fewer, the times fit no clock."""
DAY: Final = 86_400_000_000_000
"""Nanoseconds of a day."""
DATE: Final = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}([T ][0-9:.]+)?)?)?")
"""The texts that are times, without a zone."""
ZONED: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+) ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)")


@dataclass(frozen=True)
class Times:
    """A regular clock: tick k of a series is `step` units after tick k - 1.

    unit: "number", "month" (calendar months, to the same day, or each to its last day), or "ns".
    """

    unit: str
    step: int
    month_ends: bool = False

    def __str__(self) -> str:
        """The step in words."""
        return _step(self.unit, self.step)

    def ticks(self, times: Array) -> Array:
        """Times in units, as integers."""
        if self.unit == "month":
            found: Array = times.astype("datetime64[M]").astype(np.int64)
            return found
        exact = times.astype("datetime64[ns]") if times.dtype.kind == "M" else times
        made: Array = exact.astype(np.int64)
        return made

    def places(self, times: Array) -> Array:
        """The ticks of a series, the first of which is 0."""
        units = self.ticks(times)
        found: Array = (units - units[0]) // self.step
        return found

    def filled(self, values: Array, times: Array) -> Array:
        """Values (n,) or (n, F) of a series at every tick: NaN where it has no time."""
        places = self.places(times)
        made: Array = np.full((int(places[-1]) + 1, *values.shape[1:]), np.nan)
        made[places] = values
        return made

    def after(self, last: Any, steps: int) -> Array:
        """The times of the next `steps` ticks after the time `last`."""
        ahead = np.arange(1, steps + 1) * self.step
        if self.unit == "number":
            numbers: Array = last + ahead
            return numbers
        if self.unit == "ns":
            exact: Array = (np.datetime64(last, "ns") + ahead.astype("timedelta64[ns]")).astype(last.dtype)
            return exact
        month = np.datetime64(last, "M")
        if self.month_ends:
            ends = (month + ahead + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
            rest = last - np.datetime64(last, "D")
            dated: Array = (ends + rest).astype(last.dtype)
            return dated
        made: Array = ((month + ahead).astype(last.dtype) + (last - month.astype(last.dtype))).astype(
            last.dtype
        )
        return made


def read_times(
    owner: str, column: str | None, values: Any, ids: Sequence[Any], rows: Sequence[Array], regular: bool
) -> tuple[list[Array], Times | None]:
    """The times of each series, as integers or datetime64, and with `regular` the clock of all.

    Without a clock, times may also be numbers with fractions.
    The step of the clock is the smallest difference of any two neighbors; every other difference is a
    multiple of it. Dates that all have the same day of the month, or are all the last day of theirs, are
    counted in months. Warns if the times leave out all weekends.

    Raises DTypeError, ConfigError that name the row, the column and the series: with `regular` also for times
    with a time zone, for integers that are months or days such as 202401, and for a series of whose steps
    more than half are missing.
    """
    times = _read(owner, column, values, regular)
    parts = [times[places] for places in rows]
    _check_order(owner, column, ids, parts, rows)
    return parts, _clock(owner, column, ids, parts, rows) if regular else None


def read_indexes(
    owner: str, ids: Sequence[Any], indexes: Sequence[Any], regular: bool = True
) -> tuple[list[Array], Times | None]:
    """The times of each series from an index of its own, and the clock of all. See `read_times`."""
    known = {id(one): one for one in indexes}  # the columns of a table share one
    read = {key: _read(owner, None, one, True) for key, one in known.items()}
    parts = [read[id(one)] for one in indexes]
    rows = [np.arange(len(part)) for part in parts]
    _check_order(owner, None, ids, parts, rows)
    return parts, _clock(owner, None, ids, parts, rows) if regular else None


def named(column: str | None) -> str:
    """A column in a message; None is the index."""
    return "the index" if column is None else f"the column {shown(column)}"


def _check_order(
    owner: str, column: str | None, ids: Sequence[Any], parts: Sequence[Array], rows: Sequence[Array]
) -> None:
    """Raises ConfigError for times that fall, or come twice."""
    for name, part, places in zip(ids, parts, rows, strict=True):
        wrong = np.flatnonzero(part[1:] <= part[:-1])
        if wrong.size:
            at = int(wrong[0])
            finding = (
                f"{owner}: the series {shown(name)} has {_text(part[at + 1])} in row {int(places[at + 1])}"
            )
            if part[at + 1] == part[at]:
                raise ConfigError(
                    f"{finding}, as in row {int(places[at])} of {named(column)}; expected each time once"
                )
            hint = ".sort_index()" if column is None else f"sort the table by {shown(column)}"
            raise ConfigError(
                f"{finding} after {_text(part[at])} in {named(column)}; expected rows in the order "
                f"of time: {hint}"
            )


def _clock(
    owner: str, column: str | None, ids: Sequence[Any], parts: Sequence[Array], rows: Sequence[Array]
) -> Times | None:
    """The clock of all series; None if none has two times. Raises ConfigError for irregular gaps."""
    unit, month_ends = _unit(parts)
    clock = Times(unit, 1, month_ends)
    gaps = [np.diff(clock.ticks(part)) for part in parts]
    known = [gap for gap in gaps if len(gap)]
    if not known:
        return None
    step = int(min(gap.min() for gap in known))
    if unit == "number":
        _check_numbers(owner, column, np.concatenate(parts))
    for name, part, gap, places in zip(ids, parts, gaps, rows, strict=True):
        wrong = np.flatnonzero(gap % step)
        if wrong.size or (len(gap) and len(part) < FULL * (gap.sum() // step)):
            at = int(wrong[0]) if wrong.size else int(gap.argmax())
            sparse = "" if wrong.size else ", and more than half of the steps of the series are missing"
            raise ConfigError(
                f"{owner}: the series {shown(name)} goes from {_text(part[at])} to {_text(part[at + 1])} in "
                f"row {int(places[at + 1])} of {named(column)}, but the smallest step of all "
                f"is {_step(unit, step)}{sparse}; expected regular times, of which some may be left out. "
                f"{_of_months(unit, column, parts)}Bring the values to one frequency, fit series of other "
                "frequencies apart, or leave time= out to count rows"
            )
    if unit == "ns" and step == DAY:
        days = np.concatenate(parts).astype("datetime64[D]").astype(np.int64)
        if ((days + 3) % 7 < 5).all() and any(gap.max() > DAY for gap in known):  # 1970-01-01: a Thursday
            hint = "leave time= out" if column is not None else "give .reset_index(drop=True)"
            warnings.warn(
                f"{owner}: {named(column)} has no Saturdays and Sundays, which are missing "
                f"values, and which forecasts have too; {hint} to count business days",
                stacklevel=2,
            )
    return Times(unit, step, month_ends)


def _of_months(unit: str, column: str | None, parts: Sequence[Array]) -> str:
    """What to do with dates that seem to be months: each is in another one."""
    if unit != "ns" or not all((np.diff(one.astype("datetime64[M]")).astype(int) > 0).all() for one in parts):
        return ""
    of = ".index" if column is None else ".dt"
    return f"If these are months, such as business month ends, make periods: in pandas {of}.to_period('M'). "


def _check_numbers(owner: str, column: str | None, times: Array) -> None:
    """Raises ConfigError for integers that are all months (yyyymm) or days (yyyymmdd)."""
    for month, day, example in ((times, None, "'2024-01'"), (times // 100, times % 100, "'2024-01-31'")):
        years, months = month // 100, month % 100
        is_date = (years >= 1900) & (years < 2100) & (months >= 1) & (months <= 12)
        if (is_date if day is None else is_date & (day >= 1) & (day <= 31)).all():
            raise ConfigError(
                f"{owner}: {named(column)} has integers such as {times[0]}, which are dates "
                f"without dashes; expected texts such as {example}, or datetime64. If they are counts, "
                "subtract the first one"
            )


def _unit(parts: Sequence[Array]) -> tuple[str, bool]:
    """The unit of the times, and whether they are ends of months."""
    if parts[0].dtype.kind != "M":
        return "number", False
    times = np.concatenate(parts)
    months, days = times.astype("datetime64[M]"), times.astype("datetime64[D]")
    into = times - months.astype(times.dtype)
    if (into == into[0]).all():
        return "month", False
    is_end = (days + 1).astype("datetime64[M]") > months
    rest = times - days.astype(times.dtype)
    return ("month", True) if is_end.all() and (rest == rest[0]).all() else ("ns", False)


def _read(owner: str, column: str | None, values: Any, regular: bool) -> Array:
    """Integers, datetime64, or fractions without a clock. Raises DTypeError, ConfigError."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iu":
        return values.astype(np.int64)
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        wrong = np.flatnonzero(np.isnat(values))
        if wrong.size:
            raise _missing(owner, column, values[wrong[0]], int(wrong[0]))
        return values
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        usable = np.floor(values) == values if regular else np.isfinite(values)
        wrong = np.flatnonzero(~usable)
        if wrong.size:
            raise _missing(owner, column, values[wrong[0]], int(wrong[0]))
        return values.astype(np.int64) if regular else values
    if isinstance(values, np.ndarray):
        values = values.tolist() if values.dtype.kind == "U" else values
    found = [_time(owner, column, one, row, regular) for row, one in enumerate(values)]
    kinds = {isinstance(one, int) for one in found}
    if len(kinds) > 1:
        raise DTypeError(f"{owner}: {named(column)} has integers and dates; expected one of them")
    return np.array(found) if kinds == {True} else np.array(found, "datetime64[us]")


def _time(owner: str, column: str | None, one: Any, row: int, regular: bool) -> Any:
    """An integer, or a datetime64 of a date or of the text of one; with a time zone, that in UTC."""
    if isinstance(one, (int, np.integer)) and not isinstance(one, bool):
        return int(one)
    found: Any = None
    try:
        given = one
        if hasattr(given, "to_timestamp"):  # a period of pandas
            given = given.to_timestamp()
        is_zoned = False
        zoned = ZONED.fullmatch(given) if isinstance(given, str) else None
        if zoned is not None:
            offset = "+00:00" if zoned[2] == "Z" else zoned[2]
            hours, minutes = int(offset[:3]), int(offset[-2:]) if len(offset) > 3 else 0
            behind = datetime.timedelta(hours=hours, minutes=-minutes if offset[0] == "-" else minutes)
            given = np.datetime64(zoned[1], "us") - np.timedelta64(behind)
        elif isinstance(given, datetime.datetime) and given.tzinfo is not None:
            is_zoned, given = True, given.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        if regular and (is_zoned or zoned is not None):
            of = ".index" if column is None else ".dt"
            raise ConfigError(
                f"{cell(owner, column, one, row)}, with a time zone; expected times without one: for steps "
                f"of hours or shorter those of UTC, in pandas {of}.tz_convert(None); for days or longer "
                f"local dates, {of}.tz_localize(None)"
            )
        is_text = isinstance(given, str) and DATE.fullmatch(given)
        if is_text or isinstance(given, (datetime.date, np.datetime64)):
            found = np.asarray(given, "datetime64[us]")[()]
    except (ValueError, TypeError, OverflowError) as error:
        if isinstance(error, ConfigError):
            raise
        found = None
    if found is None or np.isnat(found):
        raise _missing(owner, column, one, row)
    return found


def cell(owner: str, column: str | None, one: Any, row: int) -> str:
    """The beginning of a message about one cell of a table."""
    return f"{owner}: {named(column)} has {_text(one)} in row {row}"


def _missing(owner: str, column: str | None, one: Any, row: int) -> Exception:
    kind = ConfigError if isinstance(one, (float, np.floating, np.datetime64)) or one is None else DTypeError
    expected = "expected a time: an integer, a date, or a text such as '2026-01-31' or '2026-01'"
    return kind(f"{cell(owner, column, one, row)}; {expected}")


def _text(one: Any) -> str:
    return str(one) if isinstance(one, (np.datetime64, np.integer, np.floating)) else shown(one)


def _step(unit: str, step: int) -> str:
    if unit == "ns":
        return str(datetime.timedelta(microseconds=step / 1000))
    return f"{step} {unit}s" if unit == "month" else str(step)
