"""A model file runs in Rust without Python, with the bits that Python gives."""

import subprocess

import numpy as np
import pytest

from tests.interop.cases import EXAMPLES, ROOT, ROWS, STEPS, bits, built, inputs_of, networks, numbers


@pytest.fixture(scope="module")
def programs():
    """The programs of rust/core/examples, built, by name."""
    folder = built()
    return {name: folder / "examples" / name for name in EXAMPLES}


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
        np.testing.assert_array_equal(bits(lines, ROWS), values.reshape(ROWS, -1).view(np.uint32))
    assert not lines


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["lstm, 2 layers", "ligru of a plugin", "slstm of a plugin"])
def test_a_stream_in_rust_continues_a_run_with_the_bits_of_python(name, programs, tmp_path):
    net = networks()[name]
    path = tmp_path / "model.safetensors"
    net.save(path)
    outputs = net(numbers((ROWS, STEPS, 3)))
    command = [str(programs["stream_model"]), str(path), str(ROWS), str(STEPS)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    for step in range(STEPS // 2, STEPS):
        np.testing.assert_array_equal(bits(lines, 1)[0], outputs[:, step].ravel().view(np.uint32))
    assert not lines


@pytest.mark.timeout(600)
def test_a_file_without_a_graph_is_refused_with_a_hint(programs):
    path = ROOT / "tests" / "golden" / "model-format-1.safetensors"
    done = subprocess.run(
        [str(programs["run_model"]), str(path), "1", "1"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "Load it in Python and save it again" in done.stderr
