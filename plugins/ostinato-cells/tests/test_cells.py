"""Each cell against its equations written out in NumPy; gradients against differences; model files."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost

Arrays = dict[str, np.ndarray]

NAMES = ["ligru", "layer_norm_lstm", "mgu", "coupled_lstm"]


def sigmoid(v: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-v))


def norm(v: np.ndarray, gain: np.ndarray, shift: np.ndarray) -> np.ndarray:
    return gain * (v - v.mean()) / np.sqrt(v.var() + 1e-5) + shift


def ligru(x: np.ndarray, s: Arrays, p: Arrays) -> Arrays:
    z, a = np.split(p["weight_ih"] @ x + p["weight_hh"] @ s["h"] + p["bias"], 2)
    return {"h": sigmoid(z) * s["h"] + (1 - sigmoid(z)) * np.maximum(a, 0)}


def layer_norm_lstm(x: np.ndarray, s: Arrays, p: Arrays) -> Arrays:
    sums = norm(p["weight_ih"] @ x, p["norm_ih_gain"], p["norm_ih_shift"])
    sums = sums + norm(p["weight_hh"] @ s["h"], p["norm_hh_gain"], p["norm_hh_shift"]) + p["bias"]
    i, f, g, o = np.split(sums, 4)
    c = sigmoid(f) * s["c"] + sigmoid(i) * np.tanh(g)
    return {"h": sigmoid(o) * np.tanh(norm(c, p["norm_c_gain"], p["norm_c_shift"])), "c": c}


def mgu(x: np.ndarray, s: Arrays, p: Arrays) -> Arrays:
    w_f, w_n = np.split(p["weight_ih"], 2)
    b_f, b_n = np.split(p["bias"], 2)
    f = sigmoid(w_f @ x + p["weight_fh"] @ s["h"] + b_f)
    n = np.tanh(w_n @ x + p["weight_nh"] @ (f * s["h"]) + b_n)
    return {"h": (1 - f) * s["h"] + f * n}


def coupled_lstm(x: np.ndarray, s: Arrays, p: Arrays) -> Arrays:
    f, g, o = np.split(p["weight_ih"] @ x + p["weight_hh"] @ s["h"] + p["bias"], 3)
    c = sigmoid(f) * s["c"] + (1 - sigmoid(f)) * np.tanh(g)
    return {"h": sigmoid(o) * np.tanh(c), "c": c}


STEPS = {"ligru": ligru, "layer_norm_lstm": layer_norm_lstm, "mgu": mgu, "coupled_lstm": coupled_lstm}


def network(name: str, seed: int = 0) -> tuple[ost.Network, np.random.Generator]:
    """A float64 network with random parameters throughout: zeros and ones would hide mistakes."""
    rng = np.random.default_rng(seed)
    net = ost.Recurrent(name, 3, 5, dtype="float64")
    for view in net.parameters().values():
        view[...] = rng.normal(scale=0.5, size=view.shape)
    return net, rng


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_computes_the_equations(name: str) -> None:
    net, rng = network(name)
    x = rng.standard_normal((2, 6, 3))
    start = {key: rng.standard_normal((1, 2, 5)) for key in net.state_shapes}
    run = net.run(x, state=start)
    params = {key.removesuffix("_l0"): view for key, view in net.parameters().items()}
    for row in range(2):
        state = {key: value[0, row] for key, value in start.items()}
        for t in range(6):
            state = STEPS[name](x[row, t], state, params)
            # A dozen roundings a step, of numbers about 1, over six steps.
            np.testing.assert_allclose(run.outputs[row, t], state["h"], rtol=0, atol=1e-12)
        for key, value in state.items():
            np.testing.assert_allclose(run.final_state[key][0, row], value, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [1, 5])
def test_gradients_are_those_of_central_differences(name: str, steps: int) -> None:
    net, rng = network(name)
    x, targets = rng.standard_normal((2, steps, 3)), rng.standard_normal((2, steps, 5))
    state = {key: rng.standard_normal((1, 2, 5)) for key in net.state_shapes}

    def loss() -> float:
        return net.loss_value(x, targets, loss="mse", state=state)[0]

    _, gradients = net.value_and_grad(x, targets, loss="mse", state=state)
    assert gradients.inputs is not None
    checked = [(view, gradients.params[key]) for key, view in net.parameters().items()]
    checked += [(x, gradients.inputs), *((state[key], gradients.initial_state[key]) for key in state)]
    for values, analytic in checked:
        numeric = np.empty_like(values)
        for at in np.ndindex(values.shape):
            before, width = values[at], 1e-5
            values[at] = before + width
            up = loss()
            values[at] = before - width
            down = loss()
            values[at], numeric[at] = before, (up - down) / (2 * width)
        # Differences of width 1e-5 are good to about 1e-10 of the loss's scale.
        np.testing.assert_allclose(analytic, numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_predicts_the_same_bits(name: str, tmp_path) -> None:
    net, rng = network(name)
    x = rng.standard_normal((2, 4, 3))
    net.save(tmp_path / "model")
    loaded = ost.load(tmp_path / "model")
    assert repr(loaded) == repr(net)
    np.testing.assert_array_equal(loaded.run(x).outputs, net.run(x).outputs)


@pytest.mark.parametrize("name", NAMES)
def test_the_full_name_is_the_package_then_the_cell(name: str) -> None:
    assert f"cells/{name}" in ost.plugins.list("cell")
    assert repr(ost.Recurrent(name, 3, 5)) == repr(ost.Recurrent(f"cells/{name}", 3, 5))


def test_the_forget_gates_start_open() -> None:
    np.testing.assert_array_equal(
        ost.Recurrent("coupled_lstm", 3, 2).parameters()["bias_l0"], [1, 1, 0, 0, 0, 0]
    )
    bias = ost.Recurrent("layer_norm_lstm", 3, 2).parameters()["bias_l0"]
    np.testing.assert_array_equal(bias, [0, 0, 1, 1, 0, 0, 0, 0])
