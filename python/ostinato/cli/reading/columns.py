"""The columns of numbers of a CSV file as series."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from ostinato.cli.reading.table import COMMAS, Table, is_unnamed, number
from ostinato.errors import FormatError
from ostinato.sequences.arrays import Array


def read_columns(table: Table, skipped: Collection[str]) -> dict[str, Array]:
    """The columns of numbers by name, (rows,) each, NaN where a value is missing.

    A column without any number, such as dates, and one without a name, such as the index that pandas writes,
    are left out. skipped: columns that are not read. Raises FormatError that names the line.
    """
    found: dict[str, Array] = {}
    for place, name in enumerate(table.names):
        if name in skipped or is_unnamed(name):
            continue
        # an empty line is a missing step
        cells = [(line, row[place] if row else "") for line, row in zip(table.lines, table.rows, strict=True)]
        values = _values(f"{table.path}: the column {name!r}", cells)
        if np.isnan(values).all():
            continue
        if name in found:
            raise FormatError(
                f"{table.path}: two columns of numbers have the name {name!r}; expected other names"
            )
        found[name] = values
    if not found:
        raise FormatError(f"{table.path}: no column of numbers; expected a header, and series as columns")
    return found


def _values(what: str, cells: list[tuple[int, str]]) -> Array:
    """The values (n,) of a column, all NaN if it holds no number. Raises FormatError."""
    numbers = [number(text) for _, text in cells]
    has_numbers = any(one is not None and not math.isnan(one) for one in numbers)
    for (line, text), one in zip(cells, numbers, strict=True):
        if one is None and COMMAS.fullmatch(text.strip()):
            raise FormatError(
                f"{what} has {text!r} at line {line}; expected numbers with a decimal point and nothing "
                "between thousands, such as 1234.5, or --decimal ,"
            )
        if has_numbers and (one is None or math.isinf(one)):
            raise FormatError(
                f"{what} has {text!r} at line {line}; expected a number, or an empty cell for a missing one"
            )
    return np.array([math.nan if one is None else one for one in numbers], np.float64)
