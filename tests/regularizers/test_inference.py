"""Without training nothing is random: the engine gives the expectation, as plain NumPy computes it."""

import numpy as np
import pytest

import ostinato as ost
from ostinato.namespace import Names
from tests.regularizers.table import CELLS, IDS, PAIRS, REGULARIZERS, Problem, network

# float64, a few steps of numbers around 1: rounding is 1e-15; 1e-12 leaves room for another order of sums.
ABSOLUTE = 1e-12


class Normed(np.ndarray):
    """A matrix whose products have mean 0 and a standard deviation of `gain`."""

    gain = 1.0

    def __array_finalize__(self, other):
        self.gain = getattr(other, "gain", 1.0)

    def __matmul__(self, vector):
        product = np.asarray(self) @ vector
        centred = product - product.mean()
        return self.gain * centred / np.sqrt((centred**2).mean() + 1e-5)


def expected(net, case, cell, zoneout, alpha, gain):
    """Outputs and final states of a plain loop over the cell's own step."""
    params = {name.removesuffix("_l0"): view for name, view in net.parameters().items()}
    if gain is not None:
        params = {name: one.view(Normed) if one.ndim == 2 else one for name, one in params.items()}
        for one in params.values():
            if isinstance(one, Normed):
                one.gain = gain
    p = Names("cell", "parameter", params)
    outputs, finals = np.empty_like(case.d_outputs), {name: one.copy() for name, one in case.state.items()}
    # the rate is rounded to the grid of the noise
    zoneout = round(zoneout * 2**24) / 2**24
    for row in range(len(case.x)):
        state = {name: value[0, row] for name, value in case.state.items()}
        for t in range(case.x.shape[1]):
            _, new = cell.step(case.x[row, t], Names("cell", "state", state), p)
            new = {name: zoneout * state[name] + (1 - zoneout) * value for name, value in new.items()}
            new["h"] = new["h"] + alpha * state["h"]
            state = new
            outputs[row, t] = state["h"]
        for name, value in state.items():
            finals[name][0, row] = value
    return outputs, finals


@pytest.mark.parametrize(("cell", "regularizer"), PAIRS, ids=IDS)
def test_inference_is_the_eager_expectation(cell, regularizer):
    net = network(cell, REGULARIZERS[regularizer], 3, 5, dtype="float64")
    case = Problem(net, rows=3, steps=5)
    zoneout = {"zoneout": 0.3, "all": 0.2}.get(regularizer, 0.0)
    alpha = {"skip connection": 0.25, "all": 0.1}.get(regularizer, 0.0)
    gain = {"layer norm": 0.8, "all": 1.0}.get(regularizer)
    outputs, finals = expected(net, case, net.cell, zoneout, alpha, gain)
    run = case.run(training=False)
    np.testing.assert_allclose(run.outputs, outputs, rtol=0, atol=ABSOLUTE)
    for name, value in finals.items():
        np.testing.assert_allclose(run.final_state[name], value, rtol=0, atol=ABSOLUTE)
    np.testing.assert_array_equal(run.outputs, case.run(training=False).outputs)


@pytest.mark.parametrize(("cell", "regularizer"), PAIRS, ids=IDS)
def test_loss_value_is_of_the_inference_program(cell, regularizer):
    net = network(cell, REGULARIZERS[regularizer], 3, 5, dtype="float64")
    case = Problem(net, rows=3, steps=5)
    value, _ = net.loss_value(case.x, np.zeros_like(case.d_outputs), loss="mse", state=case.state)
    assert value == pytest.approx((case.run(training=False).outputs ** 2).mean(), rel=1e-12)


@pytest.mark.parametrize("regularizer", ["dropout of the output", "weight drop"])
def test_the_mean_over_seeds_is_near_the_expectation(regularizer):
    # linear in the masks at T = 1, so the mean over many seeds is the inference value
    net = network("rnn", REGULARIZERS[regularizer], 3, 6, dtype="float64", nonlinearity="identity")
    case = Problem(net, rows=4, steps=1)
    drawn = np.array([case.run(seed=seed).outputs for seed in range(4000)])
    error = drawn.std(axis=0) / np.sqrt(len(drawn))
    # 24 numbers at 5.5 standard errors: a right mean fails once in 10^6
    assert (np.abs(drawn.mean(axis=0) - case.run(training=False).outputs) <= 5.5 * error).all()


@pytest.mark.parametrize("cell", CELLS)
def test_a_saved_network_has_both_programs(cell, tmp_path):
    net = network(cell, REGULARIZERS["all"], 3, 5, num_layers=2, bidirectional=True)
    net.save(tmp_path / "model")
    loaded = ost.load(tmp_path / "model")
    assert repr(loaded) == repr(net)
    assert "Zoneout(p=0.2)" in repr(loaded)
    first, second = Problem(net, 4, 6), Problem(loaded, 4, 6)
    for training in (True, False):
        np.testing.assert_array_equal(first.run(training).outputs, second.run(training).outputs)
    # nothing was drawn without a seed, so the series begins where that of a new network does
    x = first.x
    fresh = network(cell, REGULARIZERS["all"], 3, 5, num_layers=2, bidirectional=True)
    np.testing.assert_array_equal(loaded.run(x, training=True).outputs, fresh.run(x, training=True).outputs)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_analysis_is_of_the_inference_program(cell):
    plain = ost.Recurrent(cell, 3, 5, dtype="float64")
    net = ost.Recurrent(cell, 3, 5, regularizers=[ost.WeightDrop(0.5), ost.Dropout(0.3)], dtype="float64")
    x = np.random.default_rng(0).standard_normal((1, 6, 3))
    first, second = (ost.analysis.jacobians(one, x) for one in (plain, net))
    np.testing.assert_array_equal(first.steps, second.steps)
