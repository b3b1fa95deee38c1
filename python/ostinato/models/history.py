"""The series of a forecaster as its network reads them, with the targets of every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ostinato.models.sequence_model import Examples
from ostinato.models.smoothing import Smoothing, smooth
from ostinato.models.transform import Transform, scale_of
from ostinato.sequences.arrays import Array

FURTHEST: Final = 20.0
"""Target errors are clipped to plus or minus this many units."""


@dataclass(eq=False)
class History:
    """One series: features (n, F); errors and weights (n, h) of the next steps.

    scale: of its transform; smoothing: after its last step; expected (n, h) and units (n,): an error is what
    the next value is above the expected one, in units.
    """

    scale: float
    smoothing: Smoothing
    features: Array
    expected: Array
    units: Array
    errors: Array
    weights: Array

    def __len__(self) -> int:
        return len(self.features)

    @property
    def origin(self) -> int:
        """The step before the last window."""
        return len(self) - 1 - int(self.weights.shape[1])

    def without_end(self) -> History:
        """The same without the targets of its last window."""
        count, horizon = self.weights.shape
        ends = np.arange(count)[:, None] + np.arange(1, horizon + 1) >= count - horizon
        kept = np.where(ends, 0.0, self.weights).astype(np.float32)
        return replace(self, weights=kept)

    def only_end(self) -> History:
        """The same with the targets of its last window alone, from the origin before it."""
        kept = np.zeros_like(self.weights)
        if self.origin >= 0:
            kept[self.origin] = self.weights[self.origin]
        return replace(self, weights=kept)


def histories(series: Sequence[Array], season: int, horizon: int, transform: Transform) -> list[History]:
    """The histories of series (n,), NaN where a value is missing."""
    scales = [scale_of(one, season) for one in series]
    values = [transform.apply(one, scale) for one, scale in zip(series, scales, strict=True)]
    smoothing = Smoothing.of(values, season)
    found = []
    for n, (scale, z, told) in enumerate(
        zip(scales, values, smooth(smoothing, values, horizon), strict=True)
    ):
        count = len(z)
        ahead = np.arange(count)[:, None] + np.arange(1, horizon + 1)
        future = np.where(ahead < count, z[np.minimum(ahead, count - 1)], np.nan)
        errors = np.clip((future - told.expected) / told.units[:, None], -FURTHEST, FURTHEST)
        weights = (~np.isnan(errors)).astype(np.float32)
        # The smoothing has to settle first.
        weights[: min(2 * season if season > 1 else 2, max(count - 2 - horizon, 0))] = 0.0
        own = smoothing.take([n])
        found.append(
            History(scale, own, told.features, told.expected, told.units, np.nan_to_num(errors), weights)
        )
    return found


def examples(rows: Sequence[History]) -> Examples:
    """Histories as a trainer takes them: targets (n, 2 h), errors and then weights."""
    targets = [np.concatenate([row.errors, row.weights], 1).astype(np.float32) for row in rows]
    weights = [(row.weights.sum(1) > 0).astype(np.float32) for row in rows]
    return Examples([row.features for row in rows], targets, weights)
