"""`Forecaster`: quantiles of the next steps of many series."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, TypeVar

import numpy as np

from ostinato import checks
from ostinato.data import ByLength
from ostinato.errors import ConfigError, shown
from ostinato.layers import Dense, Recurrent, Sequential
from ostinato.losses import Pinball
from ostinato.models import standing
from ostinato.models.best import Best
from ostinato.models.conformal import corrections
from ostinato.models.held_out import split
from ostinato.models.history import History, examples, histories
from ostinato.models.levels import middle, read_levels
from ostinato.models.season import read_season
from ostinato.models.sequence_model import BATCH_SIZE, SequenceModel, TrainingState
from ostinato.models.series import read_series, read_values
from ostinato.models.skill import skill
from ostinato.models.smoothing import FEATURES, Smoothing, smooth
from ostinato.models.standing import Standing, passed
from ostinato.models.threads import with_jobs
from ostinato.models.transform import Transform
from ostinato.network import Network
from ostinato.schedules import Exponential, WarmUp
from ostinato.sequences.arrays import Array
from ostinato.sequences.containers import is_frame
from ostinato.suggest import did_you_mean

Self = TypeVar("Self", bound="Forecaster")

ENOUGH = 50
"""With early_stopping="auto", windows are left out of training from this many series on."""
UPDATES = 1000
"""About how many updates a fit makes, if max_iter is "auto"."""


class Series:
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
    _levels: tuple[float, ...]
    _steps: int
    _epochs: int


@dataclass(kw_only=True, eq=False, repr=False)
class Forecaster(SequenceModel, Series):
    """Forecasts of many series: `Forecaster(horizon=18, season=12).fit(series).predict()`.

    Each series is smoothed to a level and a season. A recurrent network reads the errors and changes of the
    smoothing, in units of the seasonal changes of the series, and at every step predicts quantiles of what is
    added to level and season in the next `horizon` steps. It reads whole series, and trains on all steps.

    Args:
        horizon: steps to forecast.
        season: steps of a season, or "auto": by the autocorrelation of the changes of all series.
        quantiles: of the forecasts, rising, between 0 and 1; 0.5, the median, is one of them.
        transform: "log" forecasts logarithms, so errors and seasons are relative; "none" the values; "auto"
            takes "log" if all values are above 0.
        conformal: moves the quantiles so that their intervals hold as often as they should on the windows
            that training left out, if there are any (see early_stopping).
        cell, hidden_size, num_layers: of the recurrent layers.
        regularizers: of the recurrent layers, or their names.
        batch_size: series of a batch; "auto" for 32.
        learning_rate_init: "auto" is 0.005.
        schedule: "auto" rises over 20 updates, then falls by the same factor each epoch: to a twentieth after
            the automatic number of epochs, whatever max_iter is.
        max_iter: epochs, or "auto" for about 1,000 updates, between 8 and 200 epochs.
        early_stopping: True leaves out the last window of some series from training, measures it after each
            epoch and keeps the best parameters. "auto" does so from 50 series on.
        validation_fraction: the fraction of the series whose last window is left out. Their other windows
            train. These windows also correct the quantiles, so there must be many.

    The other arguments are those of `SequenceModel`.

    Attributes: season_, ids_, skill_, n_iter_, loss_curve_, best_loss_, network_, trainer_.
    """

    horizon: int = 1
    season: int | str = "auto"
    quantiles: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    transform: str = "auto"
    conformal: bool = True
    cell: Any = "lstm"
    hidden_size: int = 40
    num_layers: int = 2
    regularizers: Sequence[Any] = ()
    max_iter: int | str = "auto"  # type: ignore[assignment]

    validation_fraction: float = 0.4

    learning_rate: ClassVar[float] = 5e-3

    # TrainingState.

    def fit(self: Self, y: Any) -> Self:
        """Trains on series.

        y: a list of arrays (n,), one for each series, of any lengths; a dict of them by id (text or integer);
        a table, whose columns are series; or an array (series, n). NaN is a missing value: it has no loss.

        Raises ShapeError, DTypeError, ConfigError that name the series; then nothing changes.
        """
        return self._fit(y, None)

    def partial_fit(self: Self, y: Any) -> Self:
        """One more epoch on these series, with all windows. The first call decides season and transform.

        Arguments and errors are those of `fit`.
        """
        return self._fit(y, 1)

    def _fit(self: Self, y: Any, epochs: int | None) -> Self:
        owner = type(self).__name__
        ids, series = read_series(owner, y)
        horizon = checks.count(owner, "horizon", self.horizon, at_least=1)
        levels = read_levels(owner, self.quantiles)
        conformal = checks.flag(owner, "conformal", self.conformal)
        continued = self._continues() if epochs is None else self._latest("partial_fit")
        if continued is None:
            season = read_season(owner, self.season, series)
            transform = Transform.of(owner, self.transform, series)
        else:
            season, transform = self.season_, self._transform
            if (horizon, levels) != (self._steps, self._levels):
                raise ConfigError(f"{owner}: horizon or quantiles differ from those of the first fit")
            for one, values in zip(ids, series, strict=True):
                transform.check(f"{owner}: y[{one!r}]", values)
        held: Array = np.zeros(0, np.int64)
        updates = -(-len(series) // self._rows())
        automatic = int(np.clip(round(UPDATES / updates), 8, 200))
        if continued is None:
            attributes = {"season_": season, "_transform": transform, "_levels": levels, "_steps": horizon}
            holds = epochs is None and self._holds_out(len(series))
            self._epochs = automatic
            continued = self._new(
                lambda seed: self._build(horizon * len(levels), seed),
                Pinball(quantiles=levels, weighted=True),
                holds,
                attributes,
            )
        if epochs is None and self._holds_out(len(series)):
            _, held = split(owner, len(series), self.validation_fraction, continued.seed)
        rows = histories(series, season, horizon, transform)
        is_held = np.isin(np.arange(len(rows)), held)
        training = examples(
            [row.without_end() if out else row for row, out in zip(rows, is_held, strict=True)]
        )
        validation = examples([rows[n].only_end() for n in held]) if len(held) else None
        if epochs is None:
            epochs = automatic if self.max_iter == "auto" else None
        if epochs is None:
            epochs = checks.count(owner, "max_iter", self.max_iter, at_least=1)
        continued.attributes["ids_"] = ids
        vars(self)["_pending"] = SeriesData(series, rows, held, conformal)
        try:
            return self._train(continued, epochs, training, validation)
        finally:
            vars(self).pop("_pending", None)

    def _adopt(self: Self, fitting: TrainingState) -> Self:
        """Passes over all series with the best parameters, also of an interrupted fit."""
        pending: SeriesData = vars(self)["_pending"]
        attributes, rows, net = fitting.attributes, pending.rows, fitting.network
        season, horizon, levels = (attributes[name] for name in ("season_", "_steps", "_levels"))
        standings, outputs = with_jobs(type(self).__name__, self.n_jobs, lambda: passed(net, rows))
        attributes["_standing"] = dict(zip(attributes["ids_"], standings, strict=True))
        left_out = [int(n) for n in pending.held if rows[n].origin > season]
        predicted = [_errors(outputs[n][rows[n].origin], horizon) for n in left_out]
        moved = np.zeros(len(levels))
        if pending.conformal and left_out:
            known = np.array([rows[n].weights[rows[n].origin] > 0 for n in left_out])
            wanted = np.array([rows[n].errors[rows[n].origin] for n in left_out])
            moved = corrections(np.array(predicted)[known], wanted[known], levels)
        attributes.update(_corrections=moved, skill_=None)
        windows = []
        for n, errors in zip(left_out, predicted, strict=True):
            row, values, t = rows[n], pending.series[n], rows[n].origin
            z = row.expected[t] + row.units[t] * (errors + moved)[:, middle(levels)]
            forecast = attributes["_transform"].undo(z, row.scale)
            windows.append((values[: t + 1], values[t + 1 :], forecast))
        attributes["skill_"] = skill(windows, season)
        if self.verbose and attributes["skill_"] is not None:
            told = ", ".join(f"{name} {value:.3f}" for name, value in attributes["skill_"].items())
            print(f"MASE of windows left out: {told}", file=sys.stderr)
        return super()._adopt(fitting)

    def _schedule(self, best: Best) -> Any:
        if isinstance(self.schedule, str) and self.schedule == "auto":
            # To a twentieth within the automatic number of epochs, whatever max_iter is.
            return WarmUp(20, then=Exponential(0.05 ** (1 / self._epochs)))
        return super()._schedule(best)

    def _holds_out(self, count: int) -> bool:
        found = super()._holds_out(count)
        return count >= ENOUGH if isinstance(self.early_stopping, str) else found

    def _batches(self, count: int) -> Any:
        is_auto = isinstance(self.batch_size, str) and self.batch_size == "auto"
        return ByLength(BATCH_SIZE) if is_auto else super()._batches(count)

    def _rows(self) -> int:
        """Rows of a batch, as far as they are known."""
        return self.batch_size if isinstance(self.batch_size, int) and self.batch_size > 0 else BATCH_SIZE

    def _build(self, outputs: int, seed: int) -> Network:
        layer = Recurrent(
            self._copy("cell"),
            FEATURES,
            self.hidden_size,
            self.num_layers,
            regularizers=self._copies("regularizers"),
        )
        return Sequential(layer, Dense(layer.output_size, outputs), seed=seed)

    # Forecasts.

    def predict(self, horizon: int | None = None, *, series: Any = None) -> Array:
        """The medians of the next steps, (series, horizon) float64.

        horizon: at most that of the model, which is the default. series: histories of other series, as `fit`
        takes them, instead of those that were fitted. Raises ConfigError, and the errors of `fit`.
        """
        found = self.predict_quantiles(horizon, series=series)
        medians: Array = found[:, :, middle(self._levels)]
        return medians

    def predict_quantiles(self, horizon: int | None = None, *, series: Any = None) -> Array:
        """The quantiles of the next steps, (series, horizon, Q) float64, rising. See `predict`."""
        self._check_fitted("predict")
        owner = f"{type(self).__name__}.predict"
        steps = self._steps
        if horizon is not None:
            wanted = checks.count(owner, "horizon", horizon, at_least=1)
            if wanted > steps:
                raise ConfigError(
                    f"{owner}: horizon is {wanted}; this model forecasts {steps} steps. Fit one with "
                    f"horizon={wanted}"
                )
            steps = wanted
        if series is None:
            standings = [self._standing[one] for one in self.ids_]
        else:
            ids, values = read_series(owner, series, "series")
            for one, part in zip(ids, values, strict=True):
                self._transform.check(f"{owner}: series[{one!r}]", part)
            rows = histories(values, self.season_, self._steps, self._transform)
            net = self.network_
            standings, _ = with_jobs(type(self).__name__, self.n_jobs, lambda: passed(net, rows))
        smoothing = Smoothing.joined([one.smoothing for one in standings])
        found = self._quantiles_of(
            np.stack([one.output for one in standings]),
            smoothing.expected(self._steps),
            smoothing.unit,
            np.array([one.scale for one in standings]),
        )
        return found[:, :steps]

    def update(self, id: Any, y: Any) -> None:
        """Adds new values to a series: a number, or several (k,); NaN is a missing value.

        The work does not depend on the length of the series. Forecasts are then bit-identical to those of a
        pass over the whole series. The network is not trained. Raises ShapeError, DTypeError; ConfigError for
        an unknown id, infinity, or a value of 0 or less where the model forecasts logarithms.
        """
        self._check_fitted("update")
        owner = f"{type(self).__name__}.update"
        one = self._series(owner, id)
        values = read_values(f"{owner}: y", np.atleast_1d(np.asarray(y)), least=0)
        self._transform.check(f"{owner}: y", values)
        smoothing = one.smoothing.take([0])
        (told,) = smooth(smoothing, [self._transform.apply(values, one.scale)], self._steps)
        stream, output = self.network_.stream(1), one.output
        stream.state = one.states
        for features in told.features:
            output = stream.step(features[None])[0].copy()
        states = {name: state.copy() for name, state in stream.state.items()}
        self._standing[id] = Standing(one.scale, smoothing, states, output)

    def backtest(self, y: Any) -> list[Array]:
        """Forecasts from every origin while new values arrive, in one pass of the network.

        y: the values that continue each series, as `fit` takes them: a list in the order of `ids_`, or a
        dict by id. For each series the result is (k + 1, horizon, Q): the quantiles before its first new
        value, and after each of its k new values. They are bit-identical to `update` and
        `predict_quantiles` at each origin. The model does not change. Raises the errors of `update`.
        """
        self._check_fitted("backtest")
        owner = f"{type(self).__name__}.backtest"
        ids, series = read_series(owner, y, least=0)
        if not isinstance(y, Mapping) and not is_frame(y):
            if len(ids) != len(self.ids_):
                raise ConfigError(f"{owner}: y has {len(ids)} series; the model has {len(self.ids_)}")
            ids = self.ids_
        found = []
        for name, values in zip(ids, series, strict=True):
            one = self._series(owner, name)
            self._transform.check(f"{owner}: y[{name!r}]", values)
            smoothing = one.smoothing.take([0])
            expected, units = smoothing.expected(self._steps), smoothing.unit
            (told,) = smooth(smoothing, [self._transform.apply(values, one.scale)], self._steps)
            outputs = one.output[None]
            if len(values):
                x, net = told.features[None], self.network_
                run = with_jobs(type(self).__name__, self.n_jobs, partial(net.run, x, state=one.states))
                outputs = np.concatenate([outputs, run.outputs[0]])
            found.append(
                self._quantiles_of(
                    outputs,
                    np.concatenate([expected, told.expected]),
                    np.concatenate([units, told.units]),
                    np.full(1 + len(values), one.scale),
                )
            )
        return found

    def _series(self, owner: str, id: Any) -> Standing:
        """A series by its id. Raises ConfigError."""
        is_id = isinstance(id, (str, int, np.integer)) and not isinstance(id, bool)
        if is_id and id in self._standing:
            return self._standing[id]
        known = did_you_mean(repr(id) if isinstance(id, str) else "", map(repr, self.ids_), "ids")
        raise ConfigError(f"{owner}: id is {shown(id)}, which is no series of the model; {known}")

    def _quantiles_of(self, outputs: Array, expected: Array, units: Array, scales: Array) -> Array:
        """Quantiles (K, h, Q) of outputs (K, h * Q), expected values (K, h), units (K,) and scales (K,)."""
        errors = np.sort(_errors(outputs, self._steps) + self._corrections, axis=-1)
        z = expected[..., None] + units[:, None, None] * errors
        return self._transform.undo(z, scales[:, None, None])

    # Files.

    def _state(self) -> dict[str, Any]:
        return {
            "season": self.season_,
            "positive": self._transform.positive,
            "levels": list(self._levels),
            "horizon": self._steps,
            "corrections": self._corrections,
            "skill": self.skill_,
            "ids": list(self.ids_),
            **standing.to_file([self._standing[one] for one in self.ids_]),
        }

    def _restore(self, state: Mapping[str, Any]) -> dict[str, Any]:
        season = int(state["season"])
        return {
            "season_": season,
            "_transform": Transform(bool(state["positive"])),
            "_levels": tuple(map(float, state["levels"])),
            "_steps": int(state["horizon"]),
            "_corrections": np.asarray(state["corrections"], np.float64),
            "skill_": state["skill"],
            "ids_": list(state["ids"]),
            "_standing": dict(zip(state["ids"], standing.from_file(state, season), strict=True)),
        }


@dataclass(eq=False)
class SeriesData:
    """What a fit needs at its end."""

    series: list[Array]
    rows: list[History]
    held: Array
    conformal: bool


def _errors(outputs: Array, horizon: int) -> Array:
    """Rising quantiles (..., h, Q) of the errors, of outputs (..., h * Q)."""
    found: Array = np.sort(outputs.astype(np.float64).reshape(*outputs.shape[:-1], horizon, -1), axis=-1)
    return found
