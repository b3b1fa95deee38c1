"""With the noise held by its seed, the gradients of every regularized cell are the slopes, in float64."""

import numpy as np
import pytest

from tests.regularizers.table import IDS, PAIRS, REGULARIZERS, Problem, network
from tests.slopes import RELATIVE, slope


@pytest.mark.parametrize(
    ("steps", "lengths"), [(1, None), (5, None), (5, [3, 0, 5])], ids=["T1", "T5", "ragged"]
)
@pytest.mark.parametrize(("cell", "regularizer"), PAIRS, ids=IDS)
def test_gradients_equal_central_differences(cell, regularizer, steps, lengths):
    net = network(cell, REGULARIZERS[regularizer], 2, 3, dtype="float64")
    case = Problem(net, rows=3, steps=steps, lengths=lengths)
    analytic = case.results()
    given = {"inputs": case.x}
    given |= {f"initial_state.{name}": value for name, value in case.state.items()}
    given |= {f"params.{name}": view for name, view in net.parameters().items()}
    for name, array in given.items():
        numeric = slope(case.scalar, array)
        bound = RELATIVE * max(1.0, float(np.abs(numeric).max()))
        worst = np.abs(analytic[name] - numeric).max()
        assert worst <= bound, f"{name}: off by {worst:.3g}, allowed {bound:.3g}"


@pytest.mark.parametrize(("cell", "regularizer"), PAIRS, ids=IDS)
def test_the_slope_along_a_direction_holds_over_many_blocks_of_time(cell, regularizer):
    # enough rows, steps and units for several units of rows and blocks of time, which masks must not notice
    lengths = np.random.default_rng(2).integers(0, 97, size=37)
    net = network(cell, REGULARIZERS[regularizer], 11, 23, dtype="float64")
    case = Problem(net, rows=37, steps=96, lengths=lengths)
    gradients = case.backward(case.run())
    direction = np.random.default_rng(4).standard_normal(net.arena.shape)
    expected = float(gradients.arena @ direction)
    kept, values = net.arena.copy(), []
    for side in (1, -1):
        net.arena[...] = kept + side * 1e-7 * direction
        values.append(case.scalar())
    # rounding of sums around 10^3 leaves 1e-13 / 1e-7 of the slope; a mask that differs leaves nothing of it
    assert (values[0] - values[1]) / 2e-7 == pytest.approx(expected, rel=1e-6, abs=1e-4)


@pytest.mark.parametrize(("cell", "regularizer"), PAIRS, ids=IDS)
def test_run_and_backward_equal_value_and_grad(cell, regularizer):
    net = network(cell, REGULARIZERS[regularizer], 3, 6, num_layers=2, bidirectional=True, dtype="float64")
    case = Problem(net, rows=9, steps=5, lengths=[5, 2, 0, 4, 5, 1, 3, 5, 5])
    run = case.run()
    targets = np.zeros_like(run.outputs)
    value, gradients = net.value_and_grad(
        case.x, targets, loss="mse", lengths=case.lengths, state=case.state, seed=case.seed
    )
    # mse averages over the features of a step: d/dy of mean(y^2) is 2 y / F; zeros stand beyond the lengths
    count = net.output_size * sum(case.lengths)
    penalty = run.penalty or 0.0
    assert gradients.penalty == pytest.approx(penalty, rel=1e-12)
    assert value == pytest.approx((run.outputs**2).sum() / count + penalty, rel=1e-12)
    again = run.backward(2 * run.outputs / count, d_penalty=None if run.penalty is None else 1.0)
    for name, one in again.params.items():
        np.testing.assert_allclose(one, gradients.params[name], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(again.inputs, gradients.inputs, rtol=1e-10, atol=1e-12)
