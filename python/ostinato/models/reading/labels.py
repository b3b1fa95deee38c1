"""Labels of rows as class numbers."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np

from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.models import stored
from ostinato.models.reading.columns import read_column
from ostinato.sequences.arrays import Array


def read_classes(owner: str, y: Any, rows: int) -> Array:
    """The labels (N,) as a caller gave them. Raises ShapeError, ConfigError."""
    if y is None:
        raise ConfigError(f"{owner} requires y to be passed, but the target y is None: the label of each row")
    labels = read_labels(owner, "y", y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        _warn_of_column()
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ShapeError(
            f"{owner}: y is {labels.shape}; y should be a 1d array ({rows},): one label for each row"
        )
    if len(labels) != rows:
        raise ShapeError(
            f"{owner}: Found input variables with inconsistent numbers of samples: X has {rows} rows, y has "
            f"{len(labels)} labels"
        )
    return labels


def read_labels(owner: str, name: str, given: Any) -> Array:
    """Labels as an array. Raises DTypeError, ShapeError; ConfigError for a missing one or a fraction."""
    labels = read_column(owner, name, given)
    if labels.dtype.kind in "US" and isinstance(given, (list, tuple)):
        for n, one in enumerate(given):
            if not isinstance(one, (str, list, tuple, np.ndarray)):
                raise ConfigError(
                    f"{owner}: {name}[{n}] is {shown(one)}, but other labels are texts; expected labels of "
                    "one kind: [str(one) for one in y]"
                )
            _check_end(owner, name, n, one)
    flat = labels.reshape(-1)
    kind = labels.dtype.kind
    if kind == "f":
        wrong = np.flatnonzero(~np.isfinite(flat))
        if wrong.size:
            raise ConfigError(
                f"{owner}: {name}[{wrong[0]}] is {flat[wrong[0]]}; Input y contains NaN or infinity"
            )
        wrong = np.flatnonzero(flat != np.floor(flat))
        if wrong.size:
            raise ConfigError(
                f"{owner}: Unknown label type: continuous. {name}[{wrong[0]}] is {flat[wrong[0]]}; expected "
                "classes: whole numbers, texts or booleans. For numbers to predict use SequenceRegressor"
            )
    elif kind == "O":
        for n, one in enumerate(flat):
            if one is None or (isinstance(one, float) and one != one):
                raise ConfigError(
                    f"{owner}: {name}[{n}] is {shown(one)}; Input y contains NaN: expected a label"
                )
            if not isinstance(one, (str, bool, int, np.integer, np.bool_)):
                raise ConfigError(
                    f"{owner}: Unknown label type: {name}[{n}] is {shown(one)}; expected texts or integers"
                )
            _check_end(owner, name, n, one)
    elif kind not in "biuU":
        raise ConfigError(
            f"{owner}: Unknown label type: {name} has dtype {labels.dtype}; expected texts or integers"
        )
    return labels


def _check_end(owner: str, name: str, place: int, one: Any) -> None:
    """Raises ConfigError for a text that arrays of NumPy would merge with a shorter one."""
    if isinstance(one, str) and one.endswith("\0"):
        raise ConfigError(
            f"{owner}: {name}[{place}] is {shown(one)}, which ends with NUL; arrays of NumPy cut that off; "
            "expected another label"
        )


def classes_of(owner: str, labels: Array, name: str = "y") -> Array:
    """The different labels, sorted. Raises ConfigError if they cannot be sorted, or there is only one."""
    try:
        found = np.unique(labels)
    except TypeError as error:
        raise ConfigError(f"{owner}: {name} mixes labels of types that have no order: {error}") from error
    if not len(found):
        raise ConfigError(f"{owner}: {name} has no label; expected at least 2 classes")
    if len(found) < 2:
        raise ConfigError(
            f"{owner}: {name} has only one class, {shown(found.tolist()[0])}; a classifier needs "
            "at least 2 classes"
        )
    return found


def encode(owner: str, labels: Array, classes: Array, name: str = "y") -> Array:
    """Class numbers of labels. Raises ConfigError that names a label which is no class, and its place."""
    places = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    wrong = np.flatnonzero(classes[places] != labels)
    if wrong.size:
        n = int(wrong[0])
        raise ConfigError(
            f"{owner}: {name}[{n}] is {shown(labels.tolist()[n])}, which is no class of the first fit: "
            f"{classes.tolist()}"
        )
    return places.astype(np.int64)


def check_known(owner: str, labels: Array, classes: Array) -> None:
    """Raises ConfigError if no label of y is a class: then every score is 0, whatever the model predicts."""
    known = set(classes.tolist())
    if labels.size and known.isdisjoint(labels.tolist()):
        found = labels.tolist()[0]
        types = (type(found).__name__, type(classes.tolist()[0]).__name__)
        other = f"the labels of y are of the type {types[0]}, the classes of {types[1]}; "
        raise ConfigError(
            f"{owner}: y has no label that is a class of the model: y[0] is {shown(found)}; "
            f"{other if types[0] != types[1] else ''}the classes are {shown(classes.tolist())}"
        )


def labels_state(classes: Array) -> dict[str, Any]:
    """Classes for a model file."""
    return {"kind": "O" if classes.dtype == object else classes.dtype.str, "values": classes.tolist()}


def labels_from(state: Any) -> Array:
    """The inverse of `labels_state`. Raises FormatError for labels that are none, or are not sorted."""
    kind, values = state["kind"], state["values"]
    if not isinstance(kind, str) or not isinstance(values, list) or not values:
        raise stored.wrong("classes", values, "a list of labels")
    found = np.array(values, dtype=object if kind == "O" else kind)
    plain = all(isinstance(one, (str, bool, int, float)) and one == one for one in values)
    same = found.dtype.kind in "biufUO" and found.tolist() == values
    if not (plain and same and np.array_equal(np.unique(found), found)):
        raise stored.wrong("classes", values, "sorted labels, each once")
    return found


def _warn_of_column() -> None:
    found = sys.modules.get("sklearn.exceptions")
    kind = UserWarning if found is None else found.DataConversionWarning
    warnings.warn(
        "A column-vector y was passed when a 1d array was expected: (N, 1) is read as (N,)",
        kind,
        stacklevel=7,
    )
