"""A model file runs in Rust without Python, with the bits that Python gives."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import ostinato as ost

ROOT = Path(__file__).parents[2]
ROWS, STEPS = 3, 6


@pytest.fixture(scope="module")
def run_model():
    """The program of `examples/run_model.rs`, built."""
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not installed")
    command = ["cargo", "build", "--quiet", "--package", "ostinato-core", "--example", "run_model"]
    subprocess.run(command, cwd=ROOT, check=True)
    return ROOT / "target" / "debug" / "examples" / "run_model"


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
    for name in ("ligru", "layer_norm_lstm", "slstm"):
        made[f"{name} of a plugin"] = ost.Recurrent(f"cells/{name}", 3, 4)
    return made


@pytest.mark.timeout(600)  # the first call compiles the engine where nothing has compiled it before
@pytest.mark.parametrize("name", list(networks()))
def test_rust_prints_the_bits_that_python_computes(name, run_model, tmp_path):
    net = networks()[name]
    path = tmp_path / "model.safetensors"
    net.save(path)
    places = np.arange(ROWS * STEPS * 3)
    x = (((places * 37 + 11) % 101).astype("float32") / np.float32(50.5) - np.float32(1.0)).reshape(
        ROWS, STEPS, 3
    )
    outputs = net.run(x, lengths=[STEPS - 1, STEPS, STEPS]).outputs
    named = outputs if isinstance(outputs, dict) else {"output": outputs}
    command = [str(run_model), str(path), str(ROWS), str(STEPS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    for output, values in named.items():
        assert lines.pop(0) == output
        found = np.array([[int(word, 16) for word in lines.pop(0).split()] for _ in range(ROWS)], np.uint32)
        np.testing.assert_array_equal(found, values.reshape(ROWS, -1).view(np.uint32))
    assert not lines


@pytest.mark.timeout(600)
def test_a_file_without_a_graph_is_refused_with_a_hint(run_model):
    path = ROOT / "tests" / "golden" / "model-format-1.safetensors"
    done = subprocess.run([str(run_model), str(path), "1", "1"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "load it in Python and save it again" in done.stderr
