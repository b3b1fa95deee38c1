"""Networks that programs without Python run, and the inputs that they make."""

import math
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import ostinato as ost

ROOT = Path(__file__).parents[2]
ROWS, STEPS = 3, 6


EXAMPLES = ("run_model", "run_graph", "stream_model")


def built():
    """Builds the C library and the examples of the core; the folder with what cargo made.

    One call for both: examples choose features of dependencies, so two calls would compile the core twice.
    """
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not installed")
    command = ["cargo", "build", "--quiet", "--package", "ostinato-core", "--package", "ostinato-c", "--lib"]
    command += [word for name in EXAMPLES for word in ("--example", name)]
    subprocess.run(command, cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"


def numbers(shape):
    """The numbers that the programs make, in the order of the memory."""
    places = np.arange(math.prod(shape))
    return (((places * 37 + 11) % 101).astype("float32") / np.float32(50.5) - np.float32(1.0)).reshape(shape)


def bits(lines, count):
    """The float32 numbers of `count` lines, which are taken off the list."""
    return np.array([[int(word, 16) for word in lines.pop(0).split()] for _ in range(count)], np.uint32)


def encoder_decoder():
    """Two axes, ids, a value of rows, and bridges between states."""
    source, target = ost.Input("x", size=3), ost.Input("w", ids=5, axis="target")
    y = ost.GRU(3, 4, bidirectional=True)(source)
    start = ost.Dense(8, 6, "tanh")(ost.concat(ost.final_states(y)["h"]))
    words = ost.concat(
        embedded := ost.Embedding(5, 2)(target), ost.repeat(ost.Input("s", size=3, axis="row"), embedded)
    )
    h = ost.LSTM(5, 6)(words, initial_state={"h": start})
    return ost.Graph({"h": h, "again": ost.concat(source, ost.repeat(ost.final_state(h, "c"), source))})


def inputs_of(net):
    """Inputs and lengths as the programs make them."""
    ports = net._ports
    steps = {axis: STEPS + place for place, axis in enumerate(ports.axes)}
    inputs = {}
    for name, node in ports.inputs.items():
        shape = (ROWS,) if node.axis == "row" else (ROWS, steps[node.axis])
        if node.limit is not None:
            inputs[name] = (np.arange(math.prod(shape)) % node.limit).reshape(shape)
        else:
            inputs[name] = numbers((*shape, node.width))
    lengths = {
        axis: [steps[axis] - (row == place % ROWS) for row in range(ROWS)]
        for place, axis in enumerate(ports.axes)
    }
    return inputs, lengths


def networks():
    text = ost.Input("x", size=3)
    h = ost.GRU(3, 4, bidirectional=True)(text)
    graph = ost.Graph({"steps": ost.Dense(8, 2)(h), "row": ost.Dense(8, 3)(ost.concat(ost.last(h)))})
    made = {
        "lstm, 2 layers": ost.LSTM(3, 5, 2),
        "bidirectional stack": ost.Sequential(ost.RNN(3, 4, bidirectional=True), ost.Dense(8, 2)),
        "regularized": ost.GRU(3, 4, regularizers=[ost.Dropout(0.5), ost.ActivationPenalty(0.1)]),
        "two outputs": graph,
    }
    made["encoder and decoder"] = encoder_decoder()
    table = ost.Embedding(7, 4)
    made["tied"] = ost.Sequential(table, ost.GRU(4, 4), ost.Dense(4, 7, tied_to=table))
    made["tied"].freeze("0.*")
    for name in ("ligru", "layer_norm_lstm", "slstm"):
        made[f"{name} of a plugin"] = ost.Recurrent(f"cells/{name}", 3, 4)
    return made
