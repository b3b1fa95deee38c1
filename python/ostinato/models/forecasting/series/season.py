"""The season of several series, by autocorrelation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, shown
from ostinato.sequences.arrays import Array

LONGEST: Final = 400
"""The longest season that is looked for."""
LONGEST_GIVEN: Final = 100_000
"""Of an argument: the smoothing of each series has a number for each step of it."""
CLEAR: Final = 0.1
"""The least mean autocorrelation of the changes at a season."""


def autocorrelation(values: Array, most: int) -> Array:
    """r_1 to r_most of a series without gaps, each with the same divisor; zeros beyond its end."""
    centered = values - values.mean()
    found, power = np.zeros(most), float(centered @ centered)
    if power > 0:
        for lag in range(1, min(most, len(values) - 1) + 1):
            found[lag - 1] = centered[lag:] @ centered[:-lag] / power
    return found


def is_seasonal(values: Array, season: int) -> bool:
    """Whether the autocorrelation at `season` is significant at 90 %, given those below it.

    Source: Fiorucci et al. 2016, "Models for optimising the theta method", section 4.
    """
    if season < 2 or len(values) < 3 * season:
        return False
    r = autocorrelation(values, season)
    limit = 1.645 * np.sqrt((1.0 + 2.0 * float((r[:-1] ** 2).sum())) / len(values))
    return bool(abs(r[-1]) > limit)


def read_season(owner: str, given: object, series: Sequence[Array]) -> int:
    """The argument `season` of an estimator: steps, or "auto". Raises ConfigError."""
    if isinstance(given, str):
        if given != "auto":
            raise ConfigError(f"{owner}: season is {shown(given)}; expected steps, such as 12, or 'auto'")
        return detect_season(series)
    return checks.whole(owner, "season", given, at_least=1, at_most=LONGEST_GIVEN)


def detect_season(series: Sequence[Array]) -> int:
    """The lag, at least 2, at which the changes of the series are most alike; 1 if there is none.

    It is the largest of the mean autocorrelations of first differences that is above those next to it, above
    0.1 and three deviations of noise, and has a positive one at twice the lag. Series must have three seasons
    for a lag to count.
    """
    most = min(max((len(one) for one in series), default=0) // 3, LONGEST)
    if most < 2:
        return 1
    total, counts = np.zeros(2 * most), np.zeros(2 * most)
    for one in series:
        known = np.isnan(one)
        filled = np.where(known, 0.0, one) if not known.any() else _filled(one)
        changes = np.diff(filled)
        if len(changes) < 4:
            continue
        reach = min(2 * most, 2 * (len(one) // 3))
        # The divisor n makes far lags small; that of their own terms does not.
        lags = np.arange(1, reach + 1)
        own = autocorrelation(changes, reach) * len(changes) / np.maximum(len(changes) - lags, 1)
        total[:reach] += own
        counts[:reach] += 1
    mean = total / np.maximum(counts, 1)
    steps = sum(max(len(one) - 1, 0) for one in series)
    best, season = max(CLEAR, 3.0 / np.sqrt(max(steps, 1))), 1
    for lag in range(2, most + 1):
        here = mean[lag - 1]
        is_peak = here >= mean[lag - 2] and here >= mean[lag]
        # a tenth more, so that a multiple of a season does not win by chance
        if is_peak and mean[2 * lag - 1] > 0 and here > best * (1.0 if season == 1 else 1.1):
            best, season = float(here), lag
    return season


def _filled(values: Array) -> Array:
    """Missing values as those between their neighbors."""
    known, places = ~np.isnan(values), np.arange(len(values))
    if not known.any():
        return np.zeros(len(values))
    return np.interp(places, places[known], values[known])
