"""Numbers to predict: reading them, and how well they are predicted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ostinato.checks import LARGEST_FACTOR
from ostinato.errors import ConfigError, DTypeError, ShapeError
from ostinato.models.reading.columns import read_column
from ostinato.sequences.arrays import Array


def read_numbers(owner: str, y: Any, rows: int) -> Array:
    """The numbers (N,) or (N, K) as float64. Raises ShapeError, DTypeError, ConfigError."""
    if y is None:
        raise ConfigError(
            f"{owner} requires y to be passed, but the target y is None: the number of each row"
        )
    given = as_floats(owner, "y", y, "numbers. For labels use SequenceClassifier")
    if given.ndim not in (1, 2) or 0 in given.shape[1:]:
        raise ShapeError(
            f"{owner}: y is {given.shape}; expected ({rows},), or ({rows}, K) for several numbers"
        )
    if len(given) != rows:
        raise ShapeError(
            f"{owner}: Found input variables with inconsistent numbers of samples: X has {rows} rows, y has "
            f"{len(given)}"
        )
    wrong = np.argwhere(~(np.abs(given) <= LARGEST_FACTOR))
    if wrong.size:
        place = tuple(int(one) for one in wrong[0])
        raise ConfigError(
            f"{owner}: y{list(place)} is {given[place]}; Input y contains NaN, infinity or a number above "
            f"{LARGEST_FACTOR:g}; leave the row out"
        )
    return given


def as_floats(owner: str, name: str, given: Any, expected: str) -> Array:
    """Numbers of any shape as float64. expected: for the error. Raises ShapeError, DTypeError."""
    found = read_column(owner, name, given)
    if found.dtype.kind == "O":
        try:
            return found.astype(np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise DTypeError(f"{owner}: {name} holds objects that are no numbers: {error}") from error
    if found.dtype.kind not in "biuf":
        raise DTypeError(f"{owner}: {name} has dtype {found.dtype}; expected {expected}")
    return found.astype(np.float64)


def check_width(owner: str, found: int, expected: int) -> None:
    """Raises ShapeError if y has other columns than in the first fit."""
    if found != expected:
        raise ShapeError(f"{owner}: y has {found} columns; the first fit had {expected}")


def determination(found: Array, wanted: Array, weights: Array | None) -> float:
    """R^2, the mean over columns. A constant column counts 1 if it is predicted exactly, else 0.

    Of one row: NaN, as in scikit-learn.
    """
    rows = len(wanted)
    if rows < 2:
        return math.nan
    found, wanted = found.reshape(rows, -1), wanted.reshape(rows, -1)
    each = np.ones(rows) if weights is None else weights
    center = np.average(wanted, axis=0, weights=each)
    left = (each[:, None] * (wanted - found) ** 2).sum(axis=0)
    total = (each[:, None] * (wanted - center) ** 2).sum(axis=0)
    ratios = np.where(total > 0, left / np.where(total > 0, total, 1.0), np.where(left > 0, 1.0, 0.0))
    return float(np.mean(1.0 - ratios))
