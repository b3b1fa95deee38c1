"""Gates are found in the equations of any cell, and their values are those that the step computes."""

from importlib.util import find_spec

import numpy as np
import pytest

import ostinato as ost
from ostinato import analysis


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_gates(net, x):
    """f and tanh(g) of a layer by its formula, one step after the other."""
    p = net.parameters()
    h = c = np.zeros(net.hidden_size)
    forget, new = [], []
    for step in x:
        a = p["weight_ih_l0"] @ step + p["bias_ih_l0"] + p["weight_hh_l0"] @ h + p["bias_hh_l0"]
        i, f, g, o = np.split(a, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        forget.append(sigmoid(f))
        new.append(np.tanh(g))
    return np.array(forget), np.array(new)


def test_fractions_are_those_of_the_formula():
    net = ost.LSTM(3, 7, dtype="float64", seed=2)
    x = 6 * np.random.default_rng(0).standard_normal((1, 50, 3))
    found = analysis.gates(net, x, margin=0.1)
    assert sorted(found.kinds) == ["lstm_l0.f", "lstm_l0.g", "lstm_l0.i", "lstm_l0.new_c", "lstm_l0.o"]
    forget, new = lstm_gates(net, x[0])
    np.testing.assert_array_equal(found.low["lstm_l0.f"], (forget <= 0.1).mean(axis=0))
    np.testing.assert_array_equal(found.high["lstm_l0.f"], (forget >= 0.9).mean(axis=0))
    np.testing.assert_array_equal(found.low["lstm_l0.g"], (new <= -0.9).mean(axis=0))
    np.testing.assert_array_equal(found.high["lstm_l0.g"], (new >= 0.9).mean(axis=0))
    assert 0 < found.high["lstm_l0.f"].mean() < 1


def test_dead_relu_units_are_found():
    net = ost.RNN(2, 6, nonlinearity="relu", dtype="float64")
    net.parameters()["bias_ih_l0"][:] = [-1e3, 1, -1e3, 1, 1, 1]
    x = np.random.default_rng(0).standard_normal((3, 20, 2))
    found = analysis.gates(net, x)
    (name,) = found.kinds
    assert found.kinds[name] == "relu"
    assert found.dead[name].tolist() == [True, False, True, False, False, False]
    assert found.low[name][0] == 1.0
    assert (found.high[name] == 0).all()
    assert "2 of 6 dead" in str(found)


CELLS = ["rnn", "lstm", "gru"]
if find_spec("ostinato_cells"):
    CELLS += ["cells/ligru", "cells/mgu", "cells/layer_norm_lstm"]


@pytest.mark.parametrize("cell", CELLS)
def test_every_layer_and_direction_is_seen_and_noise_is_not(cell):
    net = ost.Recurrent(cell, 3, 4, 2, bidirectional=True, regularizers=["zoneout", "l2"])
    whole = ost.Sequential(net, ost.Dense(8, 5, "relu"))
    found = analysis.gates(whole, np.random.default_rng(0).standard_normal((2, 9, 3)))
    layers = {name.rpartition(".")[0] for name in found.kinds}
    assert len(layers) == 5 and "1.dense" in layers
    assert all(0 <= part.min() <= part.max() <= 1 for part in (*found.low.values(), *found.high.values()))


def test_what_cannot_be_looked_at_is_refused():
    x = np.zeros((1, 4, 3))
    with pytest.raises(ost.ConfigError, match="no sigmoid, tanh or relu"):
        analysis.gates(ost.RNN(3, 4, nonlinearity="identity"), x)
    with pytest.raises(ost.ConfigError, match="margin"):
        analysis.gates(ost.RNN(3, 4), x, margin=0.5)
    with pytest.raises(ost.ShapeError):
        analysis.gates(ost.RNN(3, 4), x[0])
