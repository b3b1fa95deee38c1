"""The values of a series in units of its scale, or their logarithms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError
from ostinato.sequences.arrays import Array


@dataclass(frozen=True)
class Transform:
    """z = log(y / scale) if the values are positive, else y / scale, number by number."""

    positive: bool

    @classmethod
    def of(cls, owner: str, given: object, series: Sequence[Array]) -> Transform:
        """By the argument `transform` of an estimator. Raises ConfigError."""
        checks.choice(owner, "transform", given, ("auto", "log", "none"))
        positive = all(bool((values[~np.isnan(values)] > 0).all()) for values in series)
        if given == "log" and not positive:
            for number, values in enumerate(series):
                Transform(True).check(f"{owner}: series {number}", values)
        return cls(positive and given != "none")

    def check(self, what: str, values: Array) -> None:
        """Raises ConfigError for a value without a logarithm, if logarithms are taken."""
        wrong = np.flatnonzero(values <= 0) if self.positive else np.zeros(0, np.int64)
        if wrong.size:
            raise ConfigError(
                f"{what} has {values[wrong[0]]} at {int(wrong[0])}; the model forecasts logarithms, which "
                "need numbers above 0. Fit with transform='none'"
            )

    def apply(self, values: Array, scale: float) -> Array:
        """Values (n,) of a series as z (n,)."""
        if not self.positive:
            scaled: Array = values / scale
            return scaled
        return np.array([math.log(one / scale) for one in values.tolist()])

    def undo(self, z: Array, scale: float | Array) -> Array:
        """The inverse of `apply`, of any shape."""
        made: Array = (_exp(np.minimum(z, 700.0)) if self.positive else z) * scale
        return made


def scale_of(series: Array, season: int) -> float:
    """The mean size of the first values: later ones change neither it nor any bit of what was before."""
    known = np.abs(series[~np.isnan(series) & (series != 0)][: max(2 * season, 8)])
    if not len(known):
        return 1.0
    # The mean of equal numbers may be one rounding off, and a constant series must have the exact scale.
    return float(known[0]) if (known == known[0]).all() else math.fsum(known) / len(known)


_exp = np.vectorize(math.exp, otypes=[np.float64])
