"""Estimators that write sequences: `ostinato predict` reads their models; they are fitted in Python."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ostinato.cli.kinds.kind import (
    Kind,
    Lines,
    Prediction,
    check_data,
    check_no_data,
    check_no_horizon,
    check_one_target,
)
from ostinato.cli.kinds.sequences import first_column, layout_of_fit
from ostinato.cli.reading.sequences import Layout, Sequences, read_lines, read_sequences
from ostinato.cli.reading.table import Table, is_blank, is_missing, read_table
from ostinato.errors import ConfigError, FormatError
from ostinato.models import LanguageModel, Seq2Seq, SequenceGenerator
from ostinato.models.writing.contexts import LABELS, NOTHING
from ostinato.models.writing.symbols import ARRAYS, NUMBERS, TEXT
from ostinato.sequences.arrays import Array


class Seq2SeqKind(Kind):
    """`Seq2Seq`: a sequence of symbols for a text in a cell, for the symbols in a cell, or for steps."""

    estimator = Seq2Seq

    def predict(self, options: argparse.Namespace, model: Seq2Seq, fitted: Layout) -> Prediction:
        """A line for each sequence, and the share without an error if a column has the answers."""
        check_data(options, model, "sequences")
        check_one_target(options, "a Seq2Seq")
        table = read_table(options.data, "sequences", options.decimal or fitted.decimal)
        data = self._read(options, model, table, layout_of_fit(options, fitted, table))
        found = model.predict(data.x)
        lines: Lines = [[first_column(data), "predicted"]]
        lines += [[name, _cell(one)] for name, one in zip(data.names, found, strict=True)]
        return Prediction(lines, _score(model, data, found) if data.layout.target else None)

    def _read(self, options: argparse.Namespace, model: Seq2Seq, table: Table, layout: Layout) -> Sequences:
        """The sequences as the model reads them. Raises ConfigError, FormatError."""
        form = model.x_form_
        if form == ARRAYS:
            return read_sequences(table, layout)
        if layout.id is None:
            data = read_lines(table, layout)
            return replace(data, x=[_symbols(form, _one(data, row), data, row) for (row,) in data.rows])
        if form == TEXT:
            raise ConfigError(
                f"--id is given, but {options.model} reads a text in a cell of each line; omit --id"
            )
        data = read_sequences(table, layout, may_be_words=True)
        pairs = zip(data.rows, data.cells(_only_column(data)), strict=True)
        steps = [zip(rows, cells, strict=True) for rows, cells in pairs]
        return replace(data, x=[[_symbol(form, one, data, row) for row, one in part] for part in steps])


class GeneratorKind(Kind):
    """`SequenceGenerator`: a sequence for each line of a file, which is a context."""

    estimator = SequenceGenerator

    def predict(self, options: argparse.Namespace, model: SequenceGenerator, fitted: Layout) -> Prediction:
        """A line for each context, or of numbers for each step; without contexts, those of one sequence."""
        if model.context_form_ == NOTHING:
            if options.data is not None:
                raise ConfigError(
                    f"{options.model} holds a {type(model).__name__} that was fitted without contexts; omit "
                    "the file"
                )
            check_no_data(options)
            check_no_horizon(options, model)
            return Prediction(_written("sequence", [1], model.predict(1)))
        check_data(options, model, "contexts")
        for flag, given in (("id", options.id), ("time", options.time), ("date-format", options.date_format)):
            if given is not None:
                raise ConfigError(
                    f"--{flag} is {given!r}, but each line of {options.data} is a context; omit it"
                )
        if options.target:
            raise ConfigError(
                f"--target is {options.target[0]!r}, but a SequenceGenerator has no measure of its answers; "
                "give --ignore instead, which leaves the column out"
            )
        table = read_table(options.data, "contexts", options.decimal or fitted.decimal)
        data = read_lines(table, layout_of_fit(options, fitted, table))
        read = _labels if model.context_form_ == LABELS else _numbers
        return Prediction(_written("line", data.names, model.predict(read(table, data, model))))


class LanguageModelKind(Kind):
    """`LanguageModel`: it continues a text, and reads no table."""

    estimator = LanguageModel

    def predict(self, options: argparse.Namespace, model: LanguageModel, fitted: Layout) -> Prediction:
        """Raises ConfigError."""
        raise ConfigError(
            f"{options.model} holds a LanguageModel, which reads no CSV file; to continue a text use "
            f"ostinato sample {options.model} --prompt TEXT"
        )


def _only_column(data: Sequences) -> str:
    """The column that is read. Raises ConfigError for several."""
    names = data.layout.features
    if len(names) != 1:
        raise ConfigError(
            f"{data.table.path}: the model reads one column, but the columns are {', '.join(names)}; leave "
            "the others out with --ignore, or name that of the answers with --target"
        )
    return names[0]


def _one(data: Sequences, row: int) -> str:
    """The cell of the only column. Raises ConfigError, FormatError for an empty one."""
    name, table = _only_column(data), data.table
    text = table.rows[row][table.place(name, "the column")]
    if is_blank(text):
        raise FormatError(
            f"{table.path}: the column {name!r} has no value at line {table.lines[row]}; leave the line out"
        )
    return text


def _symbols(form: str, text: str, data: Sequences, row: int) -> Any:
    """A cell as a sequence of the form that training had."""
    return text if form == TEXT else [_symbol(form, one, data, row) for one in text.split()]


def _symbol(form: str, text: str, data: Sequences, row: int) -> Any:
    """One symbol. Raises FormatError for a text where training had whole numbers."""
    if form != NUMBERS:
        return text
    try:
        return int(text)
    except ValueError as error:
        raise FormatError(
            f"{data.table.path}: line {data.table.lines[row]} has {text!r}; the model reads whole numbers"
        ) from error


def _score(model: Seq2Seq, data: Sequences, found: Sequence[Any]) -> str | None:
    """The share of sequences without an error, of those whose answer the file has."""
    cells = data.one_cell(data.layout.target[0])
    is_none = is_missing if model._target.form == NUMBERS else is_blank
    known = [(n, row, text) for n, (row, text) in enumerate(cells) if not is_none(text)]
    if not known:
        return None
    right = sum(found[n] == _symbols(model.y_form_, text, data, row) for n, row, text in known)
    return f"without an error {right / len(known):.3f} ({right} of {len(known)} sequences)"


def _cell(one: Any) -> str:
    """A sequence of symbols in a cell."""
    return one if isinstance(one, str) else " ".join(map(str, one))


def _written(first: str, names: Sequence[Any], found: Sequence[Any]) -> Lines:
    """Lines of sequences of symbols, or of the steps of sequences of numbers."""
    if not isinstance(found[0], np.ndarray):
        return [[first, "predicted"], *([name, _cell(one)] for name, one in zip(names, found, strict=True))]
    width = found[0].shape[1]
    several = ["predicted"] if width == 1 else [f"predicted {n}" for n in range(1, width + 1)]
    lines: Lines = [[first, "step", *several]]
    for name, rows in zip(names, found, strict=True):
        lines += [[name, step, *(f"{x:.6g}" for x in row)] for step, row in enumerate(rows, 1)]
    return lines


def _labels(table: Table, data: Sequences, model: SequenceGenerator) -> list[Any]:
    """The label of each line. Raises FormatError for a text that is no label of the fit."""
    known = model.context_labels_
    by_text = {} if known is None else {str(one): one for one in known.tolist()}
    found = []
    for (row,) in data.rows:
        text = _one(data, row)
        if text not in by_text:
            shown = ", ".join(list(by_text)[:8]) + (", ..." if len(by_text) > 8 else "")
            raise FormatError(
                f"{table.path}: line {table.lines[row]} has {text!r}, which is no label of the fit: {shown}"
            )
        found.append(by_text[text])
    return found


def _numbers(table: Table, data: Sequences, model: SequenceGenerator) -> Array:
    """The numbers (N, F) of each line. Raises ConfigError for another number of columns than in the fit."""
    names, width = data.layout.features, model.context_size_
    if len(names) != width:
        raise ConfigError(
            f"{table.path}: the columns are {', '.join(names)}; the model reads {width} of numbers: leave "
            "others out with --ignore"
        )
    places = [table.place(name, "the column") for name in names]
    return np.array([[table.number(row, place) for place in places] for (row,) in data.rows])
