"""Each cell against its equations written out in NumPy; gradients against differences; model files."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost

Arrays = dict[str, np.ndarray]


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


def layer_norm_gru(x: np.ndarray, s: Arrays, p: Arrays) -> Arrays:
    def norms(v: np.ndarray, gain: np.ndarray) -> list[np.ndarray]:
        parts = norm(v[:10], gain[:10], 0.0), norm(v[10:], gain[10:], 0.0)
        return np.split(np.concatenate(parts), 3)

    (a_r, a_z, a_n), (u_r, u_z, u_n) = (
        norms(p["weight_ih"] @ x, p["norm_ih_gain"]),
        norms(p["weight_hh"] @ s["h"], p["norm_hh_gain"]),
    )
    b_r, b_z, b_n = np.split(p["bias"], 3)
    z = sigmoid(a_z + u_z + b_z)
    n = np.tanh(a_n + sigmoid(a_r + u_r + b_r) * u_n + b_n)
    return {"h": n + z * (s["h"] - n)}


def peephole_lstm(x: np.ndarray, s: Arrays, p: Arrays) -> Arrays:
    i, f, g, o = np.split(p["weight_ih"] @ x + p["weight_hh"] @ s["h"] + p["bias"], 4)
    p_i, p_f = np.split(p["weight_ch"], 2)
    c = sigmoid(f + p_f @ s["c"]) * s["c"] + sigmoid(i + p_i @ s["c"]) * np.tanh(g)
    return {"h": sigmoid(o + p["weight_co"] @ c) * np.tanh(c), "c": c}


def sru(x: np.ndarray, s: Arrays, p: Arrays) -> Arrays:
    u, f, r, skip = np.split(p["weight_ih"] @ x, 4)
    b_f, b_r = np.split(p["bias"], 2)
    f, r = sigmoid(f + p["weight_fc"] * s["c"] + b_f), sigmoid(r + p["weight_rc"] * s["c"] + b_r)
    c = u + f * (s["c"] - u)
    return {"output": skip + r * (c - skip), "c": c}


def slstm(x: np.ndarray, s: Arrays, p: Arrays) -> Arrays:
    i, f, z, o = np.split(p["weight_ih"] @ x + p["weight_hh"] @ s["h"] + p["bias"], 4)
    # Without the stabilizer: c and n are exp(m) times what the cell keeps.
    c = sigmoid(f) * np.exp(s["m"]) * s["c"] + np.exp(i) * np.tanh(z)
    n = sigmoid(f) * np.exp(s["m"]) * s["n"] + np.exp(i)
    m = np.maximum(np.log(sigmoid(f)) + s["m"], i)
    return {"h": sigmoid(o) * c / n, "c": c / np.exp(m), "n": n / np.exp(m), "m": m}


def multiplicative_lstm(x: np.ndarray, s: Arrays, p: Arrays) -> Arrays:
    m = (p["weight_mx"] @ x) * (p["weight_mh"] @ s["h"])
    i, f, g, o = np.split(p["weight_ih"] @ x + p["weight_mm"] @ m + p["bias"], 4)
    c = sigmoid(f) * s["c"] + sigmoid(i) * np.tanh(g)
    return {"h": sigmoid(o) * np.tanh(c), "c": c}


def mlstm(x: np.ndarray, s: Arrays, p: Arrays) -> Arrays:
    q, k, v, o = np.split(p["weight_ih"] @ x + p["bias"], 4)
    k = k / np.sqrt(len(k))
    i, f = p["weight_gates"] @ x
    i, f = i + p["bias_input"], f + p["bias_forget"]
    # Without the stabilizer: C and n are exp(m) times what the cell keeps, and the least divisor is 1.
    c = sigmoid(f) * np.exp(s["m"]) * s["C"] + np.exp(i) * np.outer(v, k)
    n = sigmoid(f) * np.exp(s["m"]) * s["n"] + np.exp(i) * k
    m = np.maximum(np.log(sigmoid(f)) + s["m"], i)
    output = sigmoid(o) * (c @ q) / np.maximum(abs(n @ q), 1.0)
    return {"output": output, "C": c / np.exp(m), "n": n / np.exp(m), "m": m}


def delta_net(x: np.ndarray, s: Arrays, p: Arrays) -> Arrays:
    q, k, v = (one * sigmoid(one) for one in np.split(p["weight_ih"] @ x, 3))
    q, k = (one / np.sqrt(one @ one + 1e-6) for one in (q, k))
    b = sigmoid(p["weight_rate"] @ x + p["bias_rate"])
    c = s["C"] @ (np.eye(len(k)) - b * np.outer(k, k)) + b * np.outer(v, k)
    return {"output": c @ q, "C": c}


STEPS = {
    step.__name__: step
    for step in (
        ligru,
        layer_norm_lstm,
        layer_norm_gru,
        peephole_lstm,
        mgu,
        sru,
        coupled_lstm,
        slstm,
        multiplicative_lstm,
        mlstm,
        delta_net,
    )
}
NAMES = list(STEPS)


def network(name: str, seed: int = 0) -> tuple[ost.Network, np.random.Generator]:
    """A float64 network with random parameters throughout: zeros and ones would hide mistakes."""
    rng = np.random.default_rng(seed)
    net = ost.Recurrent(name, 3, 5, dtype="float64")
    for view in net.parameters().values():
        view[...] = rng.normal(scale=0.5, size=view.shape)
    return net, rng


def starting(net: ost.Network, rng: np.random.Generator) -> Arrays:
    """Random states; the normalizer of the sLSTM is a sum of positive numbers."""
    states = {key: rng.standard_normal((shape[0], 2, *shape[1:])) for key, shape in net.state_shapes.items()}
    return {key: np.abs(value) if key == "n" else value for key, value in states.items()}


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_computes_the_equations(name: str) -> None:
    net, rng = network(name)
    x = rng.standard_normal((2, 6, 3))
    start = starting(net, rng)
    run = net.run(x, state=start)
    params = {key.removesuffix("_l0"): view for key, view in net.parameters().items()}
    for row in range(2):
        state = {key: value[0, row] for key, value in start.items()}
        for t in range(6):
            state = STEPS[name](x[row, t], state, params)
            output = state.pop("output") if "output" in state else state["h"]
            # A dozen roundings a step, of numbers about 1, over six steps.
            np.testing.assert_allclose(run.outputs[row, t], output, rtol=0, atol=1e-12)
        for key, value in state.items():
            np.testing.assert_allclose(run.final_state[key][0, row], value, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_full_name_is_the_package_then_the_cell(name: str) -> None:
    assert f"cells/{name}" in ost.plugins.list("cell")
    assert repr(ost.Recurrent(name, 3, 5)) == repr(ost.Recurrent(f"cells/{name}", 3, 5))


def test_the_highway_of_an_sru_is_its_input_where_the_widths_agree() -> None:
    net, rng = ost.Recurrent("sru", 5, 5, dtype="float64"), np.random.default_rng(0)
    net.parameters()["bias_l0"][5:] = -1e3  # r = 0
    x = rng.standard_normal((2, 4, 5))
    np.testing.assert_array_equal(net.run(x).outputs, x)


@pytest.mark.parametrize("name", ["slstm", "mlstm"])
def test_exponential_gates_stay_finite_far_out(name: str) -> None:
    net = ost.Recurrent(name, 1, 4)
    x = np.linspace(-3e3, 3e3, 40, dtype="float32").reshape(1, 40, 1)
    run = net.run(x, training=True)
    assert np.isfinite(run.outputs).all()
    assert np.isfinite(run.backward(np.ones_like(run.outputs)).inputs).all()


def test_delta_net_returns_the_value_that_was_written_last_at_a_key() -> None:
    net = ost.Recurrent("delta_net", 4, 4, dtype="float64")
    weight, rate, bias = (net.parameters()[f"{key}_l0"] for key in ("weight_ih", "weight_rate", "bias_rate"))
    weight[...] = np.concatenate([np.diag([40.0, 40.0, 0, 0])] * 2 + [np.diag([0, 0, 1.0, 1.0])])
    rate[...], bias[...] = 0.0, 50.0  # b = 1
    x = np.array([[1, 0, 2, 3], [0, 1, 4, 5], [1, 0, 6, 7.0]])
    # silu of what is far out is itself; each key is one unit vector, so the keys do not mix
    values = x[:, 2:] / (1 + np.exp(-x[:, 2:]))
    np.testing.assert_allclose(net.run(x[None]).outputs[0, :, 2:], values, rtol=0, atol=1e-5)


def test_the_forget_gates_start_open() -> None:
    np.testing.assert_array_equal(
        ost.Recurrent("coupled_lstm", 3, 2).parameters()["bias_l0"], [1, 1, 0, 0, 0, 0]
    )
    bias = ost.Recurrent("layer_norm_lstm", 3, 2).parameters()["bias_l0"]
    np.testing.assert_array_equal(bias, [0, 0, 1, 1, 0, 0, 0, 0])
