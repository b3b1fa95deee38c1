"""The series of a forecaster as its network reads them, with the targets of every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ostinato.models.forecasting.series.covariates import Covariates
from ostinato.models.forecasting.series.smoothing import Smoothing, settling, smooth
from ostinato.models.forecasting.series.transform import Transform, scale_of
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
    next_weights: Array
    """(n,), of the next value alone, for a distribution of it."""
    counts: Array
    """(n,), the next values in units of `scale`, times it, as whole numbers."""
    covariates: Covariates | None = None

    def __len__(self) -> int:
        return len(self.features)

    @property
    def horizon(self) -> int:
        """The steps of a window."""
        return int(self.weights.shape[1])

    @property
    def origin(self) -> int:
        """The step before the last window."""
        return len(self) - 1 - self.horizon

    def without_end(self) -> History:
        """The same without the targets of its last window."""
        count, horizon = self.weights.shape
        ends = np.arange(count)[:, None] + np.arange(1, horizon + 1) >= count - horizon
        kept = np.where(ends, 0.0, self.weights).astype(np.float32)
        return replace(self, weights=kept, next_weights=np.where(ends[:, 0], 0.0, self.next_weights))

    def only_end(self) -> History:
        """The same with the targets of its last window alone: all from the origin, or one by one."""
        kept, following = np.zeros_like(self.weights), np.zeros_like(self.next_weights)
        if self.origin >= 0:
            kept[self.origin] = self.weights[self.origin]
            following[self.origin :] = self.next_weights[self.origin :]
        return replace(self, weights=kept, next_weights=following)


def histories(
    series: Sequence[Array],
    season: int,
    horizon: int,
    transform: Transform,
    covariates: Sequence[Covariates | None] | None = None,
    window: int = 0,
) -> list[History]:
    """The histories of series (n,), NaN where a value is missing.

    covariates: scaled, of each series; the features have those of `window` next steps too.
    """
    scales = [scale_of(one, season) for one in series]
    values = [transform.apply(one, scale) for one, scale in zip(series, scales, strict=True)]
    smoothing = Smoothing.of(values, season)
    found = []
    for n, (scale, z, smoothed) in enumerate(
        zip(scales, values, smooth(smoothing, values, horizon), strict=True)
    ):
        count = len(z)
        ahead = np.arange(count)[:, None] + np.arange(1, horizon + 1)
        future = np.where(ahead < count, z[np.minimum(ahead, count - 1)], np.nan)
        errors = np.clip((future - smoothed.expected) / smoothed.units[:, None], -FURTHEST, FURTHEST)
        weights = (~np.isnan(errors)).astype(np.float32)
        weights[: min(settling(season), max(count - 2 - horizon, 0))] = 0.0
        own, features = smoothing.take([n]), smoothed.features
        known = None if covariates is None else covariates[n]
        if known is not None:
            features = np.concatenate([features, known.features(0, count, window)], axis=1)
        found.append(
            History(
                scale,
                own,
                features,
                smoothed.expected,
                smoothed.units,
                np.nan_to_num(errors),
                weights,
                weights[:, 0].copy(),
                np.rint(np.nan_to_num(future[:, 0] * scale)),
                known,
            )
        )
    return found
