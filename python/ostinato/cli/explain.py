"""Print the plan of a saved model: phases, matrix products, FLOPs, memory."""

from __future__ import annotations

import argparse

import ostinato
from ostinato.cli.picture import save_picture
from ostinato.cli.plugin_files import add_flag
from ostinato.cli.saved import network_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `ostinato explain`."""
    parser.add_argument("model", help="a model file, of a network or an estimator")
    parser.add_argument("--rows", type=int, default=32, help="sequences in a batch (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=100, help="time steps (default: %(default)s)")
    parser.add_argument("--plot", metavar="FILE", help="also draw memory and recurrent weights to a picture")
    add_flag(parser)


def run(options: argparse.Namespace) -> None:
    """Loads the model and prints its plan. Raises FormatError, ConfigError, OSError."""
    model = ostinato.load(options.model)
    net = network_of(model)
    if model is not net:
        print(f"{model}, with the network:")
    print(net.explain(rows=options.rows, steps=options.steps))
    if options.plot is not None:
        save_picture(net, options.rows, options.steps, options.plot)
