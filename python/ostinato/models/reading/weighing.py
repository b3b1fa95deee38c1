"""Weights of rows: `sample_weight` times those of the classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ostinato import checks
from ostinato.checks import LARGEST_FACTOR, SMALLEST_WEIGHT
from ostinato.errors import ConfigError, DTypeError, ShapeError, shown
from ostinato.models.reading.columns import read_column
from ostinato.sequences.arrays import Array


def row_weights(owner: str, sample_weight: Any, rows: int) -> Array | None:
    """Weights (N,), each 0 or of a size that float32 holds, or None.

    Raises ShapeError, DTypeError, ConfigError.
    """
    if sample_weight is None:
        return None
    weights = read_column(owner, "sample_weight", sample_weight)
    if weights.dtype.kind not in "biuf":
        raise DTypeError(f"{owner}: sample_weight is {shown(sample_weight)}; expected numbers ({rows},)")
    if weights.ndim == 0:
        weights = np.full(rows, weights)
    if weights.ndim != 1:
        raise ShapeError(
            f"{owner}: Sample weights must be 1D array or scalar: sample_weight is {weights.shape}"
        )
    if len(weights) != rows:
        raise ShapeError(
            f"{owner}: sample_weight.shape == {weights.shape}, expected {(rows,)}!: one for each row of X"
        )
    weights = weights.astype(np.float64)
    held = (weights >= SMALLEST_WEIGHT) & (weights <= LARGEST_FACTOR)
    wrong = np.flatnonzero(~(held | (weights == 0)))
    if wrong.size:
        raise ConfigError(
            f"{owner}: sample_weight[{wrong[0]}] is {weights[wrong[0]]}; expected 0, or {SMALLEST_WEIGHT:g} "
            f"to {LARGEST_FACTOR:g}"
        )
    if not weights.any():
        raise ConfigError(f"{owner}: all numbers of sample_weight are zero; expected one above 0")
    return weights


def class_weights(owner: str, class_weight: Any, classes: Array, numbers: Array) -> Array | None:
    """The weight of each row by its class number. Raises ConfigError."""
    if class_weight is None:
        return None
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(numbers, minlength=len(classes))
        balanced: Array = (len(numbers) / (len(classes) * np.maximum(counts, 1)))[numbers]
        return balanced
    if not isinstance(class_weight, Mapping):
        raise ConfigError(
            f"{owner}: class_weight is {shown(class_weight)}; expected a dict by class, 'balanced' or None"
        )
    known = classes.tolist()
    for name, value in class_weight.items():
        if name not in known:
            raise ConfigError(f"{owner}: class_weight has the class {shown(name)}; the classes are {known}")
        checks.weight(owner, f"class_weight of {shown(name)}", value)
    weights = np.array([float(class_weight.get(one, 1.0)) for one in known])[numbers]
    if len(weights) and not weights.any():
        raise ConfigError(
            f"{owner}: class_weight is {shown(class_weight)}, so all rows have the weight 0; expected a "
            "weight above 0 for a class of y"
        )
    return weights


def product(owner: str, of_rows: Array | None, of_classes: Array | None) -> Array | None:
    """The product of weights that may be missing, as float32 for a trainer.

    Raises ConfigError if it is 0 in each row.
    """
    given = {"sample_weight": of_rows, "class_weight": of_classes}
    factors = {name: one for name, one in given.items() if one is not None}
    if not factors:
        return None
    made: Array = np.prod([*factors.values()], axis=0).astype(np.float32)
    if len(made) and not made.any():
        raise ConfigError(
            f"{owner}: {' times '.join(factors)} is 0 in float32 for each row; expected a row above 0"
        )
    return made
