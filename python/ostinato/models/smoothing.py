"""The level and the season of a series by exponential smoothing, one step after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ostinato.sequences.arrays import Array

LEVEL_RATE: Final = 0.3
"""How much of an error the level follows, after its first steps."""
SEASON_RATE: Final = 0.1
"""The same of the season."""
LIMIT: Final = 10.0
"""Features beyond it are cut off."""
FEATURES: Final = 9
"""The numbers that `Smoothing.step` returns."""


@dataclass(eq=False)
class Smoothing:
    """The state of one series after `count` steps, in O(1) time a step and O(season) memory.

    Values z are those of the series after its transform.

        e = z - (level + season[t])
        level' = level + a e                       a = max(LEVEL_RATE, 1 / (t + 1))
        season[t]' = season[t] + b (1 - a) e       b = max(SEASON_RATE, 1 / (seasons so far + 2))
        season[t]' = season[t] + (z - level' - season[t]) / 2           in the first season
        unit = the mean of |z_t - z_(t - season)| so far, in the first season of |e|; at least 0.001

    A missing value (NaN) counts as the expected one, so it changes nothing but the count.
    Source: Winters 1960, additive, with rates that fall to a constant.
    """

    period: int
    level: float
    count: int = 0
    changed: float = 0.0
    """The sum of |z_t - z_(t - season)|, of `changes` terms."""
    changes: int = 0
    missed: float = 0.0
    """The sum of |e|."""
    season: list[float] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, values: Array, period: int) -> Smoothing:
        """The state before the first of `values`, whose mean over the first season is the first level."""
        first, others = values[:period], values[~np.isnan(values)]
        first = first[~np.isnan(first)]
        level = float((first if first.size else others[:1]).mean())
        rings = [0.0] * period, [level] * max(period, 3), [level] * period
        return cls(period, level, 0, 0.0, 0, 0.0, *rings)

    @property
    def unit(self) -> float:
        """The size of a change over a season; before there is one, that of an error."""
        size = self.changed / self.changes if self.changes else self.missed / max(self.count, 1)
        # Values are relative to the scale of the series: below a thousandth of it nothing is left to learn.
        return max(size, 1e-3)

    def copy(self) -> Smoothing:
        """A state of its own."""
        return Smoothing.from_numbers(self.numbers(), self.period)

    def step(self, value: float) -> list[float]:
        """Takes the next value, NaN if it is missing; the features for the network, within LIMIT."""
        t = self.count
        place, far = t % self.period, t % len(self.levels)
        expected = self.level + self.season[place]
        is_missing = math.isnan(value)
        z = expected if is_missing else value
        error, before = z - expected, self.level
        rate = max(LEVEL_RATE, 1.0 / (t + 1))
        self.level = before + rate * error
        if self.period > 1:
            if t < self.period:
                self.season[place] += 0.5 * (z - self.level - self.season[place])
            else:
                self.season[place] += max(SEASON_RATE, 1.0 / (t // self.period + 2)) * (1 - rate) * error
        trend = self.level - self.levels[far] if t >= len(self.levels) else 0.0
        change = z - self.values[place] if t >= self.period else 0.0
        if t >= self.period and not is_missing:
            self.changed, self.changes = self.changed + abs(change), self.changes + 1
        self.missed += abs(error)
        self.levels[far], self.values[place] = self.level, z
        self.count = t + 1
        unit = self.unit
        found = (
            *((z - self.level - self.season[place]) / unit, error / unit, (self.level - before) / unit),
            *(trend / unit, change / unit, math.log(unit) + 3.0, math.log1p(t) / 4.0),
            *((z - self.level) / unit, float(is_missing)),
        )
        return [min(max(one, -LIMIT), LIMIT) for one in found]

    def expected(self, horizon: int) -> list[float]:
        """The level and season of the next `horizon` steps."""
        return [self.level + self.season[(self.count + k) % self.period] for k in range(horizon)]

    def numbers(self) -> list[float]:
        """The state as numbers, for a model file."""
        head = [self.level, float(self.count), self.changed, float(self.changes), self.missed]
        return [*head, *self.season, *self.levels, *self.values]

    @classmethod
    def from_numbers(cls, numbers: Sequence[float], period: int) -> Smoothing:
        """The inverse of `numbers`."""
        level, count, changed, changes, missed, *rest = map(float, numbers)
        ends = period, period + max(period, 3)
        rings = rest[: ends[0]], rest[ends[0] : ends[1]], rest[ends[1] :]
        return cls(period, level, int(count), changed, int(changes), missed, *rings)
