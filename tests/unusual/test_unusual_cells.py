"""Every plan equals the eager run of the same equations, for cells that a planner does not expect.

Forward with and without a backward pass (two plans), ragged rows, and enough steps for several blocks of
time; backward against central differences.
"""

import numpy as np
import pytest

import ostinato as ost
from ostinato import eager
from tests.slopes import RELATIVE, slope
from tests.unusual.cells import ROWS, H, I, make, values

NAMES = [row[0] for row in ROWS]
# one block of time; ragged rows over at least three blocks of 256 rows
SHAPES = {"short": (3, 5, [5, 0, 3]), "blocks": (7, 130, [130, 130, 97, 0, 41, 130, 1])}


def network(row):
    cell = make(*row)
    net = ost.Recurrent(cell, I, H, dtype="float64")
    return net, cell(), values(net)


def batch(net, rows, steps, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (rows, steps, I))
    state = {name: rng.uniform(-1, 1, (n, rows, *size)) for name, (n, *size) in net.state_shapes.items()}
    return x, state


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_the_engine_equals_the_eager_run(row, shape, training):
    rows, steps, lengths = SHAPES[shape]
    net, cell, params = network(row)
    x, state = batch(net, rows, steps)
    run = net.run(x, state=state, lengths=lengths, training=training)
    for n, length in enumerate(lengths):
        own = {name: value[0, n] for name, value in state.items()}
        outputs, final = eager.run(cell, params, x[n, :length], own, hidden_size=H)
        np.testing.assert_allclose(run.outputs[n, :length], outputs, rtol=1e-10, atol=1e-10)
        assert not run.outputs[n, length:].any()
        for name, value in final.items():
            np.testing.assert_allclose(run.final_state[name][0, n], value, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_gradients_equal_central_differences(row):
    rows, steps, lengths = SHAPES["short"]
    net, _, _ = network(row)
    x, state = batch(net, rows, steps)
    rng = np.random.default_rng(2)
    d_out = rng.normal(size=(rows, steps, net.output_size))
    d_final = {name: rng.normal(size=value.shape) for name, value in state.items()}

    def scalar():
        run = net.run(x, state=state, lengths=lengths)
        total = (d_out * run.outputs).sum()
        return total + sum((d_final[name] * value).sum() for name, value in run.final_state.items())

    run = net.run(x, state=state, lengths=lengths, training=True)
    grads = run.backward(d_out, d_final)
    pairs = [("x", x, grads.inputs)]
    pairs += [(name, net.parameters()[name], value) for name, value in grads.params.items()]
    pairs += [(name, state[name], value) for name, value in grads.initial_state.items()]
    for name, array, analytic in pairs:
        numeric = slope(scalar, array)
        scale = max(1.0, np.abs(numeric).max(initial=0.0))
        np.testing.assert_allclose(analytic, numeric, atol=RELATIVE * scale, err_msg=name)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "indrnn", "min_gru", "diagonal_ssm"])
def test_gradients_over_blocks_of_time_equal_those_of_the_parts(cell):
    # (x, state) -> parts of 100 steps, chained by hand: what crosses the blocks is the state alone
    net = ost.Recurrent(cell, I, H, dtype="float64")
    x, state = batch(net, 9, 300)
    lengths = np.array([300, 250, 0, 300, 101, 300, 7, 300, 199])
    d_out = np.random.default_rng(2).normal(size=(9, 300, H))
    whole = net.run(x, state=state, lengths=lengths, training=True).backward(d_out)
    runs = []
    for at in range(0, 300, 100):
        runs.append(
            net.run(x[:, at : at + 100], lengths=np.clip(lengths - at, 0, 100), state=state, training=True)
        )
        state = runs[-1].final_state
    d_final, total = None, {name: 0.0 for name in whole.params}
    for number, run in reversed(list(enumerate(runs))):
        steps = slice(number * 100, number * 100 + 100)
        part = run.backward(d_out[:, steps], d_final)
        d_final = part.initial_state
        total = {name: total[name] + part.params[name] for name in total}
        np.testing.assert_allclose(
            whole.inputs[:, number * 100 : number * 100 + 100], part.inputs, atol=1e-10
        )
    for name, value in total.items():
        np.testing.assert_allclose(whole.params[name], value, rtol=1e-9, atol=1e-9)


def test_a_loss_with_an_unread_sum_is_the_loss():
    class Odd(ost.losses.Loss):
        target = "output"

        def step(self, y, target):
            z = y - target + y
            _ = z + 1.0
            return ost.ops.sum(z * z)

    net = ost.Dense(3, 3, dtype="float64")
    x = np.random.default_rng(0).normal(size=(2, 4, 3))
    value, _ = net.value_and_grad(x, x, loss=Odd(), reduction="sum")
    y = net.run(x).outputs
    assert value == pytest.approx(((2 * y - x) ** 2).sum(), rel=1e-12)
