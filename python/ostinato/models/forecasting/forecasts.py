"""What a fitted forecaster does: forecasts, sample paths, updates and backtests."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Literal
from zlib import crc32

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.models.base.sequence_model import SequenceModel
from ostinato.models.base.threads import with_jobs
from ostinato.models.forecasting.outputs.head import Head
from ostinato.models.forecasting.outputs.roll_out import roll_out
from ostinato.models.forecasting.outputs.standing import Standing, passed, steps_of
from ostinato.models.forecasting.quality.levels import middle
from ostinato.models.forecasting.series.covariates import (
    CovariateScale,
    of_each,
    read_matrix,
    too_short,
    window_of,
)
from ostinato.models.forecasting.series.dated import continued
from ostinato.models.forecasting.series.forecast_table import forecast_table
from ostinato.models.forecasting.series.history import histories
from ostinato.models.forecasting.series.observations import Columns, Observations, read_observations
from ostinato.models.forecasting.series.smoothing import Smoothing, smooth
from ostinato.models.forecasting.series.transform import Transform
from ostinato.models.reading.feature_names import check_names, feature_names
from ostinato.models.reading.long_table import column_names, is_table
from ostinato.models.reading.series import known_id, read_values
from ostinato.sequences.arrays import Array, as_array
from ostinato.sequences.containers import is_frame
from ostinato.signature import with_field_types

PATHS: Final = 200
"""Sample paths whose quantiles are those of a recursive forecast."""


class FittedSeries:
    """What a fitted forecaster knows of its series."""

    season_: int
    """The steps of a season."""
    ids_: list[Any]
    """The names of the series, in the order of forecasts."""
    skill_: dict[str, float] | None
    """MASE of this model and of its rivals on windows that training left out; None without such."""
    _standing: dict[Any, Standing]
    _transform: Transform
    _corrections: Array
    _head: Head
    _scale: CovariateScale | None
    _columns: Columns | None
    _seed: int
    _epochs: int | None
    """The automatic number of epochs."""


@with_field_types
@dataclass(kw_only=True, eq=False, repr=False)
class Forecasts(SequenceModel, FittedSeries):
    """The methods of a fitted forecaster."""

    def predict(
        self,
        horizon: int | None = None,
        *,
        series: Any = None,
        past: Any = None,
        future: Any = None,
        static: Any = None,
    ) -> Array:
        """The medians of the next steps, (series, horizon) float64.

        horizon: by default that of the model, which is also the most with method="direct". series: histories
        of other series, as `fit` takes them, instead of those that were fitted, with their covariates. If the
        model was fitted on a long table, they may be one with the same columns. Raises ConfigError, and the
        errors of `fit`; ShapeError for future covariates that end before the steps that are read.
        """
        self._check_fitted("predict")
        found = self.predict_quantiles(horizon, series=series, past=past, future=future, static=static)
        medians: Array = found[:, :, middle(self._head.levels)]
        return medians

    def predict_quantiles(
        self,
        horizon: int | None = None,
        *,
        series: Any = None,
        past: Any = None,
        future: Any = None,
        static: Any = None,
    ) -> Array:
        """The quantiles of the next steps, (series, horizon, Q) float64, rising. See `predict`.

        With distribution="negative_binomial" they are counts: after their correction the nearest ones.
        """
        self._check_fitted("predict_quantiles")
        owner = f"{type(self).__name__}.predict"
        self._check_head(owner)
        steps = self._steps_of(owner, horizon)
        ids, standings = self._standings(owner, series, given_covariates(past, future, static))
        return self._quantiles(owner, ids, standings, steps)

    def predict_table(self, horizon: int | None = None) -> dict[str, Array]:
        """The forecasts of the fitted series as columns of a long table, such as `pandas.DataFrame` takes.

        The columns are the ids and the times, by the names of the table that was fitted, or "id" and "step";
        then the median, by the name of the target or "y"; and each quantile by its level, such as "0.1".
        """
        self._check_fitted("predict_table")
        owner = f"{type(self).__name__}.predict_table"
        self._check_head(owner)
        steps = self._steps_of(owner, horizon)
        quantiles, lengths = self.predict_quantiles(steps), self._lengths()
        levels = self._head.levels
        return forecast_table(self._columns, self.ids_, lengths, quantiles, levels, middle(levels))

    def _lengths(self) -> list[int]:
        """The steps so far of each series."""
        return [len(self._standing[one]) for one in self.ids_]

    def sample(
        self,
        horizon: int | None = None,
        n: int = 100,
        *,
        seed: int = 0,
        series: Any = None,
        past: Any = None,
        future: Any = None,
        static: Any = None,
    ) -> Array:
        """Sample paths of the next steps, (series, n, horizon) float64; sums of them are forecasts too.

        Each path is drawn step by step from the distribution of the next value, given the path so far. The
        same seed gives the same paths of a series, whatever other series there are. The other arguments are
        those of `predict`. Raises ConfigError for a model with method="direct", and the errors of `predict`.
        """
        self._check_fitted("sample")
        owner = f"{type(self).__name__}.sample"
        self._check_head(owner)
        if self._head.drawn is None:
            raise ConfigError(
                f"{owner}: this model is direct, without a distribution to draw from; fit one "
                "with method='auto' or 'recursive'"
            )
        steps = self._head.horizon if horizon is None else horizon
        steps = checks.count(owner, "horizon", steps, at_least=1)
        paths = checks.count(owner, "n", n, at_least=1)
        start = checks.whole(owner, "seed", seed, at_least=0)
        ids, standings = self._standings(owner, series, given_covariates(past, future, static))
        seeds = [[start, crc32(repr(one).encode())] for one in ids]
        self._check_future(owner, ids, standings, steps)
        net, drawn, window = self.network_, self._head.drawn, window_of(self._scale)
        z = with_jobs(
            type(self).__name__,
            self.n_jobs,
            lambda: roll_out(net, standings, drawn, steps, paths, seeds, window),
        )
        scales = np.array([one.scale for one in standings])
        return self._head.values(self._transform.undo(z, scales[:, None, None]))

    def update(self, id: Any, y: Any, *, past: Any = None, future: Any = None) -> None:
        """Adds new values to a series: a number, or several (k,); NaN is a missing value.

        past: the covariates of these steps, (k, P), or a number; future: those of the steps that follow the
        ones that are known so far. The work does not depend on the length of the series. Forecasts are then
        bit-identical to those of a pass over the whole series. The network is not trained. Raises ShapeError,
        DTypeError; ConfigError for an unknown id, infinity, or a value that the model cannot forecast, such
        as 0 with logarithms.
        """
        self._check_fitted("update")
        owner = f"{type(self).__name__}.update"
        one = self._standing[known_id(owner, id, self._standing)]
        y = self._continued(owner, "y", id, one, y)
        values = read_values(f"{owner}: y", np.atleast_1d(as_array(f"{owner}: y", y)), least=0)
        self._check_values(f"{owner}: y", values)
        one = self._extended(owner, id, one, len(values), past, future)
        for after in self._steps_after(one, values):
            one = after
        self._standing[id] = one

    def backtest(self, y: Any, *, past: Any = None, future: Any = None) -> list[Array]:
        """Forecasts from every origin while new values arrive, in one pass of the network.

        y: the values that continue each series, as `fit` takes them: a list in the order of `ids_`, or a
        dict by id. past and future: their covariates, as `update` takes them, in the same form as y. For each
        series the result is (k + 1, horizon, Q): the quantiles before its first new value, and after each of
        its k new values. They are bit-identical to `update` and `predict_quantiles` at each origin; a
        recursive model rolls all origins out in one batch. The model does not change. Raises the errors of
        `update`.
        """
        self._check_fitted("backtest")
        owner = f"{type(self).__name__}.backtest"
        self._check_head(owner)
        observed = self._read(owner, "y", y, given_covariates(None, None, None), least=0)
        ids = observed.ids
        if not isinstance(y, Mapping) and not is_frame(y):
            if len(ids) != len(self.ids_):
                raise ConfigError(f"{owner}: y has {len(ids)} series; the model has {len(self.ids_)}")
            ids = self.ids_
        if observed.columns is not None and not is_table(y):
            starts = dict(zip(ids, observed.columns.starts.values(), strict=True))
            observed = replace(observed, columns=replace(observed.columns, starts=starts))
        self._check_times(owner, "y", observed, follow=True)
        known = [of_each(owner, name, one, ids) for name, one in (("past", past), ("future", future))]
        found = []
        for name, values, before, after in zip(ids, observed.series, *known, strict=True):
            one = self._standing[known_id(owner, name, self._standing)]
            self._check_values(f"{owner}: y[{name!r}]", values)
            origin, one = one, self._extended(owner, name, one, len(values), before, after)
            if self._head.is_direct:
                found.append(self._direct_backtest(one, values))
            else:
                if one.covariates is not None and origin.covariates is not None:
                    # The first origin knows the future too, but the past only up to itself.
                    first = replace(one.covariates, past=origin.covariates.past)
                    origin = replace(origin, covariates=first)
                origins = [origin, *self._steps_after(one, values)]
                names = [name] * len(origins)
                found.append(self._quantiles(owner, names, origins, self._head.horizon))
        return found

    def _direct_backtest(self, one: Standing, values: Array) -> Array:
        """Quantiles from each origin, by one run of the network."""
        horizon = self._head.horizon
        smoothing = one.smoothing.take([0])
        expected, units = smoothing.expected(horizon), self._spread(smoothing)
        (smoothed,) = smooth(smoothing, [self._transform.apply(values, one.scale)], horizon)
        outputs = one.output[None]
        if len(values):
            features, net = smoothed.features, self.network_
            if one.covariates is not None:
                more = one.covariates.features(1, len(values), window_of(self._scale))
                features = np.concatenate([features, more], axis=1)
            run = with_jobs(
                type(self).__name__, self.n_jobs, partial(net.run, features[None], state=one.states)
            )
            outputs = np.concatenate([outputs, run.outputs[0]])
        errors = np.sort(self._head.errors(outputs) + self._corrections, axis=-1)
        return self._undone(
            errors,
            np.concatenate([expected, smoothed.expected]),
            np.concatenate([units, smoothed.units if self._head.is_counts else smoothed.spreads]),
            np.full(1 + len(values), one.scale),
        )

    def explain(self) -> str:
        """The series as they were understood, and the plan of the network. Raises ConfigError."""
        plan = super().explain()
        return f"{described(self._lengths(), self.season_)}\n{plan}"

    # Series.

    def _read(self, owner: str, name: str, y: Any, given: Mapping[str, Any], least: int = 2) -> Observations:
        """Series of a caller; a long table, if the model was fitted on one and this has its columns."""
        columns = self._columns
        names = named_columns(None, None, None)
        has = column_names(y) if is_table(y) else []
        if columns is not None and not columns.is_wide:
            wanted = (columns.id, columns.time, columns.target)
            if all(one in has for one in wanted if one is not None):
                names = named_columns(*wanted)
                for argument, one in given.items():
                    if one is not None:
                        raise ConfigError(
                            f"{owner}: {argument} is given with a long table, whose columns are the "
                            "covariates; put the values into its columns, or give series as a dict by id"
                        )
                given = columns.covariates if least else given
        return read_observations(owner, y, given, names, name=name, least=least)

    def _standings(
        self, owner: str, series: Any, given: Mapping[str, Any]
    ) -> tuple[list[Any], list[Standing]]:
        """Ids and standings of the fitted series, or of others."""
        if series is None:
            for name, one in given.items():
                if one is not None:
                    raise ConfigError(
                        f"{owner}: {name} is given without series; the fitted series have the covariates "
                        "that fit and update got"
                    )
            return self.ids_, [self._standing[one] for one in self.ids_]
        observed = self._read(owner, "series", series, given)
        self._check_times(owner, "series", observed)
        for one, part in zip(observed.ids, observed.series, strict=True):
            self._check_values(f"{owner}: series[{one!r}]", part)
        observed = observed.without_lead()
        known, net = observed.scaled(owner, self._scale), self.network_
        rows = histories(
            observed.series, self.season_, self._head.horizon, self._transform, known, window_of(self._scale)
        )
        standings, _ = with_jobs(type(self).__name__, self.n_jobs, lambda: passed(net, rows))
        return observed.ids, standings

    def _check_times(self, owner: str, name: str, observed: Observations, follow: bool = False) -> None:
        """Raises ConfigError for a long table of other steps, or times that do not continue the series."""
        known, new_columns = self._columns, observed.columns
        if known is None or new_columns is None or known.clock is None:
            return
        if new_columns.clock is not None and new_columns.clock != known.clock:
            raise ConfigError(
                f"{owner}: {name} has steps of {new_columns.clock}; those of the fit are {known.clock}"
            )
        for id, start in new_columns.starts.items() if follow else ():
            steps = len(self._standing[known_id(owner, id, self._standing)])
            wanted = known.clock.after(known.starts[id], steps)[-1]
            if start != wanted:
                raise ConfigError(
                    f"{owner}: {name} begins with {start} for the series {shown(id)}; expected {wanted}, the "
                    "time after its last value"
                )

    def _continued(self, owner: str, what: str, id: Any, one: Standing, given: Any, ahead: int = 0) -> Any:
        """New values with dates, which follow the last value by `ahead` more steps, at every step."""
        clock = None if self._columns is None else self._columns.clock
        wanted = None
        if clock is not None and self._columns is not None:
            wanted = clock.after(self._columns.starts[id], len(one) + ahead)[-1]
        return continued(owner, what, given, clock, wanted)

    def _check_values(self, what: str, values: Array) -> None:
        self._transform.check(what, values)
        self._head.check(what, values)

    def _extended(self, owner: str, id: Any, one: Standing, count: int, past: Any, future: Any) -> Standing:
        """A series with the covariates of `count` further steps. Raises ConfigError, ShapeError."""
        scale = self._scale
        if scale is None or one.covariates is None:
            for name, given in (("past", past), ("future", future)):
                if given is not None:
                    raise ConfigError(
                        f"{owner}: {name} is given, but the model was fitted without covariates"
                    )
            return one
        rows = []
        pairs = zip(("past", "future"), (past, future), scale.widths, scale.names, strict=False)
        for name, given, width, fitted in pairs:
            if given is None:
                rows.append(np.zeros((0, width)))
                continue
            check_names(feature_names(given), fitted, name)
            ahead = len(one.covariates.future) - 1 if name == "future" else 0
            given = self._continued(owner, f"{name}[{shown(id)}]", id, one, given, ahead)
            is_number = np.isscalar(given) or (isinstance(given, np.ndarray) and given.ndim == 0)
            rows.append(read_matrix(owner, name, id, [given] if is_number else given))
            if rows[-1].shape[1] != width:
                raise ShapeError(f"{owner}: {name} has {rows[-1].shape[1]} columns; those of fit had {width}")
        if scale.widths[0] and len(rows[0]) != count:
            raise ShapeError(
                f"{owner}: past[{shown(id)}] has {len(rows[0])} steps, y {count}; expected as many"
            )
        means, sizes = (np.split(part, np.cumsum(scale.widths)[:2]) for part in (scale.means, scale.sizes))
        known = one.covariates.extended(*((row - means[n]) / sizes[n] for n, row in enumerate(rows)))
        if scale.widths[1] and len(known.future) < 1 + count + scale.window:
            raise too_short(owner, id, len(known.future) - 1, count + scale.window)
        return replace(one, covariates=known)

    def _steps_after(self, one: Standing, values: Array) -> Iterator[Standing]:
        z = self._transform.apply(values, one.scale)
        return steps_of(self.network_, one, z, window_of(self._scale))

    # Steps and quantiles.

    @abstractmethod
    def _head_of_now(self, owner: str) -> Head:
        """The outputs by the parameters of now. Raises ConfigError."""

    def _check_head(self, owner: str) -> None:
        """Raises ConfigError for parameters of the outputs that are others than in the fit."""
        now = self._head_of_now(owner)
        for name, wanted, had in zip(
            ("horizon", "quantiles", "method", "distribution"),
            (now.horizon, now.levels, now.method, now.distribution),
            (self._head.horizon, self._head.levels, self._head.method, self._head.distribution),
            strict=True,
        ):
            if wanted != had:
                steps = f", or predict(horizon={shown(wanted)})" if name == "horizon" else ""
                raise ConfigError(
                    f"{owner}: {name} is {shown(getattr(self, name))}, but the model was fitted with "
                    f"{name}={shown(had)}; fit again{steps}"
                )

    def _steps_of(self, owner: str, horizon: int | None) -> int:
        """The steps of a forecast. Raises ConfigError."""
        most = self._head.horizon
        if horizon is None:
            return most
        wanted = checks.count(owner, "horizon", horizon, at_least=1)
        if wanted > most and self._head.drawn is None:
            raise ConfigError(
                f"{owner}: horizon is {wanted}; this model forecasts {most} steps. Fit one with "
                f"horizon={wanted}, or one that goes on from its own draws, with method='auto'"
            )
        return wanted

    def _check_future(
        self, owner: str, ids: Sequence[Any], standings: Sequence[Standing], steps: int
    ) -> None:
        """Raises ShapeError if future covariates end before the steps that a roll-out reads."""
        for id, one in zip(ids, standings, strict=True):
            if self._scale is not None and self._scale.widths[1] and one.covariates is not None:
                needed = steps + self._scale.window
                if len(one.covariates.future) < needed:
                    raise too_short(owner, id, len(one.covariates.future) - 1, needed - 1)

    def _quantiles(self, owner: str, ids: Sequence[Any], standings: Sequence[Standing], steps: int) -> Array:
        """Quantiles (N, steps, Q) of the next steps of series."""
        head, window = self._head, window_of(self._scale)
        direct = min(steps, head.horizon) if head.is_direct else 0
        parts = []
        if direct:
            parts.append(head.errors(np.stack([one.output for one in standings]))[:, :direct])
            parts[0] = np.sort(parts[0] + self._corrections, axis=-1)
        if direct < steps:
            self._check_future(owner, ids, standings, steps)
            net, seed = self.network_, self._seed
            rolled = with_jobs(
                type(self).__name__,
                self.n_jobs,
                lambda: rolled_errors(net, head, window, standings, steps, seed),
            )
            if not direct:
                rolled = np.sort(rolled + self._corrections, axis=-1)
            parts.append(rolled[:, direct:])
        smoothing = Smoothing.joined([one.smoothing for one in standings])
        scales = np.array([one.scale for one in standings])
        expected, units = smoothing.expected(steps), self._spread(smoothing)
        return self._undone(np.concatenate(parts, 1), expected, units, scales)

    def _spread(self, smoothing: Smoothing) -> Array:
        """(N,), what errors are multiplied by. Counts that were constant so far may change."""
        return smoothing.unit if self._head.is_counts else smoothing.spread

    def _undone(self, errors: Array, expected: Array, units: Array, scales: Array) -> Array:
        """Values of errors (K, h, Q), expected values (K, h), units (K,) and scales (K,)."""
        z = expected[..., None] + units[:, None, None] * errors
        return self._head.values(self._transform.undo(z, scales[:, None, None]))


def rolled_errors(
    net: Any, head: Head, window: int, standings: Sequence[Standing], steps: int, seed: int
) -> Array:
    """Rising quantiles (N, steps, Q) of the errors, of sample paths.

    The paths of all series have the same noise, so that those of one do not depend on the others. A quantile
    of counts is the least one that has the share of its level at or below it.
    """
    assert head.drawn is not None
    z = roll_out(net, standings, head.drawn, steps, PATHS, [[seed]] * len(standings), window)
    way: Literal["inverted_cdf", "linear"] = "inverted_cdf" if head.is_counts else "linear"
    quantiles = np.moveaxis(np.quantile(z, head.levels, axis=1, method=way), 0, -1)
    smoothing = Smoothing.joined([one.smoothing for one in standings])
    found: Array = (quantiles - smoothing.expected(steps)[..., None]) / smoothing.unit[:, None, None]
    return found


def given_covariates(past: Any, future: Any, static: Any) -> dict[str, Any]:
    """Covariates by their names."""
    return {"past": past, "future": future, "static": static}


def named_columns(id: str | None, time: str | None, target: str | None) -> dict[str, str | None]:
    """Columns of a long table by their use."""
    return {"id": id, "time": time, "target": target}


def described(lengths: Sequence[int], season: int) -> str:
    """How many series there are, and of how many steps."""
    steps = f"{min(lengths)}" if min(lengths) == max(lengths) else f"{min(lengths)} to {max(lengths)}"
    series = "1 series" if len(lengths) == 1 else f"{len(lengths)} series"
    return f"{series} of {steps} steps, season {season}"
