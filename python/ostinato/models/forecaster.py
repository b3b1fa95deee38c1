"""`Forecaster`: quantiles of the next steps of many series."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, TypeVar

import numpy as np

from ostinato import checks
from ostinato.data import ByLength
from ostinato.errors import ConfigError, shown
from ostinato.layers import Dense, Recurrent, Sequential
from ostinato.losses import Pinball
from ostinato.metrics.mase import mase
from ostinato.models.best import Best
from ostinato.models.conformal import corrections
from ostinato.models.held_out import split
from ostinato.models.rivals import RIVALS
from ostinato.models.season import detect_season
from ostinato.models.sequence_model import BATCH_SIZE, Examples, SequenceModel, TrainingState
from ostinato.models.series import read_series, read_values
from ostinato.models.smoothing import FEATURES, Smoothing
from ostinato.models.threads import with_jobs
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
FURTHEST = 20.0
"""Target errors are clipped to plus or minus this many units."""
PASS = 256
"""Rows of a pass without gradients."""


@dataclass(eq=False)
class Current:
    """One series after its last step: smoothing, state of the network, last outputs (h * Q,)."""

    scale: float
    smoothing: Smoothing
    states: dict[str, Array]
    outputs: Array

    def copy(self) -> Current:
        """The same, with a smoothing of its own; the arrays are replaced and never written."""
        return Current(self.scale, self.smoothing.copy(), self.states, self.outputs)


class Series:
    """What a fitted forecaster knows of its series."""

    season_: int
    """The steps of a season."""
    ids_: list[Any]
    """The names of the series, in the order of forecasts."""
    skill_: dict[str, float] | None
    """MASE of this model and of its rivals on windows that training left out; None without such."""
    _current: dict[Any, Current]
    _positive: bool
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

    # Fitting.

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
        horizon, levels = self._horizon(), self._quantiles()
        conformal = checks.flag(owner, "conformal", self.conformal)
        continued = self._continues() if epochs is None else self._latest("partial_fit")
        if continued is None:
            season, positive = self._season(series), self._is_positive(series)
        else:
            season, positive = self.season_, self._positive
            if (horizon, levels) != (self._steps, self._levels):
                raise ConfigError(f"{owner}: horizon or quantiles differ from those of the first fit")
            if positive:
                for one, values in zip(ids, series, strict=True):
                    _check_positive(f"{owner}: y[{one!r}]", values)
        held: Array = np.zeros(0, np.int64)
        updates = -(-len(series) // self._rows())
        automatic = int(np.clip(round(UPDATES / updates), 8, 200))
        if continued is None:
            attributes = {
                "season_": season,
                "_positive": positive,
                "_levels": levels,
                "_steps": horizon,
            }
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
        rows = [Row.of(values, season, horizon, positive) for values in series]
        is_held = np.isin(np.arange(len(rows)), held)
        training = _examples(
            [row.without_end() if out else row for row, out in zip(rows, is_held, strict=True)]
        )
        validation = _examples([rows[n].only_end() for n in held]) if len(held) else None
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
        attributes, season, rows = fitting.attributes, fitting.attributes["season_"], pending.rows
        owner = type(self).__name__
        current, outputs = with_jobs(owner, self.n_jobs, lambda: _passed(fitting.network, rows))
        attributes["_current"] = dict(zip(attributes["ids_"], current, strict=True))
        horizon, levels = attributes["_steps"], attributes["_levels"]
        left_out = [(int(n), len(rows[n].features) - 1 - horizon) for n in pending.held]
        usable = [(n, t) for n, t in left_out if t > season]
        moved = np.zeros(len(levels))
        if pending.conformal and usable:
            moved = _corrected(rows, outputs, usable, levels)
        attributes.update(_corrections=moved, skill_=None)
        if usable:
            attributes["skill_"] = _skill(pending.series, rows, outputs, usable, attributes)
        if self.verbose and attributes["skill_"] is not None:
            told = ", ".join(f"{name} {value:.3f}" for name, value in attributes["skill_"].items())
            print(f"MASE of windows left out: {told}", file=sys.stderr)
        return super()._adopt(fitting)

    def _horizon(self) -> int:
        return checks.count(type(self).__name__, "horizon", self.horizon, at_least=1)

    def _quantiles(self) -> tuple[float, ...]:
        owner, given = type(self).__name__, self.quantiles
        if not isinstance(given, (list, tuple, np.ndarray)) or not len(given):
            raise ConfigError(f"{owner}: quantiles is {shown(given)}; expected a list of numbers in 0..1")
        levels = tuple(
            checks.number(owner, f"quantiles[{place}]", one, above=0.0, below=1.0)
            for place, one in enumerate(given)
        )
        if list(levels) != sorted(set(levels)):
            raise ConfigError(f"{owner}: quantiles is {shown(given)}; expected rising numbers")
        if not any(math.isclose(one, 0.5) for one in levels):
            raise ConfigError(
                f"{owner}: quantiles is {shown(given)}, without 0.5, the median, which predict returns; "
                "expected 0.5 among them"
            )
        return levels

    def _season(self, series: Sequence[Array]) -> int:
        owner = type(self).__name__
        if isinstance(self.season, str):
            if self.season != "auto":
                raise ConfigError(
                    f"{owner}: season is {shown(self.season)}; expected steps, such as 12, or 'auto'"
                )
            return detect_season(series)
        return checks.count(owner, "season", self.season, at_least=1)

    def _is_positive(self, series: Sequence[Array]) -> bool:
        owner = type(self).__name__
        checks.choice(owner, "transform", self.transform, ("auto", "log", "none"))
        positive = all(bool((values[~np.isnan(values)] > 0).all()) for values in series)
        if self.transform == "log" and not positive:
            for number, values in enumerate(series):
                _check_positive(f"{owner}: series {number}", values)
        return positive and self.transform != "none"

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
        middle = int(np.abs(np.array(self._levels) - 0.5).argmin())
        medians: Array = found[:, :, middle]
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
            current = [self._current[one] for one in self.ids_]
        else:
            ids, values = read_series(owner, series, "series")
            if self._positive:
                for one, part in zip(ids, values, strict=True):
                    _check_positive(f"{owner}: series[{one!r}]", part)
            rows = [Row.of(part, self.season_, self._steps, self._positive) for part in values]
            net = self.network_
            current, _ = with_jobs(type(self).__name__, self.n_jobs, lambda: _passed(net, rows))
        return np.stack([self._forecast(one)[:steps] for one in current])

    def update(self, id: Any, y: Any) -> None:
        """Adds new values to a series: a number, or several (k,); NaN is a missing value.

        The work does not depend on the length of the series. Forecasts are then bit-identical to those of a
        pass over the whole series. The network is not trained. Raises ShapeError, DTypeError; ConfigError for
        an unknown id, infinity, or a value of 0 or less where the model forecasts logarithms.
        """
        self._check_fitted("update")
        owner = f"{type(self).__name__}.update"
        one = self._series(owner, id).copy()
        values = read_values(f"{owner}: y", np.atleast_1d(np.asarray(y)), least=0)
        if self._positive:
            _check_positive(f"{owner}: y", values)
        stream = self.network_.stream(1)
        stream.state = one.states
        for value in values:
            features = one.smoothing.step(_transformed(value, one.scale, self._positive))
            one.outputs = stream.step(np.array([features], np.float32))[0].copy()
        one.states = {name: state.copy() for name, state in stream.state.items()}
        self._current[id] = one

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
            one = self._series(owner, name).copy()
            if self._positive:
                _check_positive(f"{owner}: y[{name!r}]", values)
            features, expected = [], [one.smoothing.expected(self._steps)]
            units = [one.smoothing.unit]
            for value in values:
                features.append(one.smoothing.step(_transformed(value, one.scale, self._positive)))
                expected.append(one.smoothing.expected(self._steps))
                units.append(one.smoothing.unit)
            outputs = one.outputs[None]
            if features:
                x, net = np.array([features], np.float32), self.network_
                run = with_jobs(type(self).__name__, self.n_jobs, partial(net.run, x, state=one.states))
                outputs = np.concatenate([outputs, run.outputs[0]])
            found.append(self._quantiles_of(outputs, np.array(expected), np.array(units), one.scale))
        return found

    def _series(self, owner: str, id: Any) -> Current:
        """A series by its id. Raises ConfigError."""
        is_id = isinstance(id, (str, int, np.integer)) and not isinstance(id, bool)
        if is_id and id in self._current:
            return self._current[id]
        known = did_you_mean(repr(id) if isinstance(id, str) else "", map(repr, self.ids_), "ids")
        raise ConfigError(f"{owner}: id is {shown(id)}, which is no series of the model; {known}")

    def _forecast(self, one: Current) -> Array:
        expected = np.array([one.smoothing.expected(self._steps)])
        made: Array = self._quantiles_of(
            one.outputs[None], expected, np.array([one.smoothing.unit]), one.scale
        )[0]
        return made

    def _quantiles_of(self, outputs: Array, expected: Array, units: Array, scale: float) -> Array:
        """Quantiles (K, h, Q) of outputs (K, h * Q), expected values (K, h) and units (K,)."""
        errors = outputs.astype(np.float64).reshape(*expected.shape, len(self._levels))
        errors = np.sort(np.sort(errors, axis=-1) + self._corrections, axis=-1)
        return _undone(expected[..., None] + units[:, None, None] * errors, scale, self._positive)

    # Files.

    def _state(self) -> dict[str, Any]:
        current = [self._current[one] for one in self.ids_]
        names = list(current[0].states)
        return {
            "season": self.season_,
            "positive": self._positive,
            "levels": list(self._levels),
            "horizon": self._steps,
            "corrections": self._corrections,
            "skill": self.skill_,
            "ids": list(self.ids_),
            "scales": np.array([one.scale for one in current]),
            "smoothing": np.array([one.smoothing.numbers() for one in current]),
            "outputs": np.stack([one.outputs for one in current]),
            "states": {name: np.concatenate([one.states[name] for one in current], 1) for name in names},
        }

    def _restore(self, state: Mapping[str, Any]) -> dict[str, Any]:
        season = int(state["season"])
        current = {}
        for n, one in enumerate(state["ids"]):
            current[one] = Current(
                float(state["scales"][n]),
                Smoothing.from_numbers(state["smoothing"][n], season),
                {name: np.ascontiguousarray(part[:, n : n + 1]) for name, part in state["states"].items()},
                np.asarray(state["outputs"][n]),
            )
        return {
            "season_": season,
            "_positive": bool(state["positive"]),
            "_levels": tuple(map(float, state["levels"])),
            "_steps": int(state["horizon"]),
            "_corrections": np.asarray(state["corrections"], np.float64),
            "skill_": state["skill"],
            "ids_": list(state["ids"]),
            "_current": current,
        }


@dataclass(eq=False)
class Row:
    """A series as the network reads it: features (n, F); errors and weights (n, h) of the next steps."""

    scale: float
    smoothing: Smoothing
    features: Array
    expected: Array
    units: Array
    errors: Array
    weights: Array

    @classmethod
    def of(cls, series: Array, season: int, horizon: int, positive: bool) -> Row:
        """The row of a series, with the smoothing after its last step."""
        # Of the first values, so that later ones change neither the scale nor any bit of what was before.
        known = np.abs(series[~np.isnan(series) & (series != 0)][: max(2 * season, 8)])
        scale = math.fsum(known) / len(known) if len(known) else 1.0
        values = np.array([_transformed(one, scale, positive) for one in series])
        smoothing = Smoothing.of(values, season)
        count = len(values)
        features, expected, units = [], [], []
        for value in values.tolist():
            features.append(smoothing.step(value))
            expected.append(smoothing.expected(horizon))
            units.append(smoothing.unit)
        base, sizes = np.array(expected), np.array(units)
        ahead = np.arange(count)[:, None] + np.arange(1, horizon + 1)
        future = np.where(ahead < count, values[np.minimum(ahead, count - 1)], np.nan)
        errors = np.clip((future - base) / sizes[:, None], -FURTHEST, FURTHEST)
        weights = (~np.isnan(errors)).astype(np.float32)
        # The smoothing has to settle first.
        first = min(2 * season if season > 1 else 2, max(count - 2 - horizon, 0))
        weights[:first] = 0.0
        return cls(
            scale, smoothing, np.array(features, np.float32), base, sizes, np.nan_to_num(errors), weights
        )

    def _ends(self) -> Array:
        """(n, h): whether a target is one of the last h values."""
        count, horizon = self.weights.shape
        ends: Array = np.arange(count)[:, None] + np.arange(1, horizon + 1) >= count - horizon
        return ends

    def without_end(self) -> Row:
        """The row without the targets of its last window."""
        kept = np.where(self._ends(), 0.0, self.weights).astype(np.float32)
        return replace(self, weights=kept)

    def only_end(self) -> Row:
        """The row with the targets of its last window alone, from the origin before it."""
        count, horizon = self.weights.shape
        kept = np.zeros_like(self.weights)
        if count > horizon:
            kept[count - 1 - horizon] = self.weights[count - 1 - horizon]
        return replace(self, weights=kept)


def _examples(rows: Sequence[Row]) -> Examples:
    targets = [np.concatenate([row.errors, row.weights], 1).astype(np.float32) for row in rows]
    weights = [(row.weights.sum(1) > 0).astype(np.float32) for row in rows]
    return Examples([row.features for row in rows], targets, weights)


@dataclass(eq=False)
class SeriesData:
    """What a fit needs at its end."""

    series: list[Array]
    rows: list[Row]
    held: Array
    conformal: bool


def _corrected(
    rows: Sequence[Row], outputs: Sequence[Array], usable: Sequence[Any], levels: Sequence[float]
) -> Array:
    """The conformal corrections of the windows that training left out."""
    shape = -1, len(levels)
    predicted = np.concatenate([outputs[n][t].reshape(shape) for n, t in usable])
    wanted = np.concatenate([rows[n].errors[t] for n, t in usable])
    known = np.concatenate([rows[n].weights[t] > 0 for n, t in usable])
    return corrections(np.sort(predicted.astype(np.float64), axis=-1)[known], wanted[known], levels)


def _skill(
    series: Sequence[Array],
    rows: Sequence[Row],
    outputs: Sequence[Array],
    usable: Sequence[Any],
    attributes: Mapping[str, Any],
) -> dict[str, float] | None:
    """MASE on the last window of each series that training left out, of the model and its rivals."""
    levels, horizon, season = attributes["_levels"], attributes["_steps"], attributes["season_"]
    middle = int(np.abs(np.array(levels) - 0.5).argmin())
    found: dict[str, list[float]] = {"model": [], **{name: [] for name in RIVALS}}
    for n, t in usable:
        row, history, truth = rows[n], series[n][: t + 1], series[n][t + 1 :]
        if np.isnan(history).all():
            continue
        errors = np.sort(outputs[n][t].astype(np.float64).reshape(horizon, -1), axis=-1)[:, middle]
        z = row.expected[t] + row.units[t] * (errors + attributes["_corrections"][middle])
        forecasts = {"model": _undone(z, row.scale, attributes["_positive"])}
        forecasts |= {name: rival(history, horizon, season) for name, rival in RIVALS.items()}
        measured = {name: mase(one, truth, history, season) for name, one in forecasts.items()}
        if all(map(math.isfinite, measured.values())):
            for name, value in measured.items():
                found[name].append(value)
    return {name: float(np.mean(values)) for name, values in found.items()} if found["model"] else None


def _passed(net: Any, rows: Sequence[Row]) -> tuple[list[Current], list[Array]]:
    """Where each series stands after its last step, and the outputs (n, h * Q) of all its steps."""
    current: list[Current] = []
    outputs: list[Array] = []
    for start in range(0, len(rows), PASS):
        part = rows[start : start + PASS]
        run = net.run([row.features for row in part])
        for n, row in enumerate(part):
            own = run.outputs[n][: len(row.features)]
            states = {
                name: np.ascontiguousarray(state[:, n : n + 1]) for name, state in run.final_state.items()
            }
            current.append(Current(row.scale, row.smoothing, states, own[-1].copy()))
            outputs.append(own)
    return current, outputs


def _transformed(value: float, scale: float, positive: bool) -> float:
    """A value in units of its series, or its logarithm. Of one number, so that no bit depends on others."""
    return math.log(value / scale) if positive else value / scale


_exp = np.vectorize(math.exp, otypes=[np.float64])


def _undone(values: Array, scale: float, positive: bool) -> Array:
    """The inverse of `_transformed`."""
    made: Array = (_exp(np.minimum(values, 700.0)) if positive else values) * scale
    return made


def _check_positive(what: str, values: Array) -> None:
    wrong = np.flatnonzero(values <= 0)
    if wrong.size:
        raise ConfigError(
            f"{what} has {values[wrong[0]]} at {int(wrong[0])}; the model forecasts logarithms, which need "
            "numbers above 0. Fit with transform='none'"
        )
