"""Forecast the next steps of the series in a CSV file, with intervals."""

from __future__ import annotations

import argparse
import csv
import sys
from typing import Any

import numpy as np

import ostinato
from ostinato.cli.columns import read_columns
from ostinato.cli.picture import check_folder, new_figure
from ostinato.sequences.arrays import Array


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `ostinato forecast`."""
    parser.add_argument("data", help="a CSV file with a header: each column of numbers is a series")
    parser.add_argument("--horizon", type=int, default=12, help="steps to forecast (default 12)")
    parser.add_argument("--season", type=int, help="steps of a season (default: found in the data)")
    parser.add_argument("--seed", type=int, default=0, help="of the network (default 0)")
    parser.add_argument("--plot", help="a picture of the forecasts, such as out.png")
    parser.add_argument("--save", help="a model file")


def run(options: argparse.Namespace) -> None:
    """Fits a Forecaster and prints medians and intervals as CSV. Raises FormatError, ConfigError, OSError."""
    figure = None if options.plot is None else new_figure(options.plot)
    if options.save is not None:
        check_folder("--save", options.save)
    series = read_columns(options.data)
    model = ostinato.Forecaster(
        horizon=options.horizon,
        season="auto" if options.season is None else options.season,
        random_state=options.seed,
    ).fit(series)
    quantiles = model.predict_quantiles()
    # The files first: whoever reads the output may close it.
    if options.save is not None:
        model.save(options.save)
    if figure is not None:
        _draw(figure, series, quantiles, options.plot)
    writer = csv.writer(sys.stdout)
    writer.writerow(["series", "step", "low", "median", "high"])
    for name, rows in zip(series, quantiles, strict=True):
        for step, row in enumerate(rows, 1):
            writer.writerow([name, step, *(f"{row[place]:.6g}" for place in (0, 4, 8))])


def _draw(figure: Any, series: dict[str, Array], quantiles: Any, path: str) -> None:
    """The first six series with their forecasts. Raises OSError."""
    shown = list(series.items())[:6]
    figure.set_size_inches(7.0, 2.2 * len(shown))
    axes = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for ax, (name, values), rows in zip(axes, shown, quantiles, strict=False):
        ahead = len(values) + np.arange(len(rows))
        ax.plot(values, color="black")
        ax.plot(ahead, rows[:, 4])
        ax.fill_between(ahead, rows[:, 0], rows[:, 8], alpha=0.3)
        ax.set_title(name)
    figure.savefig(path)
