"""Memory length against networks whose memory is known."""

import numpy as np
import pytest

import ostinato as ost
from ostinato.analysis import memory_length


def leaky(rate):
    """h' = rate h + x, two units."""
    net = ost.RNN(2, 2, nonlinearity="identity", bias=False, dtype="float64")
    net.load_state_dict({"weight_ih_l0": np.eye(2), "weight_hh_l0": rate * np.eye(2)})
    return net


def test_a_leaky_integrator_remembers_as_its_rate_says():
    found = memory_length(leaky(0.8), np.zeros((3, 50, 2)), threshold=0.01)
    # Two units: the Frobenius norm of 0.8^k I is sqrt(2) 0.8^k.
    np.testing.assert_allclose(found.influence, np.sqrt(2) * 0.8 ** np.arange(49, -1, -1), rtol=1e-12)
    assert found.length == int(np.log(0.01) / np.log(0.8)) == 20
    assert not found.reaches_start


def test_a_short_sequence_says_at_least():
    found = memory_length(leaky(0.99), np.zeros((1, 10, 2)))
    assert found.length == 9 and found.reaches_start


def test_influence_is_the_jacobian_of_the_last_output():
    net = ost.Sequential(ost.LSTM(3, 4, dtype="float64"), ost.Dense(4, 2, dtype="float64"))
    x = np.random.default_rng(0).standard_normal((2, 7, 3))
    found = memory_length(net, x)
    h = 1e-6
    for t in (0, 6):
        squares = np.zeros(2)
        for k in range(3):
            moved = []
            for sign in (1, -1):
                other = x.copy()
                other[:, t, k] += sign * h
                moved.append(net.run(other).outputs[:, -1])
            squares += np.sum(((moved[0] - moved[1]) / (2 * h)) ** 2, axis=1)
        np.testing.assert_allclose(found.by_row[:, t], np.sqrt(squares), rtol=1e-6)
    np.testing.assert_allclose(found.influence, np.sqrt(np.mean(found.by_row**2, axis=0)))


def test_a_language_model_depends_on_its_embedded_input():
    net = ost.Sequential(ost.Embedding(9, 3), ost.GRU(3, 4), ost.Dense(4, 9))
    before = net.arena.copy()
    found = memory_length(net, np.arange(12).reshape(1, 12) % 9)
    assert found.influence.shape == (12,) and found.influence[-1] > 0
    np.testing.assert_array_equal(net.arena, before)
    with pytest.raises(ost.ConfigError, match="net takes ids"):
        memory_length(ost.Embedding(9, 3), np.zeros((1, 4), int))


def test_a_network_that_reads_both_ways_has_one_too():
    found = memory_length(ost.Bidirectional(ost.GRU(3, 4)), np.ones((1, 8, 3)))
    assert found.influence.shape == (8,)


def test_a_network_of_no_state_has_no_memory():
    assert memory_length(ost.Dense(3, 4), np.ones((2, 5, 3))).length == 0


def test_a_bad_threshold_is_named():
    with pytest.raises(ost.ConfigError, match="threshold is 1"):
        memory_length(ost.GRU(3, 4), np.ones((1, 8, 3)), threshold=1.0)
