"""`InputScaling`: what a network reads of the features of sequences, fitted on training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ostinato.models.reading.scaling import LARGEST, ROUNDING, Scaler
from ostinato.sequences.arrays import Array
from ostinato.settings import ignoring

WIDE: Final = 100.0
"""From this ratio of the deviations of rows, 90th percentile by 10th, rows differ too much for one scale."""


@dataclass(frozen=True, eq=False)
class InputScaling:
    """Features (F,) as the inputs of a network: those of `Scaler`, and relative ones.

    A relative feature gets the mean 0 and the deviation 1 over the steps of each row. The logarithm of the
    deviation, and arcsinh(mean / deviation), are two more inputs, the same at all steps. So rows of one shape
    look alike, whether they are small or large, and nothing is lost. `scaler` then scales all inputs. A row
    does not depend on the others.
    """

    scaler: Scaler
    relative: Array
    """(F,) bool."""
    least: Array
    """(F,) the smallest deviation above 0 of a training row, in place of the deviation of a constant row."""

    @classmethod
    def of(cls, rows: Sequence[Array], relative: bool | None) -> InputScaling:
        """The scaling that suits rows (T, F).

        relative: True or False for all features. None chooses those whose deviations differ by a factor of
        100 between rows, from the 10th to the 90th percentile of those above 0. A feature that is constant
        in each row is not relative. A feature with heavy tails that is not relative is compressed (`Scaler`).
        """
        deviations = np.stack([_moments(row)[1] for row in rows])
        known = [one[one > 0] for one in deviations.T]
        chosen = np.array([relative is not False and len(one) > 0 for one in known])
        if relative is None:
            chosen &= np.array([_is_wide(one) for one in known])
        least = np.array([one.min() if len(one) else 1.0 for one in known])
        made = cls(Scaler.none(0), chosen, least)
        return replace(made, scaler=Scaler.of([made._parts(row) for row in rows], compress=True))

    @classmethod
    def none(cls, width: int) -> InputScaling:
        """The scaling that changes nothing."""
        return cls(Scaler.none(width), np.zeros(width, bool), np.ones(width))

    @property
    def width(self) -> int:
        """F, the features of a row."""
        return len(self.relative)

    @property
    def inputs(self) -> int:
        """The inputs of the network: the features, and two more for each relative one."""
        return len(self.scaler.mean)

    def apply(
        self, owner: str, rows: Sequence[Array], dtype: Any, place: str = "X[{0}][{1}, {2}]"
    ) -> list[Array]:
        """The inputs (T, `inputs`) of each row, of `dtype`. Raises the errors of `Scaler.apply`."""
        return self.scaler.apply(owner, [self._parts(row) for row in rows], dtype, place)

    def _parts(self, row: Array) -> Array:
        """Features, those that are relative without their means and sizes; then these."""
        if not self.relative.any():
            return row
        means, deviations = _moments(row)
        unit = np.where(deviations > 0, deviations, self.least)
        level = np.clip(ignoring(np.divide, means, unit), -LARGEST, LARGEST)
        # Halves, because the difference of the two largest numbers is not finite.
        shape = np.where(deviations > 0, (row / 2 - means / 2) / unit * 2, 0.0)
        more = np.concatenate([np.log(unit)[self.relative], np.arcsinh(level)[self.relative]])
        made: Array = np.concatenate(
            [np.where(self.relative, shape, row), np.broadcast_to(more, (len(row), len(more)))], axis=1
        )
        return made

    def state(self) -> dict[str, Any]:
        """The numbers, for a model file."""
        return {**self.scaler.state(), "relative": self.relative.astype(np.float64), "least": self.least}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> InputScaling:
        """The inverse of `state`."""
        scaler = Scaler.from_state(state)
        nothing = np.zeros(len(scaler.mean))  # files of earlier versions have no relative features
        relative = np.asarray(state.get("relative", nothing)) > 0
        return cls(scaler, relative, np.asarray(state.get("least", np.ones(len(relative))), np.float64))


def _moments(row: Array) -> tuple[Array, Array]:
    """Mean and deviation (F,) over the steps of a row (T, F), float64; a constant feature has 0."""
    values = row.astype(np.float64)
    largest = np.abs(values).max(axis=0)
    unit = np.where(largest > 0, largest, 1.0)  # so that squares of the largest numbers stay finite
    mean, deviation = (values / unit).mean(axis=0), (values / unit).std(axis=0)
    return mean * unit, np.where(deviation > ROUNDING, deviation * unit, 0.0)


def _is_wide(deviations: Array) -> bool:
    if not len(deviations):
        return False
    low, high = np.quantile(np.log(deviations), [0.1, 0.9])
    return bool(high - low > np.log(WIDE))
