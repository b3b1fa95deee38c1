"""The flags that name the data and its columns."""

from __future__ import annotations

import argparse

from ostinato.cli.sequences import Layout


def add_layout_flags(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Adds the data, --target, --id, --time and --ignore. required: whether --target is."""
    add = parser.add_argument
    add("data", help="a CSV file with names in its first line: each line a sequence, or with --id a step")
    target = "what to predict; a regressor may have several"
    add("--target", required=required, action="append", default=[], metavar="COLUMN", help=target)
    add("--id", metavar="COLUMN", help="names the sequence of a line, which is a step")
    add("--time", metavar="COLUMN", help="numbers or dates that rise within a sequence: checked, not learned")
    add("--ignore", action="append", default=[], metavar="COLUMN", help="not read; may be given again")


def layout_of(options: argparse.Namespace) -> Layout:
    """The columns that the flags name."""
    return Layout(tuple(options.target), options.id, options.time, tuple(options.ignore))
