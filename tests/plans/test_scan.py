"""A recurrence that runs as a scan gives what it gives step by step, forwards and backwards."""

import numpy as np
import pytest

import ostinato as ost
from ostinato import ops
from ostinato.plugins.registry import registry

CELLS = ["min_gru", "min_lstm", "diagonal_ssm"]
LENGTHS = np.array([150, 40, 0, 149, 1])

# Rounding of some hundred steps, relative to the greatest number of a tensor.
ALLOWED = {"float64": 1e-12, "float32": 1e-5}


def step_by_step(name):
    """The same cell with a term of its states that is 0 and not linear: no planner takes it for a scan."""
    cell = registry.resolve("cell", name).spec.factory

    class Hidden(cell):
        def step(self, x, state, p):
            output, new = super().step(x, state, p)
            return output, {key: one + 0.0 * ops.tanh(state[key]) for key, one in new.items()}

    return Hidden


def results(cell, dtype, like=None):
    net = ost.Recurrent(cell, 6, 20, num_layers=2, dtype=dtype, seed=1)
    if like is not None:
        net.load_state_dict(like.state_dict())
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 150, 6)).astype(dtype), rng.normal(size=(5, 150, 20)).astype(dtype)
    widths = {key: shape[-1] for key, shape in net.state_shapes.items()}
    state = {key: rng.normal(size=(2, 5, width)).astype(dtype) for key, width in widths.items()}
    run = net.run(x, lengths=LENGTHS, state=state)
    _, grads = net.value_and_grad(x, y, loss="mse", lengths=LENGTHS, state=state)
    tensors = {"outputs": run.outputs, "inputs": grads.inputs, **grads.params}
    tensors |= {f"final {key}": one for key, one in run.final_state.items()}
    return net, tensors | {f"initial {key}": one for key, one in grads.initial_state.items()}


@pytest.mark.parametrize("dtype", ALLOWED)
@pytest.mark.parametrize("name", CELLS)
def test_a_scan_equals_its_sequential_form(name, dtype):
    net, scan = results(name, dtype)
    assert "scan along time" in net.explain()
    other, sequential = results(step_by_step(name), dtype, net)
    assert "scan along time" not in other.explain()
    for key, one in scan.items():
        apart = np.abs(one - sequential[key]).max() / max(1.0, np.abs(one).max())
        assert apart <= ALLOWED[dtype], f"{key} is {apart:.2g} off"
