"""Predict what a saved model says of the sequences, or the series, in a CSV file."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import Any

from ostinato.cli import saved
from ostinato.cli.column_roles import tell_roles
from ostinato.cli.layout_flags import add_layout_flags, layout_of
from ostinato.cli.picture import check_folder
from ostinato.cli.plugin_files import add_flag
from ostinato.cli.predictions import Lines, prediction_lines, score, write
from ostinato.cli.sequences import Layout, read_sequences
from ostinato.cli.series import forecast_lines, low_median_high, read_series
from ostinato.cli.table import Table, read_table
from ostinato.errors import ConfigError
from ostinato.models import Forecaster, SequenceClassifier, SequenceRegressor, SequenceTagger


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `ostinato predict`."""
    parser.add_argument("model", help="a file that `ostinato fit` wrote, or the save of an estimator")
    add_layout_flags(parser, required=False)
    parser.add_argument("--horizon", type=int, help="steps to forecast (default: those of the model)")
    parser.add_argument("--output", metavar="FILE", help="the CSV file to write (default: standard output)")
    add_flag(parser)


def run(options: argparse.Namespace) -> None:
    """Writes predictions as CSV: of each sequence, of each step, or of the next steps of series.

    Raises OstinatoError, OSError.
    """
    if options.output is not None:
        check_folder("--output", options.output)
    model, fitted = saved.load(options.model)
    if isinstance(model, Forecaster):
        write(_forecasts(options, model, fitted), options.output)
        return
    if not isinstance(model, (SequenceClassifier, SequenceRegressor, SequenceTagger)):
        raise ConfigError(
            f"{options.model} holds a {type(model).__name__}, which reads no sequences of a CSV file; use it "
            "in Python: ostinato.load"
        )
    _check(options, model)
    table = read_table(options.data, "sequences", options.decimal or fitted.decimal)
    data = read_sequences(table, _layout(options, fitted, table), isinstance(model, SequenceTagger))
    found = model.predict(data.x)
    write(prediction_lines(data, model, found), options.output)
    told = score(model, data, found)
    if told is not None:
        print(told, file=sys.stderr)


def _forecasts(options: argparse.Namespace, model: Forecaster, fitted: Layout) -> Lines:
    """Forecasts of the series of a file; without one, of those that were fitted."""
    if options.data is None:
        for flag in ("target", "id", "time", "ignore", "decimal"):
            if getattr(options, flag):
                raise ConfigError(f"--{flag} is given without a file of data; give both, or none")
        found = model.predict_quantiles(options.horizon)
        return forecast_lines(model.ids_, low_median_high(model, found), None)
    given = layout_of(options)
    decimal = options.decimal or fitted.decimal
    names = read_table(options.data, "series", decimal).names
    ignore = given.ignore or tuple(one for one in fitted.ignore if one in names)
    layout = Layout(given.target or fitted.target, given.id or fitted.id, given.time or fitted.time, ignore)
    layout = replace(layout, decimal=decimal)
    series = read_series(options.data, layout)
    tell_roles(options.data, series.roles)
    found = model.predict_quantiles(options.horizon, series=series.values)
    return forecast_lines(list(series.values), low_median_high(model, found), series)


def _check(options: argparse.Namespace, model: Any) -> None:
    """Raises ConfigError for flags that do not fit the model."""
    if options.data is None:
        raise ConfigError(f"{options.model} holds a {type(model).__name__}; give a CSV file of sequences too")
    if options.horizon is not None:
        raise ConfigError(f"--horizon is given, but {options.model} holds a {type(model).__name__}")


def _layout(options: argparse.Namespace, fitted: Layout, table: Table) -> Layout:
    """The columns of the fit, but those that flags name. A target of the fit may be missing in the file."""
    flags = layout_of(options)
    target = flags.target or tuple(one for one in fitted.target if one in table.names)
    ignore = flags.ignore or tuple(one for one in fitted.ignore if one in table.names)
    return replace(
        fitted, target=target, id=flags.id or fitted.id, time=flags.time or fitted.time, ignore=ignore
    )
