"""The level and the season of series by exponential smoothing, one step after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from ostinato.sequences.arrays import Array

LEVEL_RATE: Final = 0.3
"""How much of an error the level follows, after its first steps."""
SEASON_RATE: Final = 0.1
"""The same of the season."""
REPEATED: Final = 8
"""Values after the first season that a constant series has at least."""
LIMIT: Final = 10.0
"""Features beyond it are cut off."""
UNCHANGED: Final = 1e-3
"""The unit of a series that did not change yet, in units of its scale."""
ROUNDING: Final = 16 * 2.0**-52
"""Changes up to it, in units of the level, are none: values of float64 and their smoothing are rounded so."""
FEATURES: Final = 9
"""The numbers that `Smoothing.step` returns."""


@dataclass(eq=False)
class Smoothing:
    """The states of N series, each after `count` steps of its own, in O(1) time a step and O(season) memory.

    Values z are those of the series after its transform.

        e = z - (level + season[t])
        level' = level + a e                       a = max(LEVEL_RATE, 1 / (t + 1))
        season[t]' = season[t] + b (1 - a) e       b = max(SEASON_RATE, 1 / (seasons so far + 2))
        season[t]' = season[t] + (z - level' - season[t]) / 2           in the first season
        unit = the mean of |z_t - z_(t - season)| so far, in the first season of |e|
        unit = 0.001                                             if that is rounding: nothing changed yet

    A missing value (NaN) counts as the expected one, so it changes nothing but the count. Each series is
    computed number by number: its bits do not depend on the others.
    Source: Winters 1960, additive, with rates that fall to a constant.
    """

    period: int
    level: Array
    count: Array
    changed: Array
    """(N,), the sum of |z_t - z_(t - season)|, of `changes` terms."""
    changes: Array
    missed: Array
    """(N,), the sum of |e|."""
    season: Array
    """(N, period)"""
    levels: Array
    """(N, max(period, 3)), the last levels."""
    values: Array
    """(N, period), the last values."""

    @classmethod
    def of(cls, series: Sequence[Array], period: int) -> Smoothing:
        """The states before the first values: the mean of the first season is the first level."""
        level = np.array([_first_level(values, period) for values in series])
        count = len(level)
        zeros = np.zeros(count)
        last = np.repeat(level[:, None], max(period, 3), 1)
        return cls(
            period,
            level,
            np.zeros(count, np.int64),
            zeros,
            np.zeros(count, np.int64),
            zeros.copy(),
            np.zeros((count, period)),
            last,
            last[:, :period].copy(),
        )

    def __len__(self) -> int:
        return len(self.level)

    @property
    def unit(self) -> Array:
        """(N,), the size of a change over a season; before there is one, that of an error."""
        own = self.changed / np.maximum(self.changes, 1)
        size = np.where(self.changes > 0, own, self.missed / np.maximum(self.count, 1))
        # Changes may be small against the level (counters, dates as numbers, pressures), and are the series
        # nevertheless. Only what float64 rounds at this level is no change.
        made: Array = np.where(size > ROUNDING * np.maximum(np.abs(self.level), 1.0), size, UNCHANGED)
        return made

    @property
    def spread(self) -> Array:
        """(N,), the unit of a forecast; 0 for a series that was constant so far: it is its forecast.

        Fewer than REPEATED values that are those of a season before say too little.
        """
        is_constant = (self.missed == 0) & (self.changes >= REPEATED)
        made: Array = np.where(is_constant, 0.0, self.unit)
        return made

    def _arrays(self) -> list[Array]:
        return [getattr(self, one.name) for one in fields(self)[1:]]

    def first(self, count: int) -> Smoothing:
        """The first `count` series; a step of them is one of these."""
        return Smoothing(self.period, *(one[:count] for one in self._arrays()))

    def take(self, rows: Any) -> Smoothing:
        """Copies of the states of some series, in this order."""
        return Smoothing(self.period, *(one[rows] for one in self._arrays()))

    @staticmethod
    def joined(parts: Sequence[Smoothing]) -> Smoothing:
        """The series of all parts, which have one period."""
        columns = zip(*(one._arrays() for one in parts), strict=True)
        return Smoothing(parts[0].period, *map(np.concatenate, columns))

    def step(self, values: Array) -> Array:
        """Takes the next value of each series, NaN if missing: the features (N, FEATURES), within LIMIT."""
        t, rows, period = self.count.copy(), np.arange(len(self)), self.period
        place, far = t % period, t % self.levels.shape[1]
        before, usual = self.level.copy(), self.season[rows, place]
        expected = before + usual
        is_missing = np.isnan(values)
        z = np.where(is_missing, expected, values)
        error = z - expected
        rate = np.maximum(LEVEL_RATE, 1.0 / (t + 1))
        level = before + rate * error
        if period > 1:
            early = usual + 0.5 * (z - level - usual)
            late = usual + np.maximum(SEASON_RATE, 1.0 / (t // period + 2)) * (1 - rate) * error
            self.season[rows, place] = np.where(t < period, early, late)
        trend = np.where(t >= self.levels.shape[1], level - self.levels[rows, far], 0.0)
        change = np.where(t >= period, z - self.values[rows, place], 0.0)
        is_change = (t >= period) & ~is_missing
        self.changed += np.where(is_change, np.abs(change), 0.0)
        self.changes += is_change
        self.missed += np.abs(error)
        self.level[:] = self.levels[rows, far] = level
        self.values[rows, place] = z
        self.count += 1
        season = self.season[rows, place]
        # Units of few changes may be small by chance, so early features have a floor. So has the one that is
        # the unit itself: it does not fall further, however large the level is.
        size = np.maximum(self.unit, UNCHANGED)
        unit = np.where(t < settling(period), size, self.unit)
        found = (
            *((z - level - season) / unit, error / unit, (level - before) / unit),
            *(trend / unit, change / unit, _log(size) + 3.0, _log1p(t) / 4.0),
            *((z - level) / unit, is_missing),
        )
        made: Array = np.clip(np.stack(found, axis=1), -LIMIT, LIMIT)
        return made

    def expected(self, horizon: int) -> Array:
        """The level and season of the next `horizon` steps, (N, horizon)."""
        places = (self.count[:, None] + np.arange(horizon)) % self.period
        made: Array = self.level[:, None] + np.take_along_axis(self.season, places, 1)
        return made

    def numbers(self) -> Array:
        """The states as a matrix with one row for each series, for a model file."""
        return np.concatenate([one.reshape(len(self), -1).astype(np.float64) for one in self._arrays()], 1)

    @classmethod
    def from_numbers(cls, numbers: Array, period: int) -> Smoothing:
        """The inverse of `numbers`."""
        level, count, changed, changes, missed = (numbers[:, place].copy() for place in range(5))
        ends = 5 + period, 5 + period + max(period, 3)
        rings = (one.copy() for one in np.split(numbers[:, 5:], [ends[0] - 5, ends[1] - 5], axis=1))
        return cls(period, level, count.astype(int), changed, changes.astype(int), missed, *rings)


@dataclass(frozen=True, eq=False)
class Smoothed:
    """What the smoothing of a series (n,) says after each of its steps."""

    features: Array
    """(n, FEATURES) float32"""
    expected: Array
    """(n, horizon): level and season of the next steps."""
    units: Array
    """(n,)"""
    spreads: Array
    """(n,), as of `Smoothing.spread`."""


def smooth(smoothing: Smoothing, series: Sequence[Array], horizon: int) -> list[Smoothed]:
    """Takes the values z (n,) of each series; `smoothing` is then that after them. Lengths may differ."""
    lengths = np.array([len(one) for one in series])
    order = np.argsort(-lengths, kind="stable")
    sorted_lengths, most = lengths[order], int(lengths.max(initial=0))
    padded = np.full((most, len(series)), np.nan)
    for place, n in enumerate(order):
        padded[: lengths[n], place] = series[n]
    features = np.zeros((most, len(series), FEATURES), np.float32)
    expected = np.zeros((most, len(series), horizon))
    units, spreads = (np.zeros((most, len(series))) for _ in range(2))
    moving = smoothing.take(order)
    for t in range(most):
        count = int(np.searchsorted(-sorted_lengths, -t, side="left"))
        active = moving.first(count)
        features[t, :count] = active.step(padded[t, :count])
        expected[t, :count] = active.expected(horizon)
        units[t, :count], spreads[t, :count] = active.unit, active.spread
    for one, other in zip(smoothing._arrays(), moving._arrays(), strict=True):
        one[order] = other
    found: list[Smoothed] = [None] * len(series)  # type: ignore[list-item]
    for place, n in enumerate(order):
        parts = (one[: lengths[n], place] for one in (features, expected, units, spreads))
        found[n] = Smoothed(*map(np.ascontiguousarray, parts))
    return found


def settling(period: int) -> int:
    """The steps before level and season have settled: they train nothing."""
    return 2 * period if period > 1 else 2


def _first_level(values: Array, period: int) -> float:
    first = values[:period]
    known = first[~np.isnan(first)]
    return float((known if known.size else values[~np.isnan(values)][:1]).mean())


_log = np.vectorize(math.log, otypes=[np.float64])
_log1p = np.vectorize(math.log1p, otypes=[np.float64])
