"""A CSV file as a table of texts, whose errors name the file, the column and the line."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ostinato.errors import ConfigError, FormatError
from ostinato.suggest import did_you_mean

MISSING: Final = frozenset(("", "na", "n/a", "nan", "null", "none"))
"""Cells without a value, in lower case."""

COMMAS: Final = re.compile(r"[+-]?\d+(,\d+)+(\.\d*)?")
"""A number with commas, for thousands or as the decimal point."""

_COMMA: Final = re.compile(r"[+-]?\d+,\d*(e[+-]?\d+)?|[+-]?,\d+(e[+-]?\d+)?", re.IGNORECASE)
_POINT: Final = re.compile(r"[+-]?(\d+\.\d*|\.\d+)(e[+-]?\d+)?|[+-]?\d+(\.\d{3})+,\d*", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Table:
    """The cells of a CSV file.

    names: of the columns. rows: the cells of each row, as many as there are names; none of an empty line.
    lines: the line of each row.
    """

    path: str
    names: list[str]
    rows: list[list[str]]
    lines: list[int]

    def place(self, name: str, what: str) -> int:
        """The place of a column. what: names it in errors. Raises ConfigError."""
        if name not in self.names:
            hint = did_you_mean(name, self.names, "columns")
            raise ConfigError(f"{self.path}: {what} is {name!r}, which no column has; {hint}")
        if self.names.count(name) > 1:
            raise ConfigError(f"{self.path}: two columns have the name {name!r}; expected other names")
        return self.names.index(name)

    def number(self, row: int, place: int) -> float:
        """The number of a cell. Raises FormatError for any other text, also for a missing value."""
        text = self.rows[row][place]
        found = number(text)
        what = f"{self.path}: the column {self.names[place]!r} has"
        if found is None or math.isinf(found):
            hint = ""
            if COMMAS.fullmatch(text.strip()):
                hint = " with a decimal point and nothing between thousands, such as 1234.5, or --decimal ,"
            raise FormatError(f"{what} {text!r} at line {self.lines[row]}; expected a number{hint}")
        if math.isnan(found):
            raise FormatError(
                f"{what} no value at line {self.lines[row]}; fill it, or leave the line out"
                if not text.strip()
                else f"{what} {text!r}, no value, at line {self.lines[row]}; fill it, or leave the line out"
            )
        return found


def read_table(path: str, expected: str, decimal: str = ".") -> Table:
    """The table in a file. expected: what is in it, for errors. decimal: "." or ",", which becomes ".".

    With a decimal comma the cells are separated by semicolons or tabs. Raises FormatError, OSError.
    """
    try:
        # -sig: spreadsheets write a mark before the first name
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        if error.object[8:10] == b'{"':  # safetensors, whose first bytes are a length
            raise FormatError(f"{path}: this is a model file; expected a CSV file") from error
        raise FormatError(
            f"{path}: not UTF-8: byte 0x{error.object[error.start]:02x} at {error.start}; save the file as "
            "CSV UTF-8"
        ) from error
    if not text.strip():
        raise FormatError(f"{path}: the file is empty; expected {expected}")
    first = text.lstrip("\r\n").partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(first, decimal))
    try:
        header = next(row for row in reader if row)
        found = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise FormatError(f"{path}: line {reader.line_num} is no CSV: {error}") from error
    if all(map(_is_data, header)):
        raise FormatError(
            f"{path}: the first line has numbers, {', '.join(header[:4])}, and no names; write a line with "
            "the names of the columns above it"
        )
    if len(header) == 1 and "|" in header[0] and all("|" in "".join(row) for _, row in found if row):
        raise FormatError(
            f"{path}: the header is one cell, {header[0]!r}; expected commas, semicolons or tabs between "
            "cells, not |"
        )
    for line, row in found:
        if row and len(row) != len(header):
            raise FormatError(f"{path}: line {line} has {len(row)} cells; the header has {len(header)}")
    if decimal == ",":
        found = [(line, _with_points(path, header, line, row)) for line, row in found]
    return Table(path, header, [row for _, row in found], [line for line, _ in found])


def _with_points(path: str, header: list[str], line: int, row: list[str]) -> list[str]:
    """The cells of a line with decimal points. Raises FormatError for a number that has one already."""
    for name, text in zip(header, row, strict=False):
        if _POINT.fullmatch(text.strip()):
            raise FormatError(
                f"{path}: the column {name!r} has {text!r} at line {line}; with --decimal , expected numbers "
                "such as 1234,5, with nothing between thousands"
            )
    return [text.replace(",", ".") if _COMMA.fullmatch(text.strip()) else text for text in row]


def number(text: str) -> float | None:
    """A number; NaN for a missing one, None for any other text, also for "1_000", which Python reads."""
    if is_missing(text):
        return math.nan
    if "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def is_unnamed(name: str) -> bool:
    """Whether a column has no name of its own, as the index that pandas writes."""
    return re.fullmatch(r"\s*|Unnamed: \d+", name) is not None


def is_missing(text: str) -> bool:
    """Whether a cell has no value."""
    return text.strip().lower() in MISSING


def is_blank(text: str) -> bool:
    """Whether a cell of texts has no value: "none", "NA" and "Nan" may be labels, or words."""
    return not text.strip()


def without_value(cells: Sequence[str]) -> list[bool]:
    """Whether each cell of a column of labels or names has no value.

    Among texts an empty cell has none; if all others are numbers, neither has "nan", as programs write it.
    """
    is_nan = [one.strip().lower() == "nan" for one in cells]
    others = [one for one, nan in zip(cells, is_nan, strict=True) if not nan and not is_blank(one)]
    nan_is_missing = bool(others) and are_numbers(others)
    return [is_blank(one) or (nan and nan_is_missing) for one, nan in zip(cells, is_nan, strict=True)]


def are_numbers(cells: Sequence[str]) -> bool:
    """Whether every cell is a number."""
    return all(isinstance(number(one), float) and not is_missing(one) for one in cells)


def _delimiter(header: str, decimal: str) -> str:
    """What stands between the names of a header: the comma, if it is there and not the decimal sign."""
    return next((one for one in ",;\t" if one in header and one != decimal), ";" if decimal == "," else ",")


def _is_data(name: str) -> bool:
    """Whether a name of the first line is a number or a date."""
    text = name.strip()
    return bool(text) and (not any(map(str.isalpha, text)) or isinstance(number(text), float))
