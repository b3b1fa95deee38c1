"""States that are matrices: which equations run along time, and that their results stay the same."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost
from ostinato import eager, ops

pytest.importorskip("ostinato_cells", reason="make test installs the plugin")


def decay(c, q, k, v, f, b):
    c = f * c + ops.outer(v, k)
    return c, c @ q


def written_scaled(c, q, k, v, f, b):
    c = b * ops.outer(v, k) + c * f
    return c, c @ q


def divided(c, q, k, v, f, b):
    c = c / (1.0 + f) - ops.outer(v / (2.0 + f), k) / 2.0
    return c, c @ q


def broadcast(c, q, k, v, f, b):
    c = c * f + ops.reshape(b * v, (-1, 1)) * ops.reshape(k, (1, -1))
    return c, ops.sum(c * q)


def factor_of_lines(c, q, k, v, f, b):
    c = ops.reshape(ops.sigmoid(v), (-1, 1)) * c + ops.outer(v, k)
    return c, c @ q


def delta(c, q, k, v, f, b):
    c = c - b * ops.outer(c @ k - v, k)
    return c, c @ q


def delta_after_decay(c, q, k, v, f, b):
    c = f * c
    c = c + ops.outer(b * (v - c @ k), k)
    return c, c @ q


def delta_of_lines(c, q, k, v, f, b):
    c = c + ops.outer(ops.sigmoid(v) * (v - c @ k), k)
    return c, c @ q


def other_key(c, q, k, v, f, b):
    c = f * c + ops.outer(v - b * (c @ q), k)
    return c, c @ k


def read_before(c, q, k, v, f, b):
    y = c @ q
    return f * c + ops.outer(v, k), y


def several_reads(c, q, k, v, f, b):
    seen = f * c @ k
    new = f * c + ops.outer(b * (v - seen), k)
    return new, new @ q + (new @ k) * (c @ q) - seen


def not_square(c, q, k, v, f, b):
    c = f * c + ops.outer(v[:3], k)
    return c, ops.concat([c @ q, v[3:]])


FOUND = [
    decay,
    written_scaled,
    divided,
    broadcast,
    factor_of_lines,
    delta,
    delta_after_decay,
    delta_of_lines,
    other_key,
    read_before,
    several_reads,
    not_square,
]


def of_columns(c, q, k, v, f, b):
    c = c * ops.sigmoid(q) + ops.outer(v, k)
    return c, c @ q


def read_across(c, q, k, v, f, b):
    c = f * c + ops.outer(v, k)
    return c, q @ c


def read_whole(c, q, k, v, f, b):
    c = f * c + ops.outer(v, k)
    return c, c @ q + ops.sum(ops.square(c))


def twice(c, q, k, v, f, b):
    c = f * c + ops.outer(v, k) + ops.outer(k, v)
    return c, c @ q


def nonlinear(c, q, k, v, f, b):
    c = ops.tanh(f * c + ops.outer(v, k))
    return c, c @ q


OTHERS = [of_columns, read_across, read_whole, twice, nonlinear]


class Memory(ost.Cell):
    """A matrix with the equations of one of the functions above, next to another state."""

    def __init__(self, *, form=0, feeds=False):
        self.form = form
        self.feeds = feeds

    def parameters(self, size):
        return {"W": ost.Param((3 * size.hidden, size.input)), "w": ost.Param((2, size.input))}

    def state(self, size):
        lines = 3 if (FOUND + OTHERS)[self.form] is not_square else size.hidden
        return {"h": ost.State(size.hidden), "C": ost.State((lines, size.hidden))}

    def step(self, x, state, p):
        q, k, v = ops.split(ops.tanh(p.W @ x), 3)
        f, b = ops.split(ops.sigmoid(p.w @ x), 2)
        if self.feeds:
            v = ops.tanh(v + state.h)
        c, y = (FOUND + OTHERS)[self.form](state.C, q, k, v, f, b)
        h = 0.5 * state.h + y if self.feeds else ops.tanh(state.h + y)
        return y * h + f * b, {"h": h, "C": c}


def network(form, feeds=False, hidden=6):
    net = ost.Recurrent(Memory, 3, hidden, form=form, feeds=feeds, dtype="float64", seed=1)
    return net, np.random.default_rng(form)


def is_along_time(net):
    return "state C: linear in the state, a factor and an outer product" in net.explain()


@pytest.mark.parametrize("form", range(len(FOUND + OTHERS)), ids=[f.__name__ for f in FOUND + OTHERS])
def test_a_matrix_has_the_values_and_gradients_of_its_equations(form: int) -> None:
    net, rng = network(form)
    assert is_along_time(net) == (form < len(FOUND))
    text = net.explain()
    assert text.count("matrices along time") == (3 if form < len(FOUND) else 0)
    rows, steps = 5, 70  # two blocks of time
    x = rng.normal(size=(rows, steps, 3))
    lengths = np.array([steps, 0, 66, 64, 13])
    state = {key: rng.normal(size=(1, rows, *shape[1:])) for key, shape in net.state_shapes.items()}
    run = net.run(x, state=state, lengths=lengths, training=True)
    p = {name.removesuffix("_l0"): value for name, value in net.parameters().items()}
    for row in (0, 2, 4):
        start = {key: value[0, row] for key, value in state.items()}
        outputs, final = eager.run(net.cell, p, x[row, : lengths[row]], state=start, hidden_size=6)
        # a memory of dozens of steps, each number from some dozen roundings
        np.testing.assert_allclose(run.outputs[row, : lengths[row]], outputs, rtol=1e-9, atol=1e-9)
        for key, value in final.items():
            np.testing.assert_allclose(run.final_state[key][0, row], value, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(net.run(x, state=state, lengths=lengths).outputs, run.outputs)

    d_output = rng.normal(size=run.outputs.shape)
    d_final = {key: rng.normal(size=value.shape) for key, value in state.items()}
    grads = run.backward(d_output, d_final)

    def total(x, state, net=net):
        run = net.run(x, state=state, lengths=lengths)
        final = sum(np.sum(run.final_state[key] * d_final[key]) for key in state)
        return np.sum(run.outputs * d_output) + final

    def slope(change):
        step = 1e-6
        return (change(step) - change(-step)) / (2 * step)

    direction = rng.normal(size=x.shape) * (np.arange(steps)[None, :, None] < lengths[:, None, None])
    expected = slope(lambda step: total(x + step * direction, state))
    # central differences of a sum of some hundred numbers
    assert np.sum(grads.inputs * direction) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    directions = {key: rng.normal(size=value.shape) for key, value in state.items()}
    expected = slope(
        lambda step: total(x, {key: value + step * directions[key] for key, value in state.items()})
    )
    got = sum(np.sum(grads.initial_state[key] * directions[key]) for key in state)
    assert got == pytest.approx(expected, rel=1e-5, abs=1e-5)
    for name, view in net.parameters().items():
        way, old = rng.normal(size=view.shape), view.copy()

        def moved(step, view=view, way=way, old=old):
            view[...] = old + step * way
            return total(x, state)

        expected = slope(moved)
        view[...] = old
        assert np.sum(grads.params[name] * way) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_a_matrix_whose_operands_depend_on_it_stays_in_the_loop() -> None:
    net, rng = network(0, feeds=True)
    assert not is_along_time(net)
    x = rng.normal(size=(2, 9, 3))
    p = {name.removesuffix("_l0"): value for name, value in net.parameters().items()}
    outputs, _ = eager.run(net.cell, p, x[1], hidden_size=6)
    np.testing.assert_allclose(net.run(x).outputs[1], outputs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["cells/mlstm", "cells/delta_net"])
@pytest.mark.parametrize("ragged", [False, True])
def test_bits_do_not_depend_on_threads_company_or_calls(name: str, ragged: bool) -> None:
    net = ost.Recurrent(name, 5, 19, 2, dtype="float32")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(37, 50, 5)).astype("float32")
    lengths = rng.integers(0, 51, 37) if ragged else np.full(37, 50)
    target = rng.normal(size=(37, 50, 19)).astype("float32")
    whole = net.run(x, lengths=lengths, training=True)
    outputs = whole.outputs
    d_inputs = whole.backward(target).inputs
    alone = net.run(x[7:8], lengths=lengths[7:8], training=True)
    np.testing.assert_array_equal(alone.outputs[0], outputs[7])
    np.testing.assert_array_equal(alone.backward(target[7:8]).inputs[0], d_inputs[7])
    if not ragged:
        first = net.run(x[:, :21])
        rest = net.run(x[:, 21:], state=first.final_state)
        np.testing.assert_array_equal(np.concatenate([first.outputs, rest.outputs], 1), outputs)
        stream = net.stream(batch=37)
        steps = [stream.step(x[:, t]).copy() for t in range(50)]
        np.testing.assert_array_equal(np.stack(steps, 1), outputs)
    before, results = ost.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            ost.set_num_threads(threads)
            _, grads = net.value_and_grad(x, target, loss="mse", lengths=lengths)
            results.append([grads.inputs, *grads.params.values()])
    finally:
        ost.set_num_threads(before)
    for other in results[1:]:
        for got, expected in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", ["cells/mlstm", "cells/delta_net"])
def test_training_does_not_store_a_matrix_for_each_step(name: str) -> None:
    memory = ost.Recurrent(name, 64, 64).training_memory(32, 1000, "mse")
    # of the 64 x 64 matrices of a row group of 16 rows: one in 16 steps, not one in each step
    each = 16 * 1000 * 64 * 64 * 4
    assert memory.row_group < each / 4
