"""Products of parameters: computed once per call, with the gradients of the same products in NumPy."""

import numpy as np
import pytest

import ostinato as ost
from ostinato import ops

X = np.random.default_rng(0).normal(size=(3, 5, 4))


class LowRank(ost.Cell):
    """A tanh layer whose recurrent matrix is A B + v v^T / |A v'|, all made of parameters."""

    def parameters(self, size):
        return {
            "W": ost.Param((size.hidden, size.input)),
            "A": ost.Param((size.hidden, 2)),
            "B": ost.Param((2, size.hidden)),
            "v": ost.Param((size.hidden,), init="uniform"),
        }

    def state(self, size):
        return {"h": ost.State(size.hidden)}

    def step(self, x, state, p):
        length = ops.sqrt(ops.sum(ops.square(p.B @ p.v)) + 1.0)
        matrix = p.A @ p.B + ops.outer(p.v, p.v) / length
        h = ops.tanh(p.W @ x + matrix @ state.h + matrix.T @ p.v)
        return h, {"h": h}


class Orthogonal(ost.Regularizer):
    """The penalty |W^T W - I|^2, and another with a vector."""

    name = "orthogonal_of_tests"

    def penalty(self, params, noise):
        (name,) = noise.recurrent
        matrix = params[name]
        return 0.1 * ops.sum(ops.sum(ops.square(matrix.T @ matrix - np.eye(6)))) + ops.sum(matrix @ matrix[0])


def slopes(net, view, **options):
    """Central differences of the loss in each element of a parameter."""
    found = np.zeros(view.shape)
    for at in np.ndindex(view.shape):
        value, before = [], view[at]
        for moved in (before + 1e-6, before - 1e-6):
            view[at] = moved
            value.append(net.value_and_grad(X, **options)[0])
        view[at] = before
        found[at] = (value[0] - value[1]) / 2e-6
    return found


@pytest.mark.parametrize(
    "net",
    [
        ost.Recurrent(LowRank, 4, 6, dtype="float64"),
        ost.RNN(4, 6, dtype="float64", regularizers=[Orthogonal()]),
    ],
    ids=["low rank", "penalty"],
)
def test_gradients_pass_through_products_of_parameters(net):
    options = {"targets": np.cos(np.arange(90.0)).reshape(3, 5, 6), "loss": "mse"}
    grads = net.value_and_grad(X, **options)[1].params
    for name, view in net.parameters().items():
        np.testing.assert_allclose(
            grads[name], slopes(net, view, **options), rtol=1e-6, atol=1e-8, err_msg=name
        )


def test_products_of_parameters_are_no_products_of_a_step():
    net = ost.Recurrent(LowRank, 4, 6)
    (plan,) = net.plans()
    assert plan["forward"]["gemms_before"] == plan["forward"]["gemms_in_loop"] == 1
    assert "once per call: 3 products" in net.explain()


def test_the_value_is_that_of_numpy():
    net = ost.Recurrent(LowRank, 4, 6, dtype="float64")
    p = {name.removesuffix("_l0"): view for name, view in net.parameters().items()}
    matrix = p["A"] @ p["B"] + np.outer(p["v"], p["v"]) / np.sqrt(np.sum((p["B"] @ p["v"]) ** 2) + 1)
    h, expected = np.zeros((3, 6)), []
    for t in range(5):
        h = np.tanh(X[:, t] @ p["W"].T + h @ matrix.T + matrix.T @ p["v"])
        expected.append(h)
    np.testing.assert_allclose(net(X), np.stack(expected, axis=1), rtol=1e-13, atol=1e-14)


def test_a_file_with_products_of_parameters_loads(tmp_path):
    net = ost.Recurrent(LowRank, 4, 6, dtype="float64")
    net.save(tmp_path / "model")
    np.testing.assert_array_equal(ost.load(tmp_path / "model")(X), net(X))
