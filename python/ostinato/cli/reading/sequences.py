"""The sequences of a CSV file, and the answer of each: `ostinato fit` and `ostinato predict` read them.

In the wide form a line is a sequence, and a column is a step of one feature; a line may end early, with empty
cells. In the long form a line is a step, a column names the sequence, and a column is a feature.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ostinato.cli.reading.dates import hint_of, iso_dates
from ostinato.cli.reading.table import (
    Table,
    are_numbers,
    is_blank,
    is_missing,
    is_unnamed,
    number,
    without_value,
)
from ostinato.errors import ConfigError, FormatError, OstinatoError, shown
from ostinato.models.reading.long_table import LongTable, read_long
from ostinato.sequences.arrays import Array


@dataclass(frozen=True)
class Layout:
    """What the columns of a file are. features: all others; empty before they are known."""

    target: tuple[str, ...] = ()
    id: str | None = None
    time: str | None = None
    ignore: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    words: bool = False
    """Whether the one feature is a word."""
    decimal: str = "."
    """The decimal sign of its numbers, "." or ","."""
    date_format: str = ""
    """How its dates are written, as of `datetime.strptime`; "" for 2026-01-31."""

    def check(self, table: Table, *, needs_id: bool = True) -> None:
        """Raises ConfigError for a column that is not there or named twice, and for --time without --id.

        needs_id: a column of times belongs to steps, so it needs that of the sequences, and the date format
        needs it. Without, the first column of dates has the times.
        """
        flags = {"--id": [self.id], "--time": [self.time], "--ignore": self.ignore, "--target": self.target}
        seen: dict[str, str] = {}
        for flag, names in flags.items():
            for name in names:
                if name is None:
                    continue
                table.place(name, flag)
                if name in seen:
                    raise ConfigError(
                        f"{flag} is {name!r}, which is {seen[name]} too; expected another column"
                    )
                seen[name] = flag
        if needs_id and self.time is not None and self.id is None:
            raise ConfigError(
                f"--time is {self.time!r}, but the file has a sequence in each line; give --id, the column "
                "that names the sequence, if a line is a step"
            )
        if self.date_format and self.time is None and (needs_id or self.id is not None):
            raise ConfigError(
                f"--date-format is {self.date_format!r}, but no column of dates is read; give --time, the "
                "column of the dates, with --id, or omit --date-format"
            )

    def state(self) -> dict[str, Any]:
        """For a model file."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()
        }

    @classmethod
    def from_state(cls, state: Any) -> Layout:
        """The inverse of `state`. Raises FormatError."""
        try:
            fields: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value for name, value in state.items()
            }
            return cls(**fields)
        except (TypeError, AttributeError) as error:
            raise FormatError(f"the model file describes columns as {shown(state)}: {error}") from error


@dataclass(frozen=True, eq=False)
class Sequences:
    """The sequences of a table.

    names: the id of each, or its line. rows: the rows of the table that are its steps; in the wide form one.
    x: arrays (T, F), or lists of words.
    """

    table: Table
    layout: Layout
    names: list[Any]
    rows: list[list[int]]
    x: list[Any]

    def cells(self, name: str) -> list[list[str]]:
        """The texts of a column at the steps of each sequence."""
        place = self.table.place(name, "the column")
        return [[self.table.rows[row][place] for row in rows] for rows in self.rows]

    def one_cell(self, name: str) -> list[tuple[int, str]]:
        """The row and the text of a column of which each sequence has one value.

        Raises FormatError for a sequence with several.
        """
        found = []
        for one, rows, texts in zip(self.names, self.rows, self.cells(name), strict=True):
            for row, text in zip(rows, texts, strict=True):
                if text != texts[0]:
                    raise FormatError(
                        f"{self.table.path}: the column {name!r} has {texts[0]!r} and, at line "
                        f"{self.table.lines[row]}, {text!r} for {self.layout.id} {one}; expected one value "
                        "for each sequence"
                    )
            found.append((rows[0], texts[0]))
        return found

    @property
    def roles(self) -> dict[str, list[str]]:
        """The columns by what they are read as."""
        of = self.layout
        named = {
            "target": list(of.target),
            "id": [] if of.id is None else [of.id],
            "time": [] if of.time is None else [of.time],
            "steps" if of.id is None else "words" if of.words else "features": list(of.features),
        }
        used = {one for names in named.values() for one in names}
        return {**named, "left out": [one for one in self.table.names if one not in used]}

    def take(self, places: Array) -> Sequences:
        """Some of the sequences."""
        return replace(
            self,
            names=[self.names[n] for n in places],
            rows=[self.rows[n] for n in places],
            x=[self.x[n] for n in places],
        )


def read_sequences(table: Table, layout: Layout, may_be_words: bool = False) -> Sequences:
    """The sequences of a file. may_be_words: one column of texts in the long form is read as words.

    A column without a name is left out.

    Raises ConfigError, FormatError that name the column and the line.
    """
    lines = read_lines(table, layout)
    layout, kept = lines.layout, [row for (row,) in lines.rows]
    places = [table.place(name, "the column") for name in layout.features]
    if layout.id is None:
        return replace(lines, x=[_wide(table, n, places) for n in kept])
    columns = {layout.id: cells_of(table, layout.id, kept)}
    if layout.time is not None:
        columns[layout.time] = times_of(table, layout.time, kept, layout.date_format)
    long = read_rows(table, columns, layout, kept, regular=False)
    steps = [[kept[int(n)] for n in rows] for rows in long.rows]
    if layout.words or (len(places) == 1 and may_be_words and _is_text(table, kept, places[0])):
        layout = replace(layout, words=True)
        x: list[Any] = [[_word(table, row, places[0]) for row in rows] for rows in steps]
    else:
        x = [np.array([[table.number(row, place) for place in places] for row in rows]) for rows in steps]
    return Sequences(table, layout, long.ids, steps, x)


def read_lines(table: Table, layout: Layout) -> Sequences:
    """The lines of a file, each with its cells as texts, and what its columns are.

    Raises the errors of `read_sequences`.
    """
    layout.check(table)
    named = {layout.id, layout.time, *layout.target, *layout.ignore}
    unnamed = [one for one in table.names if is_unnamed(one) and one not in {*named, *layout.features}]
    others = [name for name in table.names if name not in {*named, *unnamed}]
    _check_features(table, layout, others)
    layout = replace(layout, features=layout.features or tuple(others))
    kept = [n for n, row in enumerate(table.rows) if row]
    if not kept:
        raise FormatError(f"{table.path}: no line below the names; expected sequences")
    cells = [table.rows[n] for n in kept]
    return Sequences(table, layout, [table.lines[n] for n in kept], [[n] for n in kept], cells)


def _check_features(table: Table, layout: Layout, others: Sequence[str]) -> None:
    """Raises ConfigError if there is no feature, or if the features are not those of fit."""
    if not others:
        raise ConfigError(f"{table.path}: no column is left to learn from; the columns are {table.names}")
    if not layout.features or set(layout.features) == set(others):
        return
    parts = []
    for what, names in (
        ("has the columns", [one for one in others if one not in layout.features]),
        ("lacks the columns", [one for one in layout.features if one not in others]),
    ):
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            parts.append(f"{what} {', '.join(names[:5])}{more}")
    raise ConfigError(
        f"{table.path} {' and '.join(parts)}, compared with the data of the fit; expected the same columns, "
        "or --ignore for those that are not to be read"
    )


def _wide(table: Table, row: int, places: Sequence[int]) -> Array:
    """The sequence (T, 1) of a line without the empty cells at its end."""
    cells = table.rows[row]
    steps = len(places)
    while steps and is_missing(cells[places[steps - 1]]):
        steps -= 1
    if not steps:
        raise FormatError(f"{table.path}: line {table.lines[row]} has no number; leave the line out")
    return np.array([[table.number(row, place)] for place in places[:steps]])


def read_rows(
    table: Table, columns: dict[str, Any], layout: Layout, kept: Sequence[int], regular: bool
) -> LongTable:
    """The rows of each sequence, in the order of time. Raises FormatError that names the line.

    columns: of the rows `kept` of the table. regular: whether the times must fit a clock.
    """
    try:
        return read_long(table.path, columns, id=layout.id, time=layout.time, regular=regular)
    except OstinatoError as error:
        message = re.sub(
            r"\bin row (\d+)", lambda hit: f"at line {table.lines[kept[int(hit[1])]]}", str(error)
        )
        raise FormatError(message) from error


def cells_of(table: Table, name: str, kept: Sequence[int]) -> list[Any]:
    """The cells of a column, None for a missing one."""
    place = table.place(name, "the column")
    cells = [table.rows[n][place] for n in kept]
    return [None if missing else one for one, missing in zip(cells, without_value(cells), strict=True)]


def times_of(table: Table, name: str, kept: Sequence[int], date_format: str) -> Any:
    """Times that are numbers as numbers; others, such as dates, as texts.

    Raises FormatError for a missing one, and for dates that are written otherwise than date_format, or than
    2026-01-31, says.
    """
    place = table.place(name, "the column")
    cells = [table.rows[n][place] for n in kept]
    for row, text in zip(kept, cells, strict=True):
        if is_missing(text):
            raise FormatError(
                f"{table.path}: the column {name!r} has no time at line {table.lines[row]}; fill it, or "
                "leave the line out"
            )
    if date_format:
        return iso_dates(table, name, kept, date_format)
    for row, one in zip(kept, cells, strict=True):
        hint = hint_of(one)
        if hint is not None:
            raise FormatError(
                f"{table.path}: the column {name!r} has {one!r} at line {table.lines[row]}; expected dates "
                f"such as 2026-01-31, or {hint}"
            )
    if any(number(one) is None for one in cells):
        return cells
    values = np.array([float(one) for one in cells])
    return values.astype(np.int64) if (values == np.floor(values)).all() else values


def _is_text(table: Table, kept: Sequence[int], place: int) -> bool:
    """Whether a column holds words: a cell that is neither a number nor empty."""
    cells = [table.rows[n][place] for n in kept]
    return not are_numbers([one for one in cells if not is_missing(one)])


def _word(table: Table, row: int, place: int) -> str:
    text = table.rows[row][place]
    if is_blank(text):
        raise FormatError(
            f"{table.path}: the column {table.names[place]!r} has no word at line {table.lines[row]}; leave "
            "the line out"
        )
    return text
