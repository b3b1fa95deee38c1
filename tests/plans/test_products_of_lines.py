"""Products of a parameter with a matrix of values, and of logarithms: found, and with the same results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import eager, ops

RNG = np.random.default_rng(3)
LENGTHS = np.array([5, 0, 7, 3])


class Product(ost.Cell):
    """A recurrent cell that multiplies a matrix of values with a parameter."""

    def __init__(self, form: str = "left", *, of_state: bool = False) -> None:
        self.form, self.of_state = form, of_state

    def parameters(self, size: Any) -> Any:
        wide = (size.hidden, size.input)
        return {"U": ost.Param(wide), "A": ost.Param((4, 3)), "B": ost.Param((5, 4))}

    def state(self, size: Any) -> Any:
        return {"h": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        values = ops.tanh(state.h + p.U @ x) if self.of_state else ops.tanh(p.U @ x)
        matrix = ops.reshape(values[:15], (3, 5))
        y = {
            "left": lambda: p.A @ matrix,
            "right": lambda: ops.transpose(matrix @ p.B),
            "both": lambda: ops.transpose(ops.transpose(p.A @ matrix) @ p.A) @ p.B,
            "transposed": lambda: p.A @ ops.transpose(ops.reshape(values[:15], (5, 3))),
            "vector": lambda: ops.reshape(ops.concat(values[:5] @ p.B, values[5:10] @ p.B), (4, 2)),
        }[self.form]()
        unused = 0.0 * (ops.sum(ops.sum(p.A)) + ops.sum(ops.sum(p.B)))
        h = ops.tanh(values + ops.sum(ops.sum(ops.square(y))) / 9 + unused)
        return h, {"h": h}


FORMS = ["left", "right", "both", "transposed", "vector"]


def network(form: str, of_state: bool, dtype: str = "float64") -> ost.Recurrent:
    return ost.Recurrent(Product, 3, 16, form=form, of_state=of_state, dtype=dtype)


@pytest.mark.parametrize("of_state", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_products_of_lines_equal_numpy_and_differences(form: str, of_state: bool) -> None:
    net = network(form, of_state)
    x, targets = RNG.normal(size=(4, 7, 3)), RNG.normal(size=(4, 7, 16))
    run = net.run(x, lengths=LENGTHS)
    p = {name.removesuffix("_l0"): value for name, value in net.parameters().items()}
    for row, length in enumerate(LENGTHS):
        expected, _ = eager.run(net.cell, p, x[row, :length], hidden_size=16)
        np.testing.assert_allclose(run.outputs[row, :length], expected, rtol=1e-12, atol=1e-13)
    _, grads = net.value_and_grad(x, targets, loss="mse", lengths=LENGTHS)
    direction = RNG.normal(size=net.arena.shape)
    along = float(grads.arena @ direction)
    slopes = []
    for step in (1e-6, -1e-6):
        moved = net.__copy__()
        moved.arena[...] += step * direction
        slopes.append(moved.loss_value(x, targets, loss="mse", lengths=LENGTHS)[0])
    assert (slopes[0] - slopes[1]) / 2e-6 == pytest.approx(along, rel=1e-6)
    assert grads.inputs is not None
    nudged = x + 1e-6 * (direction_x := RNG.normal(size=x.shape))
    back = x - 1e-6 * direction_x
    slope = np.subtract(
        *(net.loss_value(one, targets, loss="mse", lengths=LENGTHS)[0] for one in (nudged, back))
    )
    assert slope / 2e-6 == pytest.approx(float((grads.inputs * direction_x).sum()), rel=1e-6)


@pytest.mark.parametrize("form", ["left", "right", "both"])
def test_they_are_matrix_products_and_leave_the_loop_if_they_can(form: str) -> None:
    for of_state in (False, True):
        (plan,) = network(form, of_state).plans()
        in_loop = plan["forward"]["gemms_in_loop"]
        assert (in_loop == 0) is not of_state
        products = plan["forward"]["gemms_before"] + in_loop
        assert products == {"left": 2, "right": 2, "both": 4}[form]
        # a weight gradient for each use of a matrix
        assert plan["backward"]["weight_gemms_outside_loop"] == products
    assert "GEMM 3 -> 4 of 5 lines   A @ " in network("left", True).explain()


@pytest.mark.parametrize("form", FORMS)
def test_threads_and_company_change_no_bit(form: str) -> None:
    net = network(form, True, "float32")
    x, targets = RNG.normal(size=(40, 6, 3)).astype("float32"), np.zeros((40, 6, 16), "float32")
    before, results = ost.get_num_threads(), []
    try:
        for threads in (1, 2, 4):
            ost.set_num_threads(threads)
            results.append(net.value_and_grad(x, targets, loss="mse", reduction="sum"))
    finally:
        ost.set_num_threads(before)
    for value, grads in results:
        assert value == results[0][0]
        assert np.array_equal(grads.arena, results[0][1].arena)
        assert np.array_equal(grads.inputs, results[0][1].inputs)
    alone = net.value_and_grad(x[7:8], targets[7:8], loss="mse", reduction="sum")[1].inputs
    assert np.array_equal(alone, results[0][1].inputs[7:8])


class Forward(ost.Cell):
    """The forward variables of a hidden Markov model; its transitions are learned or given."""

    def __init__(self, form: str = "parameter") -> None:
        self.form = form

    def parameters(self, size: Any) -> Any:
        return {"A": ost.Param((size.hidden, size.hidden))}

    def state(self, size: Any) -> Any:
        return {"a": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        (k,) = state.a.shape
        moves = p.A + 0.1 * ops.reshape(x[:k], (k, 1)) if "given" in self.form else p.A
        if "first" in self.form:
            a = ops.logsumexp(ops.transpose(moves) + ops.reshape(state.a, (k, 1)), axis=0)
        else:
            a = ops.logsumexp(state.a + moves)
        a = a + x[:k]
        return a, {"a": a - ops.logsumexp(a)}


MOVES = ["parameter", "given", "parameter first", "given first"]


@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize("form", MOVES)
def test_products_of_logarithms_equal_numpy_and_differences(form: str, scale: float) -> None:
    """With scores of 30, some sums are far below those of other lines."""
    net = ost.Recurrent(Forward, 18, 18, form=form, dtype="float64")
    net.arena[...] = scale * RNG.normal(size=net.arena.shape)
    x, targets = RNG.normal(size=(4, 7, 18)), RNG.normal(size=(4, 7, 18))
    run = net.run(x, lengths=LENGTHS)
    for row, length in enumerate(LENGTHS):
        expected, _ = eager.run(net.cell, {"A": net.parameters()["A_l0"]}, x[row, :length], hidden_size=18)
        np.testing.assert_allclose(run.outputs[row, :length], expected, rtol=1e-12, atol=1e-12)
    _, grads = net.value_and_grad(x, targets, loss="mse", lengths=LENGTHS)
    for values, slopes in ((net.arena, grads.arena), (x, grads.inputs)):
        direction, found = RNG.normal(size=values.shape), []
        start = values.copy()
        for step in (1e-6, -1e-6):
            values[...] = start + step * direction
            found.append(net.loss_value(x, targets, loss="mse", lengths=LENGTHS)[0])
        values[...] = start
        assert (found[0] - found[1]) / 2e-6 == pytest.approx(float((slopes * direction).sum()), rel=1e-6)


@pytest.mark.parametrize("far", [-np.inf, -1e30])
def test_forbidden_moves_have_no_probability_and_no_gradient(far: float) -> None:
    """A tag that no move reaches, one that no move leaves, and some moves that are forbidden."""
    net = ost.Recurrent(Forward, 5, 5, dtype="float64")
    moves = net.parameters()["A_l0"]
    forbidden = np.zeros((5, 5), bool)
    forbidden[2, :], forbidden[:, 3], forbidden[0, 4] = True, True, True
    moves[forbidden] = far
    x = RNG.normal(size=(3, 6, 5))
    weights = RNG.normal(size=(3, 6, 5))
    weights[..., 2] = 0.0  # its own logarithm is that of nothing
    run = net.run(x, training=True)
    assert np.isfinite(run.outputs[..., [0, 1, 3, 4]]).all() and (run.outputs[:, 1:, 2] <= -1e29).all()
    grads = run.backward(weights)
    assert not np.isnan(grads.params["A_l0"]).any() and not np.isnan(grads.inputs).any()
    assert (grads.params["A_l0"][2] == 0.0).all() and (grads.params["A_l0"][0, 4] == 0.0).all()
