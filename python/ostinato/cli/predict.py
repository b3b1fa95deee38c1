"""Predict what a saved model says of the sequences in a CSV file."""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import replace
from typing import Any

import numpy as np

from ostinato.cli import saved
from ostinato.cli.answers import known_labels, numbers
from ostinato.cli.layout_flags import add_layout_flags, layout_of
from ostinato.cli.picture import check_folder
from ostinato.cli.plugin_files import add_flag
from ostinato.cli.scores import score_text
from ostinato.cli.sequences import Layout, Sequences, read_sequences
from ostinato.cli.table import Table, is_missing, read_table
from ostinato.errors import ConfigError
from ostinato.models import SequenceClassifier, SequenceRegressor, SequenceTagger

Lines = list[list[Any]]
"""The lines of the output, the names first."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `ostinato predict`."""
    parser.add_argument("model", help="a file that `ostinato fit` wrote, or the save of an estimator")
    add_layout_flags(parser, required=False)
    parser.add_argument("--output", metavar="FILE", help="the CSV file to write (default: standard output)")
    add_flag(parser)


def run(options: argparse.Namespace) -> None:
    """Writes a prediction for each sequence, or each step. Raises OstinatoError, OSError."""
    if options.output is not None:
        check_folder("--output", options.output)
    model, fitted = saved.load(options.model)
    if not isinstance(model, (SequenceClassifier, SequenceRegressor, SequenceTagger)):
        raise ConfigError(
            f"{options.model} holds a {type(model).__name__}, which reads no sequences of a CSV file; use it "
            "in Python: ostinato.load"
        )
    table = read_table(options.data, "sequences")
    data = read_sequences(table, _layout(options, fitted, table), isinstance(model, SequenceTagger))
    found = model.predict(data.x)
    if isinstance(model, SequenceClassifier):
        lines = _of_classes(data, model, found)
    elif isinstance(model, SequenceRegressor):
        lines = _of_numbers(data, found)
    else:
        lines = _of_steps(data, found)
    write(lines, options.output)
    score = _score(model, data, found)
    if score is not None:
        print(score, file=sys.stderr)


def write(lines: Lines, path: str | None) -> None:
    """Writes CSV to a file, or to standard output. Raises OSError."""
    if path is None:
        csv.writer(sys.stdout).writerows(lines)
        return
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(lines)


def _layout(options: argparse.Namespace, fitted: Layout, table: Table) -> Layout:
    """The columns of the fit, but those that flags name. A target of the fit may be missing in the file."""
    flags = layout_of(options)
    target = flags.target or tuple(one for one in fitted.target if one in table.names)
    ignore = flags.ignore or tuple(one for one in fitted.ignore if one in table.names)
    return replace(
        fitted, target=target, id=flags.id or fitted.id, time=flags.time or fitted.time, ignore=ignore
    )


def _first(data: Sequences) -> str:
    return "line" if data.layout.id is None else data.layout.id


def _of_classes(data: Sequences, model: SequenceClassifier, found: Any) -> Lines:
    chances = model.predict_proba(data.x)
    head = [_first(data), "predicted", *(f"p({one})" for one in model.classes_)]
    rows = zip(data.names, found, chances, strict=True)
    return [head, *([name, one, *(f"{p:.6g}" for p in row)] for name, one, row in rows)]


def _of_numbers(data: Sequences, found: Any) -> Lines:
    columns = found.reshape(len(found), -1)
    names = data.layout.target if len(data.layout.target) == columns.shape[1] > 1 else ()
    several = [f"predicted {one}" for one in names or range(1, columns.shape[1] + 1)]
    head = [_first(data), *(["predicted"] if columns.shape[1] == 1 else several)]
    rows = zip(data.names, columns, strict=True)
    return [head, *([name, *(f"{one:.6g}" for one in row)] for name, row in rows)]


def _of_steps(data: Sequences, found: Any) -> Lines:
    time = data.layout.time
    times = data.cells(time) if time is not None else [range(1, len(one) + 1) for one in found]
    lines: Lines = [[_first(data), "step" if time is None else time, "predicted"]]
    for name, when, row in zip(data.names, times, found, strict=True):
        lines += [[name, *one] for one in zip(when, row, strict=True)]
    return lines


def _score(model: Any, data: Sequences, found: Any) -> str | None:
    """The score on the sequences whose answer the file has; None without any."""
    target = data.layout.target
    if not target:
        return None
    if isinstance(model, SequenceTagger):
        texts = [text for row in data.cells(target[0]) for text in row]
        places, truth = known_labels(texts, model.classes_)
        flat = np.concatenate(found)[places]
        return score_text(model, [flat], [truth]) if len(places) else None
    cells = [data.one_cell(one) for one in target]
    if isinstance(model, SequenceClassifier):
        places, truth = known_labels([text for _, text in cells[0]], model.classes_)
        return score_text(model, found[places], truth) if len(places) else None
    known = np.array([not any(is_missing(text) for _, text in row) for row in zip(*cells, strict=True)])
    places = np.flatnonzero(known)
    return score_text(model, found[places], numbers(data.take(places))) if len(places) else None
