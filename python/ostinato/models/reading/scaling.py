"""Scaling of features and targets, fitted on training rows and stored in the model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np

from ostinato.errors import ConfigError
from ostinato.models import stored
from ostinato.sequences.arrays import Array
from ostinato.settings import ignoring

LARGEST: Final = 1e18
"""The largest scaled number: products with it stay finite in float32."""
ROUNDING: Final = 8 * float(np.finfo(np.float64).eps)
"""The least deviation, in units of the largest number: below it are roundings of the numbers alone."""
HEAVY: Final = 20.0
"""A deviation of so many median distances from the median means heavy tails; a normal one has 1.5."""


@dataclass(frozen=True, eq=False)
class Scaler:
    """(v - mean) / deviation of each feature; v is x or, for heavy tails, arcsinh((x - center) / spread).

    All arrays are float64 (F,). A spread of 0 means that v is x. A deviation of 0 is that of a constant
    feature: its other numbers are divided by the size of the mean, and `undo` gives the mean of any number.
    Scaling is equivariant: rows times 1000 give the same scaled rows, up to rounding.
    """

    mean: Array
    deviation: Array
    center: Array
    spread: Array

    @classmethod
    def of(cls, rows: Sequence[Array], *, compress: bool = False) -> Scaler:
        """The scaler that gives all steps of rows (T, F) together the mean 0 and the deviation 1.

        compress: features with heavy tails (a deviation of more than 20 median distances from the median) are
        compressed by arcsinh, which is linear for small and logarithmic for large numbers. Numbers up to the
        largest float64 are accepted.
        """
        values = np.concatenate(rows).astype(np.float64)
        unit = unit_of(values)
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
        constant = deviation <= ROUNDING
        return cls(mean * unit, np.where(constant, 0.0, deviation * unit), center, spread)

    @classmethod
    def none(cls, width: int) -> Scaler:
        """The scaler that changes nothing."""
        return cls(np.zeros(width), np.ones(width), np.zeros(width), np.zeros(width))

    @property
    def unit(self) -> Array:
        """(F,), above 0: what a difference from the mean is divided by."""
        size = np.where(self.mean != 0, np.abs(self.mean), 1.0)
        made: Array = np.where(self.deviation > 0, self.deviation, size)
        return made

    def apply(
        self, owner: str, rows: Sequence[Array], dtype: Any, place: str = "X[{0}][{1}, {2}]"
    ) -> list[Array]:
        """Scaled rows of `dtype`. A row does not depend on the others.

        Raises ConfigError for a number that is too large for the network; place: its name by row, step and
        feature.
        """
        made, unit = [], self.unit
        for n, row in enumerate(rows):
            compressed = self._compressed(row)
            scaled = ignoring(np.divide, compressed - self.mean, unit)  # infinity is above the limit
            if not (np.abs(scaled) <= LARGEST).all():
                step, feature = (int(one) for one in np.argwhere(~(np.abs(scaled) <= LARGEST))[0])
                raise ConfigError(
                    f"{owner}: {place.format(n, step, feature)} is {row[step, feature]:g}: too large for the "
                    f"network (at most {LARGEST:g} after scaling by {unit[feature]:g}); leave the row out, "
                    "or rescale the column"
                )
            made.append(scaled.astype(dtype))
        return made

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

    def varied(self, rows: Sequence[Array]) -> Scaler:
        """The same, where features that were constant are no longer if rows (T, F) have other numbers.

        What was scaled before stays as it is.
        """
        values = np.concatenate(rows)
        is_new = (self.deviation == 0) & (np.abs(values - self.mean) > ROUNDING * self.unit).any(axis=0)
        return replace(self, deviation=np.where(is_new, self.unit, self.deviation)) if is_new.any() else self

    def state(self) -> dict[str, Any]:
        """The numbers, for a model file."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Scaler:
        """The inverse of `state`. Raises FormatError for numbers that no `of` finds."""
        mean = stored.floats("mean", state["mean"], None)
        made = cls(mean, *(stored.floats(one.name, state[one.name], len(mean)) for one in fields(cls)[1:]))
        for name in ("deviation", "spread"):
            if (getattr(made, name) < 0).any():
                raise stored.wrong(name, state[name], "numbers of at least 0")
        return made


def unit_of(values: Array) -> Array:
    """(F,): the largest size in each column of values (T, F), and 1 for a column of zeros.

    The squares of the largest numbers overflow, so moments are computed of values / unit.
    """
    largest = np.abs(values).max(axis=0)
    made: Array = np.where(largest > 0, largest, 1.0)
    return made
