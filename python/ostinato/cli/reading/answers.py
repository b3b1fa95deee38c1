"""The target column of a CSV file: labels and numbers, of sequences or of steps."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from ostinato.cli.reading.sequences import Sequences
from ostinato.cli.reading.table import Table, is_blank, is_missing, number, without_value
from ostinato.errors import FormatError
from ostinato.models.reading.labels import classes_of
from ostinato.sequences.arrays import Array

_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]*")
"""A whole number as Python writes it."""


def labels(sequences: Sequences) -> Array:
    """The label of each sequence (N,). Raises FormatError for a missing one; ConfigError for one class."""
    (target,) = sequences.layout.target
    cells = sequences.one_cell(target)
    made = _labels(_known(sequences.table, target, cells))
    classes_of(sequences.table.path, made, f"the column {target!r}")
    return made


def step_labels(sequences: Sequences) -> list[Array]:
    """The labels of the steps of each sequence. Raises the errors of `labels`."""
    (target,) = sequences.layout.target
    cells = [
        one
        for rows, texts in zip(sequences.rows, sequences.cells(target), strict=True)
        for one in zip(rows, texts, strict=True)
    ]
    made = _labels(_known(sequences.table, target, cells))
    classes_of(sequences.table.path, made, f"the column {target!r}")
    ends = np.cumsum([len(rows) for rows in sequences.rows])[:-1]
    return np.split(made, ends)


def numbers(sequences: Sequences) -> Array:
    """The numbers (N,), or (N, K) of K columns. Raises FormatError for what is no number."""
    table, targets = sequences.table, sequences.layout.target
    columns = []
    for target in targets:
        place = table.place(target, "--target")
        for row, text in sequences.one_cell(target):
            if number(text) is None:
                raise FormatError(
                    f"{table.path}: the column {target!r} has {text!r} at line {table.lines[row]}; a "
                    "regressor expects numbers; for classes use: ostinato fit classifier"
                )
        columns.append([table.number(row, place) for row, _ in sequences.one_cell(target)])
    made = np.array(columns).T
    found: Array = made[:, 0] if len(targets) == 1 else made
    return found


def _known(table: Table, target: str, cells: Sequence[tuple[int, str]]) -> list[str]:
    """The labels of rows. Raises FormatError for a missing one."""
    texts = [text for _, text in cells]
    for (row, _), missing in zip(cells, without_value(texts), strict=True):
        if missing:
            raise FormatError(
                f"{table.path}: the column {target!r} has no label at line {table.lines[row]}; leave the "
                "line out"
            )
    return texts


def _labels(texts: list[str]) -> Array:
    """Whole numbers if each is written as Python writes it; otherwise texts: "007" is not "7".

    Numbers of which one has a fraction stay numbers, which are no labels.
    """
    if all(map(_WHOLE.fullmatch, texts)):
        whole = [int(text) for text in texts]
        return np.array(whole) if all(abs(one) < 2**63 for one in whole) else np.array(texts)
    values = [number(text) for text in texts]
    found = [one for one in values if one is not None and math.isfinite(one)]
    if len(found) == len(texts) and any(not one.is_integer() for one in found):
        return np.array(found)
    return np.array(texts)


def known_labels(texts: list[str], classes: Array) -> tuple[Array, Array]:
    """The places of texts that are labels, and these labels as classes; a text that is no class stays one."""
    has_numbers = classes.dtype.kind in "iuf"
    is_none = is_missing if has_numbers else is_blank
    places = np.array([n for n, text in enumerate(texts) if not is_none(text)], np.int64)
    by_text = {str(one): one for one in classes.tolist()}
    found = np.empty(len(places), object)
    for place, n in enumerate(places):
        text = texts[n]
        # pandas writes whole numbers as "7.0" if one of them is missing
        is_whole = has_numbers and _WHOLE.fullmatch(text.removesuffix(".0"))
        value = float(text) if is_whole else None
        found[place] = value if value is not None and value in classes else by_text.get(text, text)
    return places, found
