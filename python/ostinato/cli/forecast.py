"""Forecast the next steps of the series in a CSV file, with intervals."""

from __future__ import annotations

import argparse
import csv
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

import ostinato
from ostinato.errors import ConfigError, FormatError
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
    """Fits a Forecaster and prints medians and intervals as CSV. Raises FormatError, ConfigError."""
    series = read_columns(options.data)
    model = ostinato.Forecaster(
        horizon=options.horizon,
        season="auto" if options.season is None else options.season,
        random_state=options.seed,
    ).fit(series)
    quantiles = model.predict_quantiles()
    writer = csv.writer(sys.stdout)
    writer.writerow(["series", "step", "low", "median", "high"])
    for name, rows in zip(series, quantiles, strict=True):
        for step, row in enumerate(rows, 1):
            writer.writerow([name, step, *(f"{row[place]:.6g}" for place in (0, 4, 8))])
    if options.plot:
        _draw(series, quantiles, options.plot)
    if options.save:
        model.save(options.save)


def read_columns(path: str) -> dict[str, Array]:
    """The columns of numbers, without what is empty at their ends; empty places between are NaN.

    Raises FormatError for a file without such a column, OSError.
    """
    with Path(path).open(newline="", encoding="utf-8") as file:
        try:
            header, *rows = list(csv.reader(file))
        except (ValueError, csv.Error) as error:
            raise FormatError(f"{path}: no header and rows of CSV: {error}") from error
    found: dict[str, Array] = {}
    for place, name in enumerate(header):
        numbers = [_number(row[place]) if place < len(row) else math.nan for row in rows]
        if not numbers or None in numbers:
            continue
        values = np.array(numbers, np.float64)
        known = np.flatnonzero(~np.isnan(values))
        if known.size:
            found[name] = values[known[0] : known[-1] + 1]
    if not found:
        raise FormatError(f"{path}: no column of numbers; expected a header, and series as columns")
    return found


def _number(text: str) -> float | None:
    """A number; NaN for an empty text, None for any other text."""
    if not text.strip():
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else math.nan


def _draw(series: dict[str, Array], quantiles: Any, path: str) -> None:
    """The first six series with their forecasts. Raises ConfigError without matplotlib, OSError."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("--plot needs matplotlib: pip install 'ostinato[plot]'") from error
    shown = list(series.items())[:6]
    figure = Figure(figsize=(7.0, 2.2 * len(shown)), layout="constrained")
    axes = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for ax, (name, values), rows in zip(axes, shown, quantiles, strict=False):
        ahead = len(values) + np.arange(len(rows))
        ax.plot(values, color="black")
        ax.plot(ahead, rows[:, 4])
        ax.fill_between(ahead, rows[:, 0], rows[:, 8], alpha=0.3)
        ax.set_title(name)
    try:
        figure.savefig(path)
    except ValueError as error:
        raise ConfigError(f"--plot is {path!r}: {error}") from error
