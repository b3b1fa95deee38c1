"""The flag `--plugin FILE` of every command that looks up names."""

from __future__ import annotations

import argparse
from pathlib import Path

from ostinato.plugins.file import load_file


def add_flag(parser: argparse.ArgumentParser) -> None:
    """Adds the flag; `load_files` loads the files."""
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        dest="plugin_files",
        type=Path,
        metavar="FILE",
        help="a Python file with cells, losses, ... of your own, called local/NAME; may be given again",
    )


def load_files(options: argparse.Namespace) -> None:
    """Loads the files of the flag, if the command has it. Raises PluginError."""
    for path in getattr(options, "plugin_files", []):
        load_file(path)
