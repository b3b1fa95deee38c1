"""Dates of a CSV file that are not written as 2026-01-31: `--date-format` says how they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from ostinato.cli.reading.table import Table
from ostinato.errors import ConfigError, FormatError

FLAG: Final = "--date-format"
_OTHER: Final = re.compile(r"(\d{1,4})([./-])\d{1,2}\2(\d{1,4})(?:[ T](\d{1,2}:\d{2}(:\d{2})?))?")
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:[ T].*)?")


def check_format(given: str) -> None:
    """Raises ConfigError for a format without a year, with a time zone, or with an unknown directive."""
    if not given:
        raise ConfigError(f"{FLAG} is '', which is empty; expected one such as %d.%m.%Y")
    if re.search(r"%:?[zZ]", given.replace("%%", "")):
        raise ConfigError(
            f"{FLAG} is {given!r}: time zones are not read; write all times of the file in one zone, "
            "without its name"
        )
    try:
        datetime.strptime(datetime(2026, 1, 31).strftime(given), given)
    except ValueError as error:
        raise ConfigError(f"{FLAG} is {given!r}: {error}; expected one such as %d.%m.%Y") from error
    if not re.search(r"%[YyGcxDF]", given):
        raise ConfigError(f"{FLAG} is {given!r}, which has no year; expected one such as %d.%m.%Y")


def iso_dates(table: Table, name: str, kept: Sequence[int], given: str) -> list[str | None]:
    """The dates of a column as 2026-01-31, and a time of day if one of them has any; None for a missing one.

    kept: the rows that are read. Raises FormatError that names the line.
    """
    place, found = table.place(name, "the column"), []
    for row in kept:
        text = table.rows[row][place].strip()
        try:
            found.append(datetime.strptime(text, given) if text else None)
        except ValueError as error:
            raise FormatError(
                f"{table.path}: the column {name!r} has {text!r} at line {table.lines[row]}, which is not "
                f"written as {FLAG} {given}"
            ) from error
    days = all(one is None or one.time() == datetime.min.time() for one in found)
    return [None if one is None else one.date().isoformat() if days else one.isoformat() for one in found]


def are_dates(cells: Sequence[str], given: str) -> bool:
    """Whether all texts are dates in this format."""
    try:
        return bool(cells) and all(datetime.strptime(one.strip(), given) for one in cells)
    except ValueError:
        return False


def looks_like_date(text: str) -> bool:
    """Whether a text may be meant as a date, in whatever form."""
    return _ISO.fullmatch(text) is not None or hint_of(text) is not None


def hint_of(text: Any) -> str | None:
    """The flag for a date that is not written as 2026-01-31, for both orders of day and month; else None."""
    hit = _OTHER.fullmatch(text.strip()) if isinstance(text, str) else None
    if hit is None or _ISO.fullmatch(text.strip()):
        return None
    first, sign, last, time, seconds = hit.groups()
    after = "" if time is None else f"{text.strip()[-len(time) - 1]}%H:%M{'' if seconds is None else ':%S'}"
    if len(first) == 4:
        return f"{FLAG} '%Y{sign}%m{sign}%d{after}'"
    year = "%Y" if len(last) == 4 else "%y"
    orders = [f"'{one}{sign}{year}{after}'" for one in (f"%d{sign}%m", f"%m{sign}%d")]
    return f"{FLAG} {orders[0]} if the day is first, or {orders[1]} if the month is"
