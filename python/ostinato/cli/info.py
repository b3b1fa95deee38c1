"""Print the contents of a model file or checkpoint: layers, versions, metadata, parameters, equations."""

from __future__ import annotations

import argparse
from pathlib import Path

import ostinato
from ostinato.cli.plugin_files import add_flag
from ostinato.cli.saved import network_of
from ostinato.errors import shown
from ostinato.io.versions import Origin, origins, quietly


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `ostinato info`."""
    parser.add_argument(
        "model", help="a model file, of a network or an estimator, or a checkpoint of a training"
    )
    add_flag(parser)


def run(options: argparse.Namespace) -> None:
    """Loads the model and prints it. Raises FormatError, OSError."""
    model = quietly(ostinato.load, options.model)  # the differences are in the table
    network = network_of(model)
    if model is not network:
        print(f"{model}, with the network:")
    print(network)
    print(f"written by ostinato {network.release}, {Path(options.model).stat().st_size:,} bytes")
    for one in origins(network):
        print(f"  {one.what:32} {_version(one)}")
    if network.frozen:
        print(f"frozen: {', '.join(network.frozen)}")
    if network.metadata:
        print("metadata:")
        for name, value in network.metadata.items():
            print(f"  {name:32} {shown(value)}")
    print("parameters:")
    for name, values in network.parameters().items():
        print(f"  {name:32} {values.dtype} {values.shape}")
    for label, program in network.programs.items():
        print(f"\n{label}:\n{program}")


def _version(one: Origin) -> str:
    if not one.provider.is_foreign:
        return "registered by hand" + (", now with other equations" if one.same is False else "")
    if not one.installed:
        return f"{one.provider.shown}, not installed"
    if one.installed == one.provider.version:
        return one.provider.shown
    equations = {
        True: "with the same equations",
        False: "with other equations",
        None: "maybe with other equations",
    }
    return f"{one.provider.shown}; {one.installed} is installed, {equations[one.same]}"
