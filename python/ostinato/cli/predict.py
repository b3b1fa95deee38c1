"""Predict what a saved model says of the sequences, or the series, in a CSV file."""

from __future__ import annotations

import argparse
import sys

from ostinato import checks
from ostinato.cli import saved
from ostinato.cli.kinds.kind import write
from ostinato.cli.kinds.table import kind_of
from ostinato.cli.plugin_files import add_flag
from ostinato.cli.reading.layout_flags import add_layout_flags


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
    if options.horizon is not None:
        checks.count("predict", "--horizon", options.horizon, at_least=1)
    if options.output is not None:
        checks.path_to_write("--output", options.output, replaced=False)
    model, fitted = saved.load(options.model)
    found = kind_of(model, options.model).predict(options, model, fitted)
    write(found.lines, options.output)
    if found.score is not None:
        print(found.score, file=sys.stderr)
