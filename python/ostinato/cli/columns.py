"""The columns of numbers of a CSV file, for `ostinato forecast`."""

from __future__ import annotations

import csv
import io
import math
import re
from pathlib import Path
from typing import Final

import numpy as np

from ostinato.errors import FormatError
from ostinato.sequences.arrays import Array

MISSING: Final = frozenset(("", "na", "n/a", "nan", "null", "none"))
"""Cells without a value, in lower case."""

COMMAS: Final = re.compile(r"[+-]?\d+(,\d+)+(\.\d*)?")
"""A number with commas, for thousands or as the decimal point."""

Rows = list[tuple[int, list[str]]]
"""Cells with the number of their line."""


def read_columns(path: str) -> dict[str, Array]:
    """The columns of numbers by name, without what is missing at their ends; missing values between are NaN.

    A column without any number, such as dates, is left out. Raises FormatError that names the line, OSError.
    """
    header, rows = _cells(path)
    found: dict[str, Array] = {}
    for place, name in enumerate(header):
        values = _values(f"{path}: the column {name!r}", [(line, row[place]) for line, row in rows])
        known = np.flatnonzero(~np.isnan(values))
        if not known.size:
            continue
        if name in found:
            raise FormatError(f"{path}: two columns of numbers have the name {name!r}; expected other names")
        found[name] = values[known[0] : known[-1] + 1]
    if not found:
        raise FormatError(f"{path}: no column of numbers; expected a header, and series as columns")
    return found


def _cells(path: str) -> tuple[list[str], Rows]:
    """The names of the columns and the rows, all of one length."""
    try:
        # -sig: spreadsheets write a mark before the first name
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{path}: not UTF-8: byte 0x{error.object[error.start]:02x} at {error.start}; save the file as "
            "CSV UTF-8"
        ) from error
    if not text.strip():
        raise FormatError(f"{path}: the file is empty; expected a header, and series as columns")
    first = text.lstrip("\r\n").partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(first))
    try:
        header = next(row for row in reader if row)
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise FormatError(f"{path}: line {reader.line_num} is no CSV: {error}") from error
    if all(map(_is_data, header)):
        raise FormatError(
            f"{path}: the first line has numbers, {', '.join(header[:4])}, and no names; write a line with "
            "the names of the columns above it"
        )
    width = len(header)
    rows = [(line, row or [""] * width) for line, row in rows]  # an empty line is a missing step
    for line, row in rows:
        if len(row) != width:
            raise FormatError(f"{path}: line {line} has {len(row)} cells; the header has {width}")
    return header, rows


def _delimiter(header: str) -> str:
    """The comma, or what stands between the names of a header without commas."""
    return next((one for one in ",;\t" if one in header), ",")


def _is_data(name: str) -> bool:
    """Whether a name of the first line is a number or a date."""
    text = name.strip()
    return bool(text) and (not any(map(str.isalpha, text)) or isinstance(_number(text), float))


def _values(what: str, cells: list[tuple[int, str]]) -> Array:
    """The values (n,) of a column, all NaN if it holds no number. Raises FormatError."""
    numbers = [_number(text) for _, text in cells]
    has_numbers = any(one is not None and not math.isnan(one) for one in numbers)
    for (line, text), number in zip(cells, numbers, strict=True):
        if number is None and COMMAS.fullmatch(text.strip()):
            raise FormatError(
                f"{what} has {text!r} at line {line}; expected numbers with a decimal point and nothing "
                "between thousands, such as 1234.5"
            )
        if has_numbers and (number is None or math.isinf(number)):
            raise FormatError(
                f"{what} has {text!r} at line {line}; expected a number, or an empty cell for a missing one"
            )
    return np.array([math.nan if one is None else one for one in numbers], np.float64)


def _number(text: str) -> float | None:
    """A number; NaN for a missing one, None for any other text."""
    if text.strip().lower() in MISSING:
        return math.nan
    try:
        return float(text)
    except ValueError:
        return None
