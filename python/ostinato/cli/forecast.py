"""Forecast the next steps of the series in a CSV file, with intervals."""

from __future__ import annotations

import argparse

import ostinato
from ostinato import checks
from ostinato.cli import saved
from ostinato.cli.kinds.kind import write
from ostinato.cli.picture import new_figure
from ostinato.cli.reading.column_roles import tell_roles
from ostinato.cli.reading.layout_flags import add_series_flags, layout_of
from ostinato.cli.reading.series import draw_forecasts, forecast_lines, low_median_high, read_series


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `ostinato forecast`."""
    add_series_flags(parser)
    parser.add_argument("--horizon", type=int, default=12, help="steps to forecast (default 12)")
    parser.add_argument("--season", type=int, help="steps of a season (default: found in the data)")
    parser.add_argument("--seed", type=int, default=0, help="of the network (default 0)")
    parser.add_argument("--plot", help="a picture of the forecasts, such as out.png")
    parser.add_argument("--save", help="a model file")


def run(options: argparse.Namespace) -> None:
    """Fits a Forecaster and prints medians and intervals as CSV. Raises FormatError, ConfigError, OSError."""
    figure = None if options.plot is None else new_figure(options.plot)
    if options.save is not None:
        checks.path_to_write("--save", options.save)
    checks.count("forecast", "--horizon", options.horizon, at_least=1)
    if options.season is not None:
        checks.count("forecast", "--season", options.season, at_least=1)
    checks.whole("forecast", "--seed", options.seed, at_least=0)
    series = read_series(options.data, layout_of(options))
    tell_roles(options.data, series.roles)
    model = ostinato.Forecaster(
        horizon=options.horizon,
        season="auto" if options.season is None else options.season,
        random_state=options.seed,
    )
    data, columns = series.fitted(series.values)
    model.fit(data, **columns)
    forecasts = low_median_high(model.quantiles, model.predict_quantiles())
    # The files first: whoever reads the output may close it.
    if options.save is not None:
        saved.save(model, series.layout, options.save)
    if figure is not None:
        draw_forecasts(figure, series.values, forecasts)
        figure.savefig(options.plot)
    times = series.times(forecasts.shape[1])
    write(forecast_lines(list(series.values), forecasts, times, series.time), None)
