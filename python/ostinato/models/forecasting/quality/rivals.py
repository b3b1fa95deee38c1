"""Classic forecasts, to compare with: naive, seasonal naive, and Theta."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, ShapeError
from ostinato.models.forecasting.series.season import is_seasonal
from ostinato.sequences.arrays import Array, as_numbers


def naive(series: Any, horizon: int) -> Array:
    """The last value that is not missing (NaN), repeated (horizon,). Raises ShapeError, ConfigError."""
    values = _read("naive", series, horizon)
    return np.full(horizon, values[~np.isnan(values)][-1])


def seasonal_naive(series: Any, horizon: int, season: int = 1) -> Array:
    """The values of the last season, repeated (horizon,). Raises ShapeError, ConfigError.

    series: (n,). A missing value (NaN) counts as the last one known at its place in a season, or as the last
    one known at all. A series shorter than a season repeats its last value.
    """
    values = _read("seasonal_naive", series, horizon)
    checks.count("seasonal_naive", "season", season, at_least=1)
    if len(values) < season:
        return naive(values, horizon)
    last = values[len(values) - season :].copy()
    for place in np.flatnonzero(np.isnan(last)):
        at = len(values) - season + place
        earlier = values[at % season : at : season]
        known = values if np.isnan(earlier).all() else earlier
        last[place] = known[~np.isnan(known)][-1]
    made: Array = last[np.arange(horizon) % season]
    return made


def theta(series: Any, horizon: int, season: int = 1) -> Array:
    """The classic Theta method, (horizon,): the mean of a trend line and of exponential smoothing.

    If the series has a significant autocorrelation at `season`, it is divided by its multiplicative seasonal
    indices first (of positive series; others are not adjusted). The smoothing rate is that of
    0.01, 0.02, ..., 0.99 with the least squared one-step errors. series: (n,); missing values (NaN) are
    interpolated; with fewer than 3 known values the result is that of `naive`. Raises ShapeError,
    ConfigError.

    Source: Assimakopoulos and Nikolopoulos 2000, "The theta model", in the form of Hyndman and Billah 2003:
    simple exponential smoothing with half the slope of the trend as its drift.
    """
    values = _read("theta", series, horizon)
    checks.count("theta", "season", season, at_least=1)
    places, known = np.arange(len(values)), ~np.isnan(values)
    if known.sum() < 3:
        return naive(values, horizon)
    values = np.interp(places, places[known], values[known])
    indices = np.ones(season)
    if (values > 0).all() and is_seasonal(values, season):
        indices = _indices(values, season)
    adjusted = values / indices[places % season]
    slope = np.polyfit(places, adjusted, 1)[0]
    rates = np.linspace(0.01, 0.99, 99)
    level, errors = np.full(len(rates), adjusted[0]), np.zeros(len(rates))
    for value in adjusted:
        error = value - level
        errors += error * error
        level = level + rates * error
    best = int(errors.argmin())
    rate, ahead = rates[best], np.arange(horizon)
    drift = slope / 2 * (ahead + (1.0 - (1.0 - rate) ** len(values)) / rate)
    made: Array = (level[best] + drift) * indices[(len(values) + ahead) % season]
    return made


RIVALS: Final[Mapping[str, Callable[[Array, int, int], Array]]] = {
    "naive": lambda series, horizon, season: naive(series, horizon),
    "seasonal_naive": seasonal_naive,
    "theta": theta,
}
"""The forecasts that a Forecaster is compared with: of a series, a horizon and a season."""


def _indices(values: Array, season: int) -> Array:
    """Multiplicative seasonal indices with the mean 1: means of the ratios to a centered moving average."""
    weights = np.ones(season) if season % 2 else np.concatenate([[0.5], np.ones(season - 1), [0.5]])
    smooth = np.convolve(values, weights / season, mode="valid")
    first = (len(weights) - 1) // 2
    ratios = values[first : first + len(smooth)] / smooth
    places = (np.arange(len(smooth)) + first) % season
    found: Array = np.array([ratios[places == place].mean() for place in range(season)])
    scaled: Array = found * season / found.sum()
    return scaled


def _read(owner: str, series: Any, horizon: int) -> Array:
    """The series as float64. Raises ShapeError, ConfigError."""
    checks.count(owner, "horizon", horizon, at_least=1)
    values = as_numbers(f"{owner}: series", series)
    if values.ndim != 1:
        raise ShapeError(f"{owner}: series is {values.shape}; expected (n,), the values of one series")
    if not (~np.isnan(values)).any():
        raise ConfigError(f"{owner}: series has no value; expected at least one number")
    return values
