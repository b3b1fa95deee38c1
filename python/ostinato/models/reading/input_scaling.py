"""`InputScaling`: what a network reads of the features of sequences, fitted on training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ostinato.models import stored
from ostinato.models.reading.scaling import LARGEST, ROUNDING, Scaler, unit_of
from ostinato.sequences.arrays import Array
from ostinato.settings import ignoring

WIDE: Final = 100.0
"""From this ratio of the deviations of rows, 90th percentile by 10th, rows differ too much for one scale."""


@dataclass(frozen=True, eq=False)
class InputScaling:
    """Features (F,) as the inputs of a network: those of `Scaler`, and three more for each relative one.

    Of a relative feature, the first further input is its shape: it has the mean 0 and the deviation 1 over
    the steps of each row. The logarithm of the deviation (the size), and arcsinh(mean / deviation) (the
    level), are the others, the same at all steps. So the shapes of small rows and of large ones look alike. A
    constant row has no shape: its size and its level are in units of the median deviation of the training
    rows. A row does not depend on the others.
    """

    scaler: Scaler
    relative: Array
    """(F,) bool."""
    typical: Array
    """(F,) the median of the deviations above 0 of training rows, in place of that of a constant row."""

    @classmethod
    def of(cls, rows: Sequence[Array], relative: bool | None) -> InputScaling:
        """The scaling that suits rows (T, F).

        relative: True or False for all features. None chooses those that vary in most rows, and whose
        deviations differ by a factor of 100 between these rows, from the 10th to the 90th percentile. A
        feature that is constant in each row is not relative. Features with heavy tails are compressed
        (`Scaler`).
        """
        if relative is False:
            return cls._plain(Scaler.of(rows, compress=True))
        deviations = np.stack([_moments(row)[1] for row in rows])
        known = [one[one > 0] for one in deviations.T]
        chosen = np.array([len(one) > 0 for one in known])
        if relative is None:
            chosen &= np.array([2 * len(one) > len(rows) and _is_wide(one) for one in known])
        typical = np.array([np.exp(np.median(np.log(one))) if len(one) else 1.0 for one in known])
        made = replace(cls.none(len(chosen)), relative=chosen, typical=typical)
        features = Scaler.of(rows, compress=True)
        if not chosen.any():
            return replace(made, scaler=features)
        more = Scaler.of([made._relative(row) for row in rows])
        # Shapes, sizes and levels have no unit: differences far below 1 are small, and stay so.
        more = replace(more, deviation=np.maximum(more.deviation, 1.0))
        values = zip(vars(features).values(), vars(more).values(), strict=True)
        return replace(made, scaler=Scaler(*(np.concatenate(pair) for pair in values)))

    @classmethod
    def none(cls, width: int) -> InputScaling:
        """The scaling that changes nothing."""
        return cls._plain(Scaler.none(width))

    @classmethod
    def _plain(cls, scaler: Scaler) -> InputScaling:
        """Without relative features, as in files of earlier versions."""
        width = len(scaler.mean)
        return cls(scaler, np.zeros(width, bool), np.ones(width))

    @property
    def width(self) -> int:
        """F, the features of a row."""
        return len(self.relative)

    @property
    def inputs(self) -> int:
        """The inputs of the network: the features, and three more for each relative one."""
        return len(self.scaler.mean)

    def apply(
        self, owner: str, rows: Sequence[Array], dtype: Any, place: str = "X[{0}][{1}, {2}]"
    ) -> list[Array]:
        """The inputs (T, `inputs`) of each row, of `dtype`. Raises the errors of `Scaler.apply`.

        Those name numbers of X, because the further inputs are never too large.
        """
        if self.relative.any():
            rows = [np.concatenate([row, self._relative(row)], axis=1) for row in rows]
        return self.scaler.apply(owner, rows, dtype, place)

    def _relative(self, row: Array) -> Array:
        """Shapes, sizes and levels (T, 3 R) of the R relative features of a row (T, F)."""
        values, typical = row[:, self.relative], self.typical[self.relative]
        means, deviations = _moments(values)
        unit = np.where(deviations > 0, deviations, typical)
        level = np.clip(ignoring(np.divide, means, unit), -LARGEST, LARGEST)
        # Halves, because the difference of the two largest numbers is not finite.
        shape = np.where(deviations > 0, (values / 2 - means / 2) / unit * 2, 0.0)
        more = np.concatenate([np.log(unit), np.arcsinh(level)])
        return np.concatenate([shape, np.broadcast_to(more, (len(row), len(more)))], axis=1)

    def state(self) -> dict[str, Any]:
        """The numbers, for a model file."""
        return {**self.scaler.state(), "relative": self.relative.astype(np.float64), "typical": self.typical}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> InputScaling:
        """The inverse of `state`. Raises FormatError for numbers that no `of` finds."""
        scaler = Scaler.from_state(state)
        if "relative" not in state:
            return cls._plain(scaler)
        relative = stored.floats("relative", state["relative"], None)
        width, more = len(relative), 3 * int((relative == 1).sum())
        if not np.isin(relative, (0, 1)).all() or width + more != len(scaler.mean):
            expected = f"0 or 1 for each feature; mean has {len(scaler.mean)}"
            raise stored.wrong("relative", state["relative"], expected)
        return cls(scaler, relative > 0, stored.floats("typical", state["typical"], width, above=0))

    @classmethod
    def from_pickle(cls, value: InputScaling | Scaler) -> InputScaling:
        """The scaling of a pickled model: pickles of earlier versions have a `Scaler`."""
        return cls._plain(value) if isinstance(value, Scaler) else value


def _moments(row: Array) -> tuple[Array, Array]:
    """Mean and deviation (F,) over the steps of a row (T, F), float64; roundings of the numbers are 0."""
    values = row.astype(np.float64)
    unit = unit_of(values)
    part = values / unit
    mean, deviation = part.mean(axis=0), part.std(axis=0)
    return (
        np.where(np.abs(mean) > ROUNDING, mean * unit, 0.0),
        np.where(deviation > ROUNDING, deviation * unit, 0.0),
    )


def _is_wide(deviations: Array) -> bool:
    low, high = np.quantile(np.log(deviations), [0.1, 0.9])
    return bool(high - low > np.log(WIDE))
