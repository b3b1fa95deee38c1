"""Print the contents of a model file: layers, parameters, and the equations of each step."""

from __future__ import annotations

import argparse

import ostinato
from ostinato.cli.plugin_files import add_flag


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `ostinato info`."""
    parser.add_argument("model", help="a model file")
    add_flag(parser)


def run(options: argparse.Namespace) -> None:
    """Loads the model and prints it. Raises FormatError, OSError."""
    network = ostinato.load(options.model)
    print(network)
    for name, values in network.parameters().items():
        print(f"  {name:32} {values.dtype} {values.shape}")
    for label, program in network.programs.items():
        print(f"\n{label}:\n{program}")
