"""The flags that name the data and its columns."""

from __future__ import annotations

import argparse
from dataclasses import replace

from ostinato.cli.reading.dates import check_format
from ostinato.cli.reading.sequences import Layout


def _add_signs(parser: argparse.ArgumentParser) -> None:
    dates = "how dates are written, such as %%d.%%m.%%Y, if it is not 2026-01-31 (as of Python's strptime)"
    parser.add_argument("--date-format", metavar="FORMAT", help=dates)
    help = "the decimal sign of the file; with a comma, cells are separated by ; or tabs (default: .)"
    parser.add_argument("--decimal", choices=(".", ","), metavar="SIGN", help=help)


def add_layout_flags(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Adds the data, --target, --id, --time and --ignore. required: whether the data and --target are."""
    add = parser.add_argument
    help_text = "a CSV file with names in its first line: each line a sequence, or with --id a step"
    if required:
        add("data", help=help_text)
    else:
        add("data", nargs="?", help=f"{help_text}; a forecaster has its series without a file")
    target = "what to predict; a regressor may have several"
    add("--target", required=required, action="append", default=[], metavar="COLUMN", help=target)
    add("--id", metavar="COLUMN", help="names the sequence of a line, which is a step")
    _add_signs(parser)
    add("--time", metavar="COLUMN", help="numbers or dates that rise within a sequence: checked, not learned")
    add("--ignore", action="append", default=[], metavar="COLUMN", help="not read; may be given again")


def add_series_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the data, --target, --id, --time and --ignore, for forecasts."""
    add = parser.add_argument
    add(
        "data",
        help="a CSV file with a header: each column of numbers is a series, or with --id each line a step",
    )
    add(
        "--target",
        action="append",
        default=[],
        metavar="COLUMN",
        help="the column of values; without --id, the columns to forecast (default: all of numbers)",
    )
    add("--id", metavar="COLUMN", help="names the series of a line, which is a step")
    _add_signs(parser)
    add(
        "--time",
        metavar="COLUMN",
        help="numbers or dates of steps; those that are left out are missing values (default: without --id, "
        "the first column of dates)",
    )
    add("--ignore", action="append", default=[], metavar="COLUMN", help="not read; may be given again")


def layout_of(options: argparse.Namespace) -> Layout:
    """The columns that the flags name."""
    found = Layout(tuple(options.target), options.id, options.time, tuple(options.ignore))
    if options.date_format is not None:
        check_format(options.date_format)
    return replace(found, decimal=options.decimal or ".", date_format=options.date_format or "")
