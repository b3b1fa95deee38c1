"""`StateSpace`: a level, a trend and a season that change by noise, fitted to each series by likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final, TypeVar

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, shown
from ostinato.layers import Recurrent
from ostinato.models import stored
from ostinato.models.base.model_file import ModelFile
from ostinato.models.base.threads import with_jobs
from ostinato.models.forecasting.linear.kalman import KalmanFilter, Structure
from ostinato.models.forecasting.linear.per_row import minimized
from ostinato.models.forecasting.quality.levels import middle, read_levels
from ostinato.models.forecasting.series.dated import continued
from ostinato.models.forecasting.series.forecast_table import forecast_table
from ostinato.models.forecasting.series.observations import Columns, read_observations
from ostinato.models.forecasting.series.season import read_season
from ostinato.models.forecasting.series.transform import Transform
from ostinato.models.reading.series import known_id, read_values
from ostinato.sequences.arrays import Array, as_array
from ostinato.settings import ignoring
from ostinato.signature import with_field_types

Self = TypeVar("Self", bound="StateSpace")

DIFFUSE: Final = 1e6
"""The variance of a state before the first value, in units of the variance of the series."""
LARGEST: Final = 32
"""The most numbers of a state: its matrices are constants of the step."""


@dataclass(frozen=True, eq=False)
class Filtered:
    """One series after its last value: z = (transformed - center) / size; states a (S,) and P (S, S)."""

    center: float
    size: float
    log_variances: Array
    a: Array
    P: Array


class FittedStateSpace:
    """What `fit` sets."""

    network_: Any
    """The Kalman filter as a network."""
    season_: int
    ids_: list[Any]
    log_likelihood_: Array
    """(series,), of the transformed values after the first S of each series."""
    variances_: Array
    """(series, K + 1), of the level, the trend and the season, if they are there, and of the observations."""
    n_iter_: int
    _filtered: dict[Any, Filtered]
    _transform: Transform
    _fitted: Any
    _columns: Columns | None
    _lengths: dict[Any, int]
    """The steps so far of each series."""


@with_field_types
@dataclass(kw_only=True, eq=False, repr=False)
class StateSpace(ModelFile, FittedStateSpace):
    """Forecasts by a linear state space with Gaussian noise: `StateSpace(horizon=18, season=12).fit(series)`.

        x' = F x + w,   y = H x + v

    The state x is a level, with `trend` its slope, and with a season its pattern. Each of them changes by a
    noise of its own. The variances of the noises are those of greatest likelihood, for each series alone; the
    Kalman filter that computes the likelihood is a step of the language, and its gradient is that of the
    engine. Few series of 20 to 200 values are enough, as the model has 2 to 4 parameters.

    Args:
        horizon: steps to forecast by default; more are possible. A prediction reads it, and quantiles.
        season: steps of a season, at most 31, or 32 without a trend; "auto" as for `Forecaster`; 1 for
            none.
        trend: whether the level has a slope that changes.
        quantiles: of the forecasts, rising, between 0 and 1; 0.5, the median, is one of them.
        transform: "log" if seasons and errors are relative, "none", or "auto" for "log" if all values are
            above 0.
        max_iter: iterations of BFGS.
        tol: a series is done when no element of the gradient of its log-likelihood is above it.
        n_jobs: threads, -1 for one per processor. It changes the speed and never the results.

    Attributes: season_, ids_, variances_, log_likelihood_, n_iter_, network_.

    Source: Harvey 1989, "Forecasting, structural time series models and the Kalman filter"; the initial
    variance is a large number, and the likelihood leaves out the first S values, as in statsmodels'
    UnobservedComponents.
    """

    horizon: int = 1
    season: int | str = "auto"
    trend: bool = True
    quantiles: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    transform: str = "auto"
    max_iter: int = 60
    tol: float = 1e-3
    n_jobs: int | None = None

    def fit(
        self: Self, y: Any, *, id: str | None = None, time: str | None = None, target: str | None = None
    ) -> Self:
        """Finds the variances of greatest likelihood for each series.

        y, id, time, target: series as `Forecaster.fit` takes them, each with more values than the state has
        numbers. NaN is a missing value. Raises ShapeError, DTypeError, ConfigError that name the series; then
        nothing changes.
        """
        owner = type(self).__name__
        names = {"id": id, "time": time, "target": target}
        observed = read_observations(owner, y, dict.fromkeys(("past", "future", "static")), names)
        observed = observed.without_lead()
        series = observed.series
        checks.count(owner, "horizon", self.horizon, at_least=1)
        read_levels(owner, self.quantiles)
        season, trend = read_season(owner, self.season, series), checks.flag(owner, "trend", self.trend)
        transform = Transform.of(owner, self.transform, series)
        most = checks.whole(owner, "max_iter", self.max_iter, at_least=1)
        tol = checks.number(owner, "tol", self.tol, above=0.0)
        if season + int(trend) > LARGEST:
            raise ConfigError(
                f"{owner}: season is {season}; expected at most {LARGEST - int(trend)}, because the state "
                "has a number for each step of a season"
            )
        structure = Structure.of(trend, season)
        for name, values in zip(observed.ids, series, strict=True):
            known = int((~np.isnan(values)).sum())
            if known <= structure.size:
                raise ConfigError(
                    f"{owner}: y[{shown(name)}] has {known} values; expected more than {structure.size}, the "
                    "numbers of the state"
                )
        z = [transform.apply(values, 1.0) for values in series]
        centers = np.array([float(np.nanmean(one)) for one in z])
        sizes = np.array([_size(one) for one in z])
        scaled = [(one - center) / size for one, center, size in zip(z, centers, sizes, strict=True)]
        width = 3 + len(structure.names)
        net = Recurrent(KalmanFilter(trend=trend, season=season), width, 2, dtype="float64", seed=0)

        def work() -> tuple[Array, Array, int]:
            start = np.tile(np.log(np.array([0.1] * len(structure.names) + [0.3])), (len(scaled), 1))
            return minimized(lambda at: _nll(net, structure, scaled, at), start, most, tol)

        found, value, iterations = with_jobs(owner, self.n_jobs, work)
        inputs = [_inputs(one, at) for one, at in zip(scaled, found, strict=True)]
        states = net.run(inputs, state=_diffuse(structure, len(scaled))).final_state
        filtered = {
            name: Filtered(float(centers[n]), float(sizes[n]), found[n], states["a"][0, n], states["P"][0, n])
            for n, name in enumerate(observed.ids)
        }
        counted = np.array([_counted(one, structure.size).sum() for one in scaled])
        vars(self).update(
            _filtered=filtered,
            _transform=transform,
            _fitted=None,
            _columns=observed.columns,
            _lengths=dict(zip(observed.ids, map(len, series), strict=True)),
            network_=net,
            season_=season,
            ids_=observed.ids,
            n_iter_=iterations,
            log_likelihood_=-value - counted * np.log(sizes),
            variances_=np.exp(found) * sizes[:, None] ** 2,
        )
        return self

    def predict(self, horizon: int | None = None) -> Array:
        """The medians of the next steps, (series, horizon) float64. Raises ConfigError."""
        quantiles = self.predict_quantiles(horizon)
        medians: Array = quantiles[:, :, middle(read_levels(type(self).__name__, self.quantiles))]
        return medians

    def predict_quantiles(self, horizon: int | None = None) -> Array:
        """The quantiles of the next steps, (series, horizon, Q) float64, rising. Raises ConfigError."""
        self._check_fitted("predict")
        owner = f"{type(self).__name__}.predict"
        horizon = self.horizon if horizon is None else horizon
        steps = checks.count(owner, "horizon", horizon, at_least=1)
        levels = read_levels(owner, self.quantiles)
        series = [self._filtered[one] for one in self.ids_]
        # Missing values: the filter predicts, and its error is that of the value 0.
        inputs = np.stack([_inputs(np.full(steps, np.nan), one.log_variances) for one in series])
        state = {
            "a": np.stack([one.a for one in series])[None],
            "P": np.stack([one.P for one in series])[None],
        }
        outputs = with_jobs(owner, self.n_jobs, lambda: self.network_.run(inputs, state=state)).outputs
        deviations = np.array([NormalDist().inv_cdf(level) for level in levels])
        quantiles = -outputs[:, :, :1] + np.sqrt(outputs[:, :, 1:]) * deviations
        sizes, centers = (np.array([getattr(one, name) for one in series]) for name in ("size", "center"))
        return self._transform.undo(quantiles * sizes[:, None, None] + centers[:, None, None], 1.0)

    def predict_table(self, horizon: int | None = None) -> dict[str, Array]:
        """The forecasts as columns of a long table, as for `Forecaster.predict_table`. Raises ConfigError."""
        self._check_fitted("predict_table")
        quantiles, lengths = self.predict_quantiles(horizon), [self._lengths[one] for one in self.ids_]
        levels = read_levels(type(self).__name__, self.quantiles)
        return forecast_table(self._columns, self.ids_, lengths, quantiles, levels, middle(levels))

    def update(self, id: Any, y: Any) -> None:
        """Adds new values to a series: a number, or several (k,); NaN is a missing value.

        Dates in an index of y must continue those of the series. The variances stay. Raises ShapeError,
        DTypeError, ConfigError.
        """
        self._check_fitted("update")
        owner = f"{type(self).__name__}.update"
        one, columns = self._filtered[known_id(owner, id, self.ids_)], self._columns
        clock, following = None if columns is None else columns.clock, None
        if columns is not None and clock is not None:
            following = clock.after(columns.starts[id], self._lengths[id])[-1]
        y = continued(owner, "y", y, clock, following)
        values = read_values(f"{owner}: y", np.atleast_1d(as_array(f"{owner}: y", y)), least=0)
        self._transform.check(f"{owner}: y", values)
        if len(values):
            z = (self._transform.apply(values, 1.0) - one.center) / one.size
            state = {"a": one.a[None, None], "P": one.P[None, None]}
            found = self.network_.run(_inputs(z, one.log_variances)[None], state=state).final_state
            self._filtered[id] = Filtered(
                one.center, one.size, one.log_variances, found["a"][0, 0], found["P"][0, 0]
            )
            self._lengths[id] += len(values)

    # Files.

    def _state(self) -> dict[str, Any]:
        series = [self._filtered[one] for one in self.ids_]
        names = ("center", "size", "log_variances", "a", "P")
        return {
            "season": self.season_,
            "positive": self._transform.positive,
            "ids": list(self.ids_),
            "columns": None if self._columns is None else self._columns.to_file(),
            "lengths": [self._lengths[one] for one in self.ids_],
            "n_iter": self.n_iter_,
            "log_likelihood": self.log_likelihood_,
            **{name: np.stack([np.asarray(getattr(one, name)) for one in series]) for name in names},
        }

    def _restore(self, state: Mapping[str, Any]) -> dict[str, Any]:
        ids = stored.ids("ids", state["ids"])
        count, states = len(ids), state["a"].shape[-1]
        centers = stored.floats("center", state["center"], count)
        sizes = stored.floats("size", state["size"], count, above=0)
        names = ("log_variances", "a", "P")
        shapes = ((None,), (states,), (states, states))
        numbers = [
            stored.floats(name, state[name], count, *shape) for name, shape in zip(names, shapes, strict=True)
        ]
        filtered = {
            one: Filtered(float(centers[n]), float(sizes[n]), *(each[n] for each in numbers))
            for n, one in enumerate(ids)
        }
        # Files of earlier versions have neither columns nor lengths.
        columns, lengths = state.get("columns"), state.get("lengths", [0] * len(state["ids"]))
        return {
            "_columns": None if columns is None else Columns.from_file(columns),
            "_lengths": {
                one: stored.whole("lengths", length) for one, length in zip(ids, lengths, strict=True)
            },
            "season_": stored.whole("season", state["season"], at_least=1),
            "_transform": Transform(stored.flag("positive", state["positive"])),
            "ids_": ids,
            "n_iter_": stored.whole("n_iter", state["n_iter"]),
            "log_likelihood_": stored.floats("log_likelihood", state["log_likelihood"], count),
            "variances_": np.exp(numbers[0]) * sizes[:, None] ** 2,
            "_filtered": filtered,
        }


def _size(z: Array) -> float:
    """The deviation of a series (n,), which is not below the rounding of its numbers."""
    largest = float(np.nanmax(np.abs(z)))
    # Both are 0 for numbers near the smallest float64.
    return max(float(np.nanstd(z)), 1e-9 * largest) or 1.0


def log_likelihood(y: Array, variances: Array, *, trend: bool, season: int) -> float:
    """That of one series (n,) with these variances (K + 1,), as `StateSpace.log_likelihood_`."""
    structure = Structure.of(trend, season)
    net = Recurrent(
        KalmanFilter(trend=trend, season=season), 3 + len(structure.names), 2, dtype="float64", seed=0
    )
    size = float(np.nanstd(y))
    value, _ = _nll(net, structure, [(y - np.nanmean(y)) / size], np.log(variances / size**2)[None])
    return float(-value[0] - _counted(y, structure.size).sum() * math.log(size))


def _nll(net: Any, structure: Structure, series: Sequence[Array], at: Array) -> tuple[Array, Array]:
    """-log likelihood (N,) of each series, and its gradient (N, K + 1) by the log variances."""
    inputs = [_inputs(one, row) for one, row in zip(series, at, strict=True)]
    run = net.run(inputs, state=_diffuse(structure, len(series)), training=True)
    values, slopes = np.zeros(len(series)), np.zeros_like(run.outputs)

    def measure() -> Any:
        for n, one in enumerate(series):
            counted, (e, f) = _counted(one, structure.size), run.outputs[n, : len(one)].T
            terms = 0.5 * (math.log(2 * math.pi) + np.log(f) + e * e / f)
            values[n] = np.where(counted, terms, 0.0).sum()
            slope = np.stack([e / f, 0.5 * (1.0 - e * e / f) / f], axis=1)
            slopes[n, : len(one)] = np.where(counted[:, None], slope, 0.0)
        return run.backward(slopes).inputs

    found = ignoring(measure)  # values that are not finite are refused by the caller
    return values, np.stack([found[n, : len(one), 2:].sum(0) for n, one in enumerate(series)])


def _inputs(z: Array, log_variances: Array) -> Array:
    """What the filter reads of a series (n,): values, whether they are known, and the log variances."""
    known = ~np.isnan(z)
    rows = np.broadcast_to(log_variances, (len(z), len(log_variances)))
    return np.concatenate([np.where(known, z, 0.0)[:, None], known[:, None], rows], axis=1)


def _diffuse(structure: Structure, count: int) -> dict[str, Array]:
    size = structure.size
    return {
        "a": np.zeros((1, count, size)),
        "P": np.tile(DIFFUSE * np.eye(size), (1, count, 1, 1)),
    }


def _counted(values: Array, first: int) -> Array:
    """Which values the likelihood counts: the known ones after the first, which only set the state."""
    return ~np.isnan(values) & (np.arange(len(values)) >= first)
