"""State Jacobians equal central differences of the eager run, for every kind of cell."""

import numpy as np
import pytest

import ostinato as ost
from ostinato import eager
from ostinato.analysis import jacobians
from ostinato.analysis.system import System
from tests.analysis.cells import CELLS, problem


def scattered(net, seed=7):
    """The network with all parameters away from 0 and from symmetry."""
    rng = np.random.default_rng(seed)
    for view in net.parameters().values():
        view[...] = rng.uniform(-0.6, 0.7, view.shape)
    return net


def by_differences(net, x, z):
    """dz'/dz of one eager step from z, in the order of the program's states."""
    params = {name.removesuffix("_l0"): view for name, view in net.parameters().items()}
    slots = System.of(net).slots

    def step(z):
        _, final = eager.run(net.cell, params, x[None], {name: z[part] for name, part in slots.items()})
        return np.concatenate([final[name] for name in slots])

    h = 1e-6
    return np.stack([(step(z + h * e) - step(z - h * e)) / (2 * h) for e in np.eye(len(z))], axis=1)


@pytest.mark.parametrize("row", CELLS, ids=str)
def test_jacobians_equal_central_differences_of_the_eager_run(row):
    case = problem(row, rows=2, steps=4, inputs=3, hidden=4)
    found = jacobians(case.network, case.x, state=case.state)
    for n in range(2):
        for t in range(4):
            expected = by_differences(case.network, case.x[n, t], found.states[n, t])
            # Differences of step 1e-6 in float64 err by about 1e-12 + 1e-16 / 1e-6.
            np.testing.assert_allclose(found.steps[n, t], expected, atol=1e-8, err_msg=f"row {n} step {t}")


@pytest.mark.parametrize(
    "make",
    [
        lambda: ost.LSTM(3, 4, 2, dtype="float64"),
        lambda: ost.Recurrent("gru", 4, 4, 3, residual=True, dtype="float64"),
        lambda: ost.Sequential(ost.Embedding(7, 3), ost.GRU(3, 4), ost.RNN(4, 2), ost.Dense(2, 7)),
    ],
    ids=["stack", "residual", "embedding and heads"],
)
def test_products_are_the_backward_pass_of_the_whole_network(make):
    """Row i of dz_T/dz_0 is the gradient of z_T[i] by the initial state, which the network itself gives."""
    net = scattered(make())
    rng = np.random.default_rng(4)
    x = rng.integers(0, 7, (2, 9)) if net.takes_ids else rng.standard_normal((2, 9, net.input_size))
    found = jacobians(net, x)
    system = System.of(net)
    run = system.run(system.initial(None, 2), system.read(x)[0], training=True)
    for i in range(system.size):
        seed = np.zeros((2, system.size))
        seed[:, i] = 1.0
        _, _, back = run.backward([None], system.split(seed))
        np.testing.assert_allclose(found.products[:, 0, i], system.flat([*back], 2), rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(found.states[:, -1], system.flat([*run.final_state], 2), rtol=1e-12)
    values = np.linalg.svd(found.steps[:, -1], compute_uv=False)
    np.testing.assert_allclose(found.singular_values[:, -1], values, rtol=1e-12)


def test_numbers_in_a_program_survive_the_joining_of_its_outputs():
    """1e-5 is written otherwise by the core than by Python; the program's text must stay the core's."""

    class Normed(ost.Cell):
        def parameters(self, size):
            return {"w": ost.Param((size.hidden, size.input)), "u": ost.Param((size.hidden, size.hidden))}

        def state(self, size):
            return {"h": ost.State(size.hidden)}

        def step(self, x, state, p):
            h = ost.ops.tanh(ost.ops.layer_norm(p.w @ x + p.u @ state.h))
            return h, {"h": h}

    net = ost.Recurrent(Normed, 3, 4, dtype="float64")
    x = np.random.default_rng(3).standard_normal((1, 3, 3))
    found = jacobians(net, x)
    expected = by_differences(net, x[0, 2], found.states[0, 2])
    np.testing.assert_allclose(found.steps[0, 2], expected, atol=1e-8)


def test_nothing_is_changed_and_float32_networks_are_analysed_in_float64():
    net = ost.LSTM(3, 4)
    before = net.arena.copy()
    found = jacobians(net, np.ones((1, 4, 3), np.float32), state={k: np.ones((1, 1, 4)) for k in "hc"})
    assert found.steps.dtype == np.float64
    np.testing.assert_array_equal(net.arena, before)
    np.testing.assert_array_equal(found.states[0, 0], np.ones(8))


@pytest.mark.parametrize(
    "net, x, error, message",
    [
        (ost.GRU(3, 4, bidirectional=True), np.ones((1, 4, 3)), ost.ConfigError, "net reads .* backward"),
        (ost.Dense(3, 4), np.ones((1, 4, 3)), ost.ConfigError, "no state"),
        (ost.GRU(3, 4), np.ones((1, 4, 2)), ost.ShapeError, "x is"),
        (ost.GRU(3, 4), np.ones((1, 0, 3)), ost.ShapeError, "0 steps"),
        (ost.GRU(3, 4), [np.ones((2, 3)), np.ones((4, 3))], ost.ConfigError, "different lengths"),
        (ost.GRU(3, 4).cell, np.ones((1, 4, 3)), ost.DTypeError, "net is a cell"),
        (3, np.ones((1, 4, 3)), ost.DTypeError, "net is an int"),
    ],
)
def test_bad_arguments_are_named(net, x, error, message):
    with pytest.raises(error, match=message):
        jacobians(net, x)


def test_a_matrix_state_lies_flat_in_z():
    class Fading(ost.Cell):
        """Two memories of three numbers that take in x and each other."""

        def parameters(self, size):
            return {"w": ost.Param((size.hidden, 3))}

        def state(self, size):
            return {"m": ost.State((2, 3))}

        def step(self, x, state, p):
            m = ost.ops.tanh(0.5 * state.m + ost.ops.reshape(x, (2, 1)) * ost.ops.sum(ost.ops.sum(state.m)))
            return p.w @ ost.ops.reshape(m[0:1], (3,)), {"m": m}

    net = ost.Recurrent(Fading, 2, 4, dtype="float64")
    found = jacobians(net, np.ones((1, 2, 2)), state={"m": np.linspace(-0.3, 0.5, 6).reshape(1, 1, 2, 3)})
    assert found.steps.shape == (1, 2, 6, 6)

    def step(z):
        m = z.reshape(2, 3)
        return np.tanh(0.5 * m + m.sum()).ravel()

    z = found.states[0, 0]
    expected = [(step(z + 1e-6 * e) - step(z - 1e-6 * e)) / 2e-6 for e in np.eye(6)]
    np.testing.assert_allclose(found.steps[0, 0], np.stack(expected, axis=1), atol=1e-8)
