"""Scaling of features and targets, fitted on training rows and stored in the model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato.sequences.arrays import Array


@dataclass(frozen=True, eq=False)
class Scaler:
    """(x - mean) / deviation, one of each for every feature, float64 (F,)."""

    mean: Array
    deviation: Array

    @classmethod
    def of(cls, rows: Sequence[Array]) -> Scaler:
        """The scaler that gives all steps of rows (T, F) together the mean 0 and the deviation 1.

        A constant feature has the deviation 1. Numbers up to the largest float64 are accepted.
        """
        values = np.concatenate(rows).astype(np.float64)
        # The largest numbers overflow when they are squared, so they are divided first.
        largest = np.abs(values).max(axis=0)
        unit = np.where(largest > 0, largest, 1.0)
        part = values / unit
        mean, deviation = part.mean(axis=0), part.std(axis=0)
        # A deviation below the rounding of the numbers themselves is noise: the feature is constant.
        constant = deviation <= 8 * np.finfo(np.float64).eps
        return cls(mean * unit, np.where(constant, 1.0, deviation * unit))

    @classmethod
    def none(cls, width: int) -> Scaler:
        """The scaler that changes nothing."""
        return cls(np.zeros(width), np.ones(width))

    def apply(self, rows: Sequence[Array], dtype: Any) -> list[Array]:
        """Scaled rows of `dtype`. Elementwise, so a row does not depend on the others."""
        return [((row - self.mean) / self.deviation).astype(dtype) for row in rows]

    def undo(self, values: Array) -> Array:
        """Values in the original units, float64."""
        undone: Array = values.astype(np.float64) * self.deviation + self.mean
        return undone

    def state(self) -> dict[str, Any]:
        """The numbers, for a model file."""
        return {"mean": self.mean, "deviation": self.deviation}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Scaler:
        """The inverse of `state`."""
        return cls(np.asarray(state["mean"], np.float64), np.asarray(state["deviation"], np.float64))
