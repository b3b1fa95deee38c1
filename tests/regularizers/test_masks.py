"""The masks themselves: how many, how often drawn, and what they do at the ends of the range.

Counts are compared with bounds that a right mask leaves once in 10^6 tests (4.9 standard deviations of a
binomial); the seeds are fixed, so a test that passes once passes always.
"""

import numpy as np
import pytest

import ostinato as ost

SIGMAS = 4.9


class Through(ost.Cell):
    """Gives its input, and keeps it: what a regularizer does to them can be seen."""

    def parameters(self, size):
        return {"W": ost.Param((size.hidden, size.hidden), init="zeros")}

    def state(self, size):
        return {"h": ost.State(size.hidden)}

    def step(self, x, state, p):
        return x + p.W @ state.h, {"h": x}


class Seen(Through):
    """Gives what a unit matrix makes of its state."""

    def parameters(self, size):
        return {"W": ost.Param((size.hidden, size.hidden), init="identity")}

    def step(self, x, state, p):
        return p.W @ state.h, {"h": state.h + 0.0 * x}


def within(dropped: np.ndarray, p: float) -> bool:
    bound = SIGMAS * np.sqrt(p * (1 - p) * dropped.size)
    return abs(dropped.sum() - p * dropped.size) <= bound


def identity(net, name="W_l0"):
    net.parameters()[name][...] = np.eye(net.hidden_size)


@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("where", ["input", "output"])
def test_dropout_drops_its_share_and_scales_the_rest(p, where):
    net = ost.Recurrent(Through, 50, 50, regularizers=[ost.Dropout(p, where=where)], dtype="float64")
    y = net.run(np.ones((40, 30, 50)), training=True, seed=1).outputs
    assert within(y == 0, p)
    np.testing.assert_allclose(y[y != 0], 1 / (1 - p), rtol=1e-6)
    # each step, row and unit by itself
    for axis in range(3):
        assert (np.diff(y, axis=axis) != 0).any()


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_a_variational_mask_is_one_for_a_row_at_all_steps(p):
    net = ost.Recurrent(Seen, 64, 64, regularizers=[ost.VariationalDropout(p)], dtype="float64")
    identity(net)
    ones = {"h": np.ones((1, 300, 64))}
    y = net.run(np.zeros((300, 7, 64)), state=ones, training=True, seed=2).outputs
    assert (y == y[:, :1]).all()
    assert within(y[:, 0] == 0, p)
    assert (y[0] != y[1]).any()
    np.testing.assert_allclose(y[y != 0], 1 / (1 - p), rtol=1e-6)


def test_recurrent_dropout_draws_anew_at_each_step():
    net = ost.Recurrent(Seen, 64, 64, regularizers=[ost.RecurrentDropout(0.25)], dtype="float64")
    identity(net)
    ones = {"h": np.ones((1, 60, 64))}
    y = net.run(np.zeros((60, 7, 64)), state=ones, training=True, seed=2).outputs
    assert within(y == 0, 0.25)
    assert (y[:, 0] != y[:, 1]).any()


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_weight_drop_is_one_mask_for_a_call(p):
    net = ost.Recurrent(Seen, 64, 64, regularizers=[ost.WeightDrop(p)], dtype="float64")
    net.parameters()["W_l0"][...] = 1.0
    # each unit alone shows a column of the matrix
    state = {"h": np.eye(64)[None]}
    y = net.run(np.zeros((64, 3, 64)), state=state, training=True, seed=3).outputs
    assert (y == y[:, :1]).all()
    assert within(y[:, 0] == 0, p)
    np.testing.assert_allclose(y[y != 0], 1 / (1 - p), rtol=1e-6)


def test_weight_drop_takes_the_matrices_that_multiply_a_state():
    net = ost.LSTM(3, 4, regularizers=[ost.WeightDrop(0.5)])
    text = str(net.programs["lstm_l0"])
    assert "weight_hh *" in text
    assert "weight_ih *" not in text
    with pytest.raises(ost.ConfigError, match="weight_ih, weight_hh"):
        ost.LSTM(3, 4, regularizers=[ost.WeightDrop(0.5, weights="weight_hr")])


@pytest.mark.parametrize("p", [0.1, 0.6])
def test_zoneout_keeps_its_share(p):
    net = ost.Recurrent(Through, 64, 64, regularizers=[ost.Zoneout(p)], dtype="float64")
    final = net.run(np.ones((200, 1, 64)), training=True, seed=2).final_state["h"]
    assert set(np.unique(final)) == {0.0, 1.0}
    assert within(final == 0, p)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_zoneout_with_p_1_holds_the_state(cell):
    net = ost.Recurrent(cell, 3, 5, regularizers=[ost.Zoneout(1.0)], dtype="float64")
    rng = np.random.default_rng(0)
    state = {name: rng.standard_normal((1, 4, 5)) for name in net.state_shapes}
    for training in (True, False):
        run = net.run(rng.standard_normal((4, 6, 3)), state=state, training=training)
        for name, value in state.items():
            np.testing.assert_array_equal(run.final_state[name], value)


def test_zoneout_of_one_state_leaves_the_other():
    net = ost.LSTM(3, 5, regularizers=[ost.Zoneout({"c": 1.0})], dtype="float64")
    run = net.run(np.ones((2, 4, 3)), training=True)
    assert (run.final_state["c"] == 0).all()
    with pytest.raises(ost.ConfigError, match="no state 'm'"):
        ost.LSTM(3, 5, regularizers=[ost.Zoneout({"m": 0.5})])


NOTHING = [
    ost.Dropout(0.0),
    ost.Dropout(0.0, where="output"),
    ost.VariationalDropout(0.0),
    ost.RecurrentDropout(0.0),
    ost.WeightDrop(0.0),
    ost.Zoneout(0.0),
    ost.SkipConnection(0.0),
    ost.ActivationPenalty(0.0),
    ost.TemporalActivationPenalty(0.0),
    ost.L2(0.0),
]


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_rate_of_0_is_no_regularizer_bit_for_bit(cell):
    plain = ost.Recurrent(cell, 3, 9)
    net = ost.Recurrent(cell, 3, 9, regularizers=NOTHING)
    assert {k: p.hash for k, p in plain.programs.items()} == {k: p.hash for k, p in net.programs.items()}
    x = np.random.default_rng(0).standard_normal((5, 7, 3))
    results = [one.value_and_grad(x, np.zeros((5, 7, 9)), loss="mse") for one in (plain, net)]
    assert results[0][0] == results[1][0]
    assert results[0][1].arena.tobytes() == results[1][1].arena.tobytes()
