"""`SeriesKind`: estimators of series: fitting, measuring on their last steps, and forecasting."""

from __future__ import annotations

import argparse
from abc import abstractmethod
from dataclasses import replace
from typing import Any

from ostinato import checks
from ostinato.cli.kinds.fitted import FittedModel, fit_or_keep
from ostinato.cli.kinds.kind import FitKind, Prediction, check_no_data
from ostinato.cli.kinds.parameter_flags import add_parameter_flags, given
from ostinato.cli.reading.column_roles import tell_roles
from ostinato.cli.reading.layout_flags import add_series_flags, layout_of
from ostinato.cli.reading.sequences import Layout
from ostinato.cli.reading.series import (
    draw_forecasts,
    forecast_lines,
    low_median_high,
    read_series,
)
from ostinato.cli.reading.table import read_table
from ostinato.errors import ConfigError
from ostinato.models.forecasting.quality.skill import skill
from ostinato.models.forecasting.series.forecast_table import times_after
from ostinato.sequences.arrays import Array

HORIZON = 12
LENGTH = 3
"""Series with at least so many horizons of steps have held-out steps."""


class SeriesKind(FitKind):
    """Estimators whose `fit` takes series."""

    # What a kind adds.

    @abstractmethod
    def made(self, options: argparse.Namespace, parameters: dict[str, Any]) -> Any:
        """An estimator with these parameters, and those of other flags."""

    @abstractmethod
    def reads_logarithms(self, model: Any, path: str, values: dict[str, Array]) -> bool:
        """Whether a fit to all values, also those held out, takes logarithms.

        Raises ConfigError for values that the model cannot read, before any training.
        """

    @abstractmethod
    def trained(self, model: Any) -> str:
        """How the fit went, after the number of series."""

    @abstractmethod
    def lengths(self, model: Any) -> list[int]:
        """The steps of each series that a fitted model has read."""

    def check_others(self, path: str) -> None:
        """Raises ConfigError if the model of a file forecasts only the series that were fitted."""

    # Fitting.

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """The flags of the data, of the held-out steps and of the parameters."""
        add_series_flags(parser)
        parser.add_argument(
            "--held-out",
            type=int,
            metavar="STEPS",
            help="the last steps of each series, which measure the model and do not train it; 0 for none "
            "(default: those of the horizon)",
        )
        group = parser.add_argument_group("parameters of the model")
        add_parameter_flags(group, self.estimator, {"horizon": HORIZON})

    def fit(self, options: argparse.Namespace) -> FittedModel:
        """Reads, fits and measures; then the model reads the held-out steps too.

        Raises OstinatoError, OSError.
        """
        parameters = {"horizon": HORIZON, **given(options)}
        checks.count("fit", "--horizon", parameters["horizon"], at_least=1)
        series = read_series(options.data, layout_of(options))
        tell_roles(options.data, series.roles)
        values, horizon = series.values, parameters["horizon"]
        steps = horizon if options.held_out is None else options.held_out
        if not 0 <= steps <= horizon:
            raise ConfigError(f"--held-out is {steps}; expected 0 to {horizon}, the steps of the horizon")
        lengths = sorted(map(len, values.values()))
        shape = f"{lengths[0]} to {lengths[-1]}" if lengths[0] < lengths[-1] else f"{lengths[0]}"
        print(f"{len(values)} series of {shape} steps")
        held = [name for name, one in values.items() if steps and len(one) >= LENGTH * horizon]
        training = {name: one[:-steps] if name in held else one for name, one in values.items()}
        model = self.made(options, parameters)
        if not self.reads_logarithms(model, options.data, values):
            model.transform = "none"
        data, columns = series.fitted(training)
        fit_or_keep(model, data, **columns)
        print(f"trained on {len(values)} series {self.trained(model)}, season {model.season_}")
        print(_measured(model, training, values, held, steps))
        for name in held:
            model.update(name, values[name][-steps:])
        forecasts = low_median_high(model.quantiles, model.predict_quantiles())
        return FittedModel(model, series.layout, lambda figure: draw_forecasts(figure, values, forecasts))

    # Predicting.

    def predict(self, options: argparse.Namespace, model: Any, fitted: Layout) -> Prediction:
        """Forecasts of the series of a file; without one, of those that were fitted."""
        if options.data is None:
            check_no_data(options)
            found = model.predict_quantiles(options.horizon)
            times = times_after(model._columns, model.ids_, self.lengths(model), found.shape[1])
            time = None if model._columns is None else model._columns.time
            medians = low_median_high(model.quantiles, found)
            return Prediction(forecast_lines(model.ids_, medians, times, time))
        self.check_others(options.model)
        flags = layout_of(options)
        decimal = options.decimal or fitted.decimal
        names = read_table(options.data, "series", decimal).names
        layout = replace(
            flags,
            target=flags.target or fitted.target,
            id=fitted.id if flags.id is None else flags.id,
            time=fitted.time if flags.time is None else flags.time,
            ignore=flags.ignore or tuple(one for one in fitted.ignore if one in names),
            decimal=decimal,
            date_format=flags.date_format or fitted.date_format,
        )
        series = read_series(options.data, layout, needs_dates=bool(flags.date_format))
        tell_roles(options.data, series.roles)
        found = model.predict_quantiles(options.horizon, series=series.values)
        medians, times = low_median_high(model.quantiles, found), series.times(found.shape[1])
        return Prediction(forecast_lines(list(series.values), medians, times, series.time))


def _measured(
    model: Any, training: dict[str, Array], values: dict[str, Array], held: list[str], steps: int
) -> str:
    """The MASE of the held-out steps and of the rivals, in a line."""
    forecasts = dict(zip(training, model.predict(), strict=True))
    windows = [(training[name], values[name][-steps:], forecasts[name][:steps]) for name in held]
    found = skill(windows, model.season_) if windows else None
    if not steps:
        return "nothing is held out"
    if not windows:
        return f"no series has held-out steps: expected at least {LENGTH} horizons of steps"
    if found is None:
        return "the held-out steps have no MASE: they are missing, or the values before never change"
    rivals = ", ".join(f"{name} {value:.3f}" for name, value in found.items() if name != "model")
    what = f"the last {steps} steps of {len(held)} of {len(values)} series"
    return f"held-out MASE {found['model']:.3f} ({what}); {rivals}"
