"""Constant matrices times parameters: the fold has no parameter for them, and computes the same."""

import numpy as np
import pytest

import ostinato as ost
from ostinato import ops

E = np.array([[1.0, -2.0], [0.5, 4.0]])
X = np.random.default_rng(0).normal(size=(3, 5, 2))

# A value (2,) of a constant matrix, given as an array or as a `Const` of the cell, and of parameters.
VALUES = {
    "E @ v": lambda e, p: e @ p.v,
    "E.T @ v": lambda e, p: ops.transpose(e) @ p.v,
    "E @ exp(v)": lambda e, p: e @ ops.exp(p.v),
    "E @ E @ v": lambda e, p: e @ (e @ p.v),
    "a row of E @ W": lambda e, p: ops.sum(e @ p.W, axis=0),
    "a row of W @ E": lambda e, p: ops.sum(p.W @ e, axis=0),
    "(E @ W) @ v": lambda e, p: (e @ p.W) @ p.v,
    "outer": lambda e, p: ops.sum(ops.outer(e @ p.v, p.v), axis=1),
    "a matrix": lambda e, p: ops.sum(ops.reshape(e @ p.v, (2, 1)) * e, axis=1),
}


def cell(value, constant):
    """h' = tanh(h + x + value); `constant` makes E a parameter that does not learn."""

    class Made(ost.Cell):
        def parameters(self, size):
            made = {"v": ost.Param((2,), init="uniform"), "W": ost.Param((2, 2))}
            return {**made, "E": ost.Const(E)} if constant else made

        def state(self, size):
            return {"h": ost.State((2,))}

        def step(self, x, state, p):
            h = ops.tanh(state.h + x + value(p.E if constant else E, p) + p.W @ (0.1 * p.v))
            return h, {"h": h}

    return Made


@pytest.mark.parametrize("name", VALUES)
def test_a_constant_array_is_what_a_constant_of_the_cell_is(name):
    made = []
    for constant in (True, False):
        net = ost.Recurrent(cell(VALUES[name], constant)(), 2, 2, dtype="float64", seed=1)
        loss, gradients = net.value_and_grad(X, np.zeros((3, 5, 2)), loss="mse")
        made.append((net.run(X).outputs, loss, *(gradients.params[f"{one}_l0"] for one in ("v", "W"))))
    for one, other in zip(*made, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-15)  # sums of other orders
