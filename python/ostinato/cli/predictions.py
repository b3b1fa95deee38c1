"""Predictions of the sequences of a CSV file as lines of CSV, and their score."""

from __future__ import annotations

import csv
import sys
from typing import Any

import numpy as np

from ostinato.cli.answers import known_labels, numbers
from ostinato.cli.scores import score_text
from ostinato.cli.sequences import Sequences
from ostinato.cli.table import is_missing
from ostinato.models import SequenceClassifier, SequenceRegressor, SequenceTagger
from ostinato.sequences.arrays import Array

Lines = list[list[Any]]
"""The lines of the output, the names first."""


def write(lines: Lines, path: str | None) -> None:
    """Writes CSV to a file, or to standard output. Raises OSError."""
    if path is None:
        csv.writer(sys.stdout).writerows(lines)
        return
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(lines)


def prediction_lines(data: Sequences, model: Any, found: Any) -> Lines:
    """What `predict` of an estimator returned, as lines: one for each sequence, or for each step."""
    if isinstance(model, SequenceClassifier):
        return _of_classes(data, model, found)
    return _of_numbers(data, found) if isinstance(model, SequenceRegressor) else _of_steps(data, found)


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


def score(model: Any, data: Sequences, found: Any) -> str | None:
    """The score on the sequences whose answer the file has; None without any."""
    target = data.layout.target
    if not target:
        return None
    if isinstance(model, SequenceTagger):
        texts = [text for row in data.cells(target[0]) for text in row]
        places, truth = known_labels(texts, model.classes_)
        flat = np.concatenate(found)[places]
        return _of_known(score_text(model, [flat], [truth]), truth, model) if len(places) else None
    cells = [data.one_cell(one) for one in target]
    if isinstance(model, SequenceClassifier):
        places, truth = known_labels([text for _, text in cells[0]], model.classes_)
        return _of_known(score_text(model, found[places], truth), truth, model) if len(places) else None
    known = np.array([not any(is_missing(text) for _, text in row) for row in zip(*cells, strict=True)])
    places = np.flatnonzero(known)
    return score_text(model, found[places], numbers(data.take(places))) if len(places) else None


def _of_known(text: str, truth: Array, model: SequenceClassifier | SequenceTagger) -> str:
    """A score, and how many labels the model cannot predict."""
    classes = model.classes_.tolist()
    unknown = sum(one not in classes for one in truth.tolist())
    if not unknown:
        return text
    shown = ", ".join(map(str, classes[:8])) + (", ..." if len(classes) > 8 else "")
    what = "1 label is" if unknown == 1 else f"{unknown} labels are"
    return f"{text}; {what} no class of the model: {shown}"
