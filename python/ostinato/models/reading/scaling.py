"""Scaling of features and targets, fitted on training rows and stored in the model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from ostinato.sequences.arrays import Array

HEAVY: Final = 20.0
"""A deviation of so many median distances from the median means heavy tails; a normal one has 1.5."""


@dataclass(frozen=True, eq=False)
class Scaler:
    """(v - mean) / deviation of each feature; v is x or, for heavy tails, arcsinh((x - center) / spread).

    All arrays are float64 (F,). A spread of 0 means that v is x. Scaling is equivariant: rows times 1000 give
    the same scaled rows, up to rounding.
    """

    mean: Array
    deviation: Array
    center: Array
    spread: Array

    @classmethod
    def of(cls, rows: Sequence[Array], *, compress: bool = False) -> Scaler:
        """The scaler that gives all steps of rows (T, F) together the mean 0 and the deviation 1.

        compress: features with heavy tails (a deviation of more than 20 median distances from the median) are
        compressed by arcsinh, which is linear for small and logarithmic for large numbers. A constant feature
        has the deviation 1. Numbers up to the largest float64 are accepted.
        """
        values = np.concatenate(rows).astype(np.float64)
        # The largest numbers overflow when they are squared, so they are divided first.
        largest = np.abs(values).max(axis=0)
        unit = np.where(largest > 0, largest, 1.0)
        part = values / unit
        center, spread = np.zeros(values.shape[1]), np.zeros(values.shape[1])
        if compress:
            middle = np.median(part, axis=0)
            distance = np.median(np.abs(part - middle), axis=0)
            heavy = (distance > 0) & (part.std(axis=0) > HEAVY * distance)
            center, spread = np.where(heavy, middle * unit, 0.0), np.where(heavy, distance * unit, 0.0)
            part = np.where(heavy, np.arcsinh((part - middle) / np.where(heavy, distance, 1.0)), part)
            unit = np.where(heavy, 1.0, unit)
        mean, deviation = part.mean(axis=0), part.std(axis=0)
        # A deviation below the rounding of the numbers themselves is noise: the feature is constant.
        constant = deviation <= 8 * np.finfo(np.float64).eps
        return cls(mean * unit, np.where(constant, 1.0, deviation * unit), center, spread)

    @classmethod
    def none(cls, width: int) -> Scaler:
        """The scaler that changes nothing."""
        return cls(np.zeros(width), np.ones(width), np.zeros(width), np.zeros(width))

    def apply(self, rows: Sequence[Array], dtype: Any) -> list[Array]:
        """Scaled rows of `dtype`. A row does not depend on the others."""
        return [((self._compressed(row) - self.mean) / self.deviation).astype(dtype) for row in rows]

    def _compressed(self, row: Array) -> Array:
        heavy = self.spread > 0
        if not heavy.any():
            return row
        made = row.astype(np.float64)
        made[:, heavy] = np.arcsinh((made[:, heavy] - self.center[heavy]) / self.spread[heavy])
        return made

    def undo(self, values: Array) -> Array:
        """Values in the original units, float64; of a scaler that compresses nothing."""
        undone: Array = values.astype(np.float64) * self.deviation + self.mean
        return undone

    def state(self) -> dict[str, Any]:
        """The numbers, for a model file."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Scaler:
        """The inverse of `state`."""
        return cls(**{one.name: np.asarray(state[one.name], np.float64) for one in fields(cls)})
