"""`Forecaster`: quantiles and sample paths of the next steps of many series."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np

from ostinato import checks
from ostinato.checks import LARGEST_WHOLE
from ostinato.data import ByLength
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.layers import Dense, Graph, Input, Recurrent, Sequential, concat
from ostinato.models import stored
from ostinato.models.base.best import Best
from ostinato.models.base.held_out import split
from ostinato.models.base.sequence_model import BATCH_SIZE, TrainingState
from ostinato.models.base.threads import threads_of, with_jobs
from ostinato.models.forecasting.forecasts import (
    Forecasts,
    described,
    given_covariates,
    named_columns,
    rolled_errors,
)
from ostinato.models.forecasting.outputs import standing
from ostinato.models.forecasting.outputs.distributions import DISTRIBUTIONS
from ostinato.models.forecasting.outputs.head import METHODS, Head
from ostinato.models.forecasting.outputs.standing import passed
from ostinato.models.forecasting.quality.levels import read_levels
from ostinato.models.forecasting.quality.windows import FitWindows
from ostinato.models.forecasting.series.covariates import CovariateScale, window_of
from ostinato.models.forecasting.series.history import histories
from ostinato.models.forecasting.series.observations import Columns, read_observations
from ostinato.models.forecasting.series.season import read_season
from ostinato.models.forecasting.series.smoothing import FEATURES
from ostinato.models.forecasting.series.transform import Transform
from ostinato.network import Network
from ostinato.schedules import Exponential, WarmUp
from ostinato.sequences.arrays import Array
from ostinato.signature import with_field_types

Self = TypeVar("Self", bound="Forecaster")

ENOUGH = 50
"""With early_stopping="auto", windows are left out of training from this many series on."""
UPDATES = 1000
"""About how many updates a fit makes, if max_iter is "auto"."""


@with_field_types
@dataclass(kw_only=True, eq=False, repr=False)
class Forecaster(Forecasts):
    """Forecasts of many series: `Forecaster(horizon=18, season=12).fit(series).predict()`.

    Each series is smoothed to a level and a season. A recurrent network reads the errors and changes of the
    smoothing, in units of the seasonal changes of the series, and at every step predicts quantiles of what is
    added to level and season in the next `horizon` steps. It reads whole series, and trains on all steps.

    Args:
        horizon: steps to forecast; with method="auto" or "recursive" also more are possible.
        method: "direct" predicts quantiles of all steps of the horizon together. "recursive" predicts the
            distribution of the next value, draws from it and feeds the draw back: any horizon, and joint
            paths. "auto" trains both: direct within the horizon, recursive beyond it.
        distribution: of the next value: "normal" (None stands for it), "student_t" for heavy tails, or
            "negative_binomial" for counts 0, 1, 2, ...
        season: steps of a season, at most 100,000, or "auto": by the autocorrelation of the changes of all
            series.
        quantiles: of the forecasts, rising, between 0 and 1; 0.5, the median, is one of them.
        transform: "log" forecasts logarithms, so errors and seasons are relative; "none" the values; "auto"
            takes "log" if all values are above 0.
        conformal: corrects the quantiles, so that an interval contains its share of the values: in the
            windows that training left out, if there are any (see early_stopping), and in all windows on
            average.
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
    method: str = "auto"
    distribution: str | None = None
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
    read_anew: ClassVar[tuple[str, ...]] = ("conformal",)

    # Fitting.

    def fit(
        self: Self,
        y: Any,
        *,
        id: str | None = None,
        time: str | None = None,
        target: str | None = None,
        past: Any = None,
        future: Any = None,
        static: Any = None,
    ) -> Self:
        """Trains on series.

        y: a list of arrays (n,), one for each series, of any lengths; a dict of them by id (text or integer);
        a table, whose columns are series; or an array (series, n). NaN is a missing value: it has no loss.

        With `target`, y is a long table, a DataFrame or a dict of columns, with one row for each series and
        time. id, time and target: its columns of ids, times and values (see `models.reading.long_table`).

        past, future, static: covariates, other variables that the network reads. For each series past is
        (n, P), known up to the last value; future (m, C), from the first step of the series to at least
        `horizon` steps after its end (one step with method="recursive"); static (S,). Each is a dict by id,
        or a list in the order of y. Of a long table they are names of columns; the rows of a series after its
        last value are then its future.

        Raises ShapeError, DTypeError, ConfigError that name the series, or the row and the column of a long
        table; then nothing changes.
        """
        return self._fit(y, given_covariates(past, future, static), named_columns(id, time, target), None)

    def partial_fit(
        self: Self,
        y: Any,
        *,
        id: str | None = None,
        time: str | None = None,
        target: str | None = None,
        past: Any = None,
        future: Any = None,
        static: Any = None,
    ) -> Self:
        """One more epoch on these series, with all windows. The first call decides season and transform.

        These series replace those so far: forecasts, updates and `ids_` are theirs, as after a further `fit`
        with warm_start=True.

        Arguments and errors are those of `fit`.
        """
        return self._fit(y, given_covariates(past, future, static), named_columns(id, time, target), 1)

    def _fit(
        self: Self, y: Any, given: Mapping[str, Any], names: Mapping[str, str | None], epochs: int | None
    ) -> Self:
        owner = type(self).__name__
        observed = read_observations(owner, y, given, names)
        series = observed.series
        head = self._head_of_now(owner)
        horizon = head.horizon
        _check_axes(owner, y, horizon)
        conformal = checks.flag(owner, "conformal", self.conformal)
        continued = self._continues() if epochs is None else self._latest("partial_fit")
        updates = -(-len(series) // (self._rows_of_batch() or BATCH_SIZE))
        threads_of(owner, self.n_jobs)  # its error comes before any work
        automatic = int(np.clip(round(UPDATES / updates), 8, 200))
        if continued is None:
            transform = head.transform(owner, self.transform, observed.ids, series)
            observed = observed.without_lead()
            series = observed.series
            season = read_season(owner, self.season, series)
            _check_lengths(owner, head, observed.ids, series)
            scale = None
            if observed.covariates is not None:
                scale = CovariateScale.of(
                    observed.covariates, horizon if head.is_direct else 1, observed.names
                )
            known = observed.scaled(owner, scale)
            attributes = {
                "season_": season,
                "_transform": transform,
                "_head": head,
                "_scale": scale,
                "_epochs": automatic,
            }
            holds = epochs is None and self._holds_out(len(series))
            inputs = FEATURES + (0 if scale is None else scale.width)
            continued = self._new(lambda seed: self._build(inputs, head.width, seed), holds, attributes)
            attributes["_seed"] = continued.seed
        else:
            season, transform, scale = self.season_, self._transform, self._scale
            if head != self._head:
                raise ConfigError(
                    f"{owner}: horizon, quantiles, method or distribution differ from those of the first fit"
                )
            for name, values in zip(observed.ids, series, strict=True):
                transform.check(f"{owner}: y[{name!r}]", values)
                head.check(f"{owner}: y[{name!r}]", values)
            observed = observed.without_lead()
            series = observed.series
            known = observed.scaled(owner, scale)
        held: Array = np.zeros(0, np.int64)
        if epochs is None and self._holds_out(len(series)):
            _, held = split(owner, len(series), self.validation_fraction, continued.seed)
        rows = histories(series, season, horizon, transform, known, window_of(scale))
        is_held = np.isin(np.arange(len(rows)), held)
        training = head.examples(
            [row.without_end() if out else row for row, out in zip(rows, is_held, strict=True)]
        )
        validation = head.examples([rows[n].only_end() for n in held]) if len(held) else None
        if epochs is None:
            epochs = automatic if isinstance(self.max_iter, str) and self.max_iter == "auto" else None
        if epochs is None:
            epochs = checks.count(owner, "max_iter", self.max_iter, at_least=1)
        continued.attributes.update(ids_=observed.ids, _columns=observed.columns)
        if self._prints():
            print(described(list(map(len, series)), season), file=sys.stderr)
        windows = FitWindows(series, rows, held, season)
        return self._train(
            continued, epochs, training, validation, lambda found: self._complete(found, windows, conformal)
        )

    def _complete(self, fitting: TrainingState, windows: FitWindows, conformal: bool) -> None:
        """Passes over all series with the best parameters, also of an interrupted fit."""
        attributes, rows, net = fitting.attributes, windows.rows, fitting.network
        head, transform = attributes["_head"], attributes["_transform"]
        owner, window = type(self).__name__, window_of(attributes["_scale"])
        standings, outputs = with_jobs(owner, self.n_jobs, lambda: passed(net, rows))
        attributes["_standing"] = dict(zip(attributes["ids_"], standings, strict=True))

        def errors(places: Sequence[tuple[int, int]]) -> Array:
            if head.is_direct:
                found: Array = np.stack([head.errors(outputs[n][t]) for n, t in places])
                return found
            cut = [windows.series[n][: t + 1] for n, t in places]
            known = [rows[n].covariates for n, _ in places] if window else None
            parts = histories(cut, windows.season, head.horizon, transform, known, window)
            then, _ = with_jobs(owner, self.n_jobs, lambda: passed(net, parts))
            return rolled_errors(net, head, window, then, head.horizon, fitting.seed)

        moved = np.zeros(len(head.levels))
        if conformal:
            moved = windows.corrections(errors, head.levels, head.is_direct)
        attributes.update(_corrections=moved)
        attributes["skill_"] = windows.skill(
            errors, moved, head.levels, lambda z, scale: head.values(transform.undo(z, scale))
        )
        if self._prints() and attributes["skill_"] is not None:
            figures = ", ".join(f"{name} {value:.3f}" for name, value in attributes["skill_"].items())
            print(f"MASE of windows left out: {figures}", file=sys.stderr)

    def _head_of_now(self, owner: str) -> Head:
        horizon = checks.count(owner, "horizon", self.horizon, at_least=1)
        return Head.of(owner, self.method, horizon, read_levels(owner, self.quantiles), self.distribution)

    def _schedule(self, best: Best, attributes: Mapping[str, Any]) -> Any:
        if isinstance(self.schedule, str) and self.schedule == "auto":
            # To a twentieth within the automatic number of epochs, whatever max_iter is.
            return WarmUp(20, then=Exponential(0.05 ** (1 / attributes["_epochs"])))
        return super()._schedule(best, attributes)

    def _trainer_loss(self, attributes: Mapping[str, Any]) -> Any:
        return attributes["_head"].loss()

    def _holds_out(self, count: int) -> bool:
        found = super()._holds_out(count)
        return count >= ENOUGH if isinstance(self.early_stopping, str) else found

    def _batches(self, count: int) -> Any:
        is_auto = isinstance(self.batch_size, str) and self.batch_size == "auto"
        return ByLength(BATCH_SIZE) if is_auto else super()._batches(count)

    def _build(self, inputs: int, outputs: int, seed: int) -> Network:
        layer = Recurrent(
            self._copy("cell"),
            inputs,
            self._size("hidden_size"),
            self._size("num_layers"),
            regularizers=self._copies("regularizers"),
        )
        if inputs == FEATURES:
            return Sequential(layer, Dense(layer.output_size, outputs), seed=seed)
        # Known covariates act on the outputs directly too, as in a regression.
        x = Input("x", size=inputs)
        return Graph(Dense(layer.output_size + inputs, outputs)(concat(layer(x), x)), seed=seed)

    # Files.

    def _state(self) -> dict[str, Any]:
        head = self._head
        return {
            "season": self.season_,
            "positive": self._transform.positive,
            "levels": list(head.levels),
            "horizon": head.horizon,
            "method": head.method,
            "distribution": head.distribution,
            "seed": self._seed,
            "epochs": self._epochs,
            "scale": None if self._scale is None else self._scale.to_file(),
            "columns": None if self._columns is None else self._columns.to_file(),
            "corrections": self._corrections,
            "skill": self.skill_,
            "ids": list(self.ids_),
            **standing.to_file([self._standing[one] for one in self.ids_]),
        }

    def _restore(self, state: Mapping[str, Any]) -> dict[str, Any]:
        season = stored.whole("season", state["season"], at_least=1)
        levels = read_levels(type(self).__name__, state["levels"])
        # Files of versions with one method have none of "method" to "columns".
        method, distribution = state.get("method", "direct"), state.get("distribution")
        only = {} if "method" in state else {"method": method}  # their parameters have none either
        scale, columns, epochs = state.get("scale"), state.get("columns"), state.get("epochs")
        return {
            **only,
            "season_": season,
            "_transform": Transform(stored.flag("positive", state["positive"])),
            "_head": Head(
                stored.choice("method", method, METHODS),
                stored.whole("horizon", state["horizon"], at_least=1),
                levels,
                distribution and stored.choice("distribution", distribution, tuple(DISTRIBUTIONS)),
            ),
            "_scale": None if scale is None else CovariateScale.from_file(scale),
            "_columns": None if columns is None else Columns.from_file(columns),
            "_seed": stored.whole("seed", state.get("seed", 0), at_most=LARGEST_WHOLE),
            # not in files of earlier versions, which no fit continues
            "_epochs": None if epochs is None else stored.whole("epochs", epochs, at_least=1),
            "_corrections": stored.floats("corrections", state["corrections"], len(levels)),
            "skill_": _skill(state["skill"]),
            "ids_": stored.ids("ids", state["ids"]),
            "_standing": dict(zip(state["ids"], standing.from_file(state, season), strict=True)),
        }

    def _widths(self, attributes: Mapping[str, Any]) -> stored.Widths:
        scale: CovariateScale | None = attributes["_scale"]
        more = 0 if scale is None else scale.width
        head: Head = attributes["_head"]
        for one in attributes["_standing"].values():
            if one.output.shape != (head.width,):
                raise stored.wrong("outputs", one.output, f"({head.width},)")
        return {"x": FEATURES + more}, head.width

    def _check_states(self, net: Network, attributes: Mapping[str, Any]) -> None:
        standing.check_states(net, attributes["_standing"].values())


def _skill(value: Any) -> dict[str, float] | None:
    """`skill_` in a model file: numbers by name, or None. Raises FormatError."""
    if value is None:
        return None
    if not isinstance(value, dict) or not all(isinstance(one, float) for one in value.values()):
        raise stored.wrong("skill", value, "a number for each model, or None")
    return value


def _check_lengths(owner: str, head: Head, ids: Sequence[Any], series: Sequence[Array]) -> None:
    """Raises ConfigError if no series trains the last steps of a direct horizon."""
    lengths = [len(one) for one in series]
    most = max(lengths)
    if head.is_direct and most <= head.horizon:
        raise ConfigError(
            f"{owner}: horizon is {head.horizon}, but the longest series, {shown(ids[lengths.index(most)])}, "
            f"has {most} steps, so no step trains the end of the horizon; expected at most {most - 1}, or "
            "method='recursive'"
        )


def _check_axes(owner: str, y: Any, horizon: int) -> None:
    """Raises ShapeError for an array that seems to be (steps, series)."""
    shape = y.shape if isinstance(y, np.ndarray) and y.ndim == 2 else (0, 0)
    if shape[0] > shape[1] and shape[1] <= horizon:
        raise ShapeError(
            f"{owner}: y is {shape}, which is {shape[0]} series of {shape[1]} steps, no more than the "
            f"horizon of {horizon}; expected (series, steps). If its rows are steps, give y.T; if the series "
            "are that short, give list(y)"
        )
