"""The command `ostinato export`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def export_command(parser: argparse.ArgumentParser) -> Callable[[argparse.Namespace], None]:
    """Write a model as an ONNX file."""
    parser.add_argument("model", help="a model file, of a network or an estimator")
    parser.add_argument("onnx", help="the file to write")
    parser.add_argument("--check", action="store_true", help="compare with ONNX Runtime on random inputs")
    parser.add_argument("--states", action="store_true", help="states become inputs and outputs")
    parser.add_argument("--no-lengths", action="store_true", help="all rows have all steps")
    parser.add_argument(
        "--cells",
        choices=("auto", "scan"),
        default="auto",
        help="scan: no LSTM, GRU and RNN nodes (default: where they are equal)",
    )
    parser.add_argument(
        "--part",
        choices=("all", "encoder", "decoder"),
        default="all",
        help="a file for the encoder, or one for a step of the decoder (default: one for both)",
    )

    def run(options: argparse.Namespace) -> None:
        import ostinato
        from ostinato_onnx.checking import check
        from ostinato_onnx.exporting import export

        if options.check and options.part != "all":
            raise ostinato.ConfigError("--check compares a whole network; leave out --check or --part")
        if Path(options.onnx).exists() and Path(options.onnx).samefile(options.model):
            raise ostinato.ConfigError(
                f"the model is {options.model!r}, and the file to write is the same; expected another file"
            )
        model = ostinato.load(options.model)
        net = model if isinstance(model, ostinato.Network) else model.network_
        export(
            net,
            options.onnx,
            cells=options.cells,
            states=options.states,
            lengths=not options.no_lengths,
            part=options.part,
        )
        print(f"wrote {options.onnx}")
        if net is not model:
            print(
                f"it holds the network of a {type(model).__name__} alone: the scaling of inputs and answers, "
                "the classes and the symbols are left out"
            )
        if options.check:
            print(check(net, options.onnx))

    return run
