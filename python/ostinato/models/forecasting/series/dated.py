"""The times of an index: wide tables whose rows have dates, and Series with dates."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from ostinato.errors import ConfigError, shown
from ostinato.models.reading.times import DATE, ZONED, Times, read_indexes
from ostinato.sequences.arrays import Array, as_numbers
from ostinato.sequences.containers import from_table, is_frame, is_series

LIKE_A_DATE: Final = re.compile(r"[0-9]{1,4}[./-][0-9]{1,2}([./-][0-9]{1,4}.*)?|[0-9]{6}|[0-9]{8}")
"""Texts that are not read as dates, but may be some."""


def index_of(value: Any) -> Any:
    """The times in the index of a table or a Series: dates, periods, or texts of dates; otherwise None.

    Numbers in an index count rows, so they are no times. Raises ConfigError if they fall, and for texts that
    seem to be dates of another form.
    """
    index: Any = getattr(value, "index", None)
    if not (is_frame(value) or is_series(value)) or not hasattr(index, "to_numpy"):
        return None
    if hasattr(index, "levels"):
        raise ConfigError(
            "a table with an index of several levels is no wide table: write table.reset_index(), and name "
            "the columns with id=, time= and target="
        )
    times = index.to_numpy()
    if not len(times):
        return None
    if times.dtype.kind in "iuf":
        if len(times) > 2 and (times[1:] < times[:-1]).all():
            raise ConfigError(
                f"the index of a table falls from {times[0]} to {times[-1]}; expected rows in the order of "
                "time: .sort_index(), or .reset_index(drop=True) if they are"
            )
        return None
    if times.dtype.kind == "M" or all(map(_is_time, times)):
        return times
    if all(isinstance(one, str) and LIKE_A_DATE.fullmatch(one) for one in times):
        raise ConfigError(
            f"the index of a table has texts such as {shown(times[0])}, which seem to be dates; expected a "
            "form such as '2026-01-31': use pandas.to_datetime, or .reset_index(drop=True) to count rows"
        )
    return None


def indexes_of(owner: str, name: str, given: Any, ids: Sequence[Any]) -> list[Any] | None:
    """The times in the index of each series, None if none has any. Raises ConfigError if only some do."""
    if is_frame(given) or is_series(given):
        times = index_of(given)
        return None if times is None else [times] * len(ids)
    if not isinstance(given, (Mapping, list, tuple)):
        return None
    found = [index_of(one) for one in (given.values() if isinstance(given, Mapping) else given)]
    missing = [one is None for one in found]
    if all(missing) or len(found) != len(ids):
        return None
    if any(missing):
        raise ConfigError(
            f"{owner}: {name}[{shown(ids[missing.index(False)])}] has an index of dates, "
            f"{name}[{shown(ids[missing.index(True)])}] has none; expected dates in all series, or in none"
        )
    return found


def name_of(given: Any) -> str:
    """The name of the index of a table, of a Series or of the first of several; "time" without one."""
    one = given
    if isinstance(given, (Mapping, list, tuple)):
        one = next(iter(given.values() if isinstance(given, Mapping) else given))
    name = getattr(one.index, "name", None)
    return name if isinstance(name, str) and name not in ("id", "y") else "time"


def continued(owner: str, what: str, given: Any, clock: Times | None, wanted: Any) -> Any:
    """Values with dates at every tick of the clock, NaN in gaps; what has no dates, as it is.

    Raises ConfigError if the dates fit no tick, or do not begin with the time `wanted`.
    """
    times = index_of(given)
    if times is None:
        return given
    if clock is None:
        raise ConfigError(
            f"{owner}: {what} has an index of dates, but the series has none; give its values: .to_numpy()"
        )
    (found,), _ = read_indexes(owner, [what], [times], regular=False)
    if found[0] != wanted:
        raise ConfigError(f"{owner}: {what} begins with {found[0]}; expected {wanted}")
    off = np.flatnonzero((clock.ticks(found) - clock.ticks(found[:1])) % clock.step)
    if off.size:
        raise ConfigError(f"{owner}: {what} has {found[off[0]]}; expected steps of {clock}, as the series")
    values: Array = as_numbers(f"{owner}: {what}", from_table(f"{owner}: {what}", given))
    return clock.filled(values, found)


def _is_time(one: Any) -> bool:
    if isinstance(one, str):
        return bool(DATE.fullmatch(one) or ZONED.fullmatch(one))
    return isinstance(one, datetime.date) or hasattr(one, "to_timestamp")
