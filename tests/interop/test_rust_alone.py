"""A model file runs in Rust without Python, with the bits that Python gives."""

import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import ostinato as ost

ROOT = Path(__file__).parents[2]
ROWS, STEPS = 3, 6


@pytest.fixture(scope="module")
def programs():
    """The programs `run_model` and `run_graph` of rust/core/examples, built, by name."""
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not installed")
    names = ("run_model", "run_graph")
    examples = [word for name in names for word in ("--example", name)]
    subprocess.run(
        ["cargo", "build", "--quiet", "--package", "ostinato-core", *examples], cwd=ROOT, check=True
    )
    return {name: ROOT / "target" / "debug" / "examples" / name for name in names}


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
        places = np.arange(math.prod(shape) * node.width)
        if node.limit is not None:
            inputs[name] = (places % node.limit).reshape(shape)
        else:
            x = ((places * 37 + 11) % 101).astype("float32") / np.float32(50.5) - np.float32(1.0)
            inputs[name] = x.reshape(*shape, node.width)
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


@pytest.mark.timeout(600)  # the first call compiles the engine where nothing has compiled it before
@pytest.mark.parametrize("program", ["run_model", "run_graph"])
@pytest.mark.parametrize("name", list(networks()))
def test_rust_prints_the_bits_that_python_computes(name, program, programs, tmp_path):
    if program == "run_model" and name in ("encoder and decoder", "tied"):
        pytest.skip("run_model has one input, of features")
    net = networks()[name]
    path = tmp_path / "model.safetensors"
    net.save(path)
    inputs, lengths = inputs_of(net)
    mask = None
    if program == "run_graph":
        mask = {axis: np.ones((ROWS, STEPS + place), bool) for place, axis in enumerate(lengths)}
        for place, steps in enumerate(mask.values()):
            steps[1, 1 + place] = False
    outputs = net.run(inputs, lengths=lengths, mask=mask).outputs
    named = outputs if isinstance(outputs, dict) else {"output": outputs}
    command = [str(programs[program]), str(path), str(ROWS), str(STEPS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    for output, values in named.items():
        assert lines.pop(0) == output
        found = np.array([[int(word, 16) for word in lines.pop(0).split()] for _ in range(ROWS)], np.uint32)
        np.testing.assert_array_equal(found, values.reshape(ROWS, -1).view(np.uint32))
    assert not lines


@pytest.mark.timeout(600)
def test_a_file_without_a_graph_is_refused_with_a_hint(programs):
    path = ROOT / "tests" / "golden" / "model-format-1.safetensors"
    done = subprocess.run(
        [str(programs["run_model"]), str(path), "1", "1"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "load it in Python and save it again" in done.stderr
