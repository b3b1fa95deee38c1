"""Spectral radii, saturation and costs against what can be said by hand."""

import numpy as np
import pytest

import ostinato as ost
from ostinato.analysis import cost, saturation, spectral


def test_radius_and_norm_of_a_known_matrix():
    net = ost.RNN(2, 2, dtype="float64")
    net.parameters()["weight_hh_l0"][...] = [[0.5, 4.0], [0.0, -0.25]]
    (block,) = spectral(net).blocks.values()
    assert block.name == "weight_hh_l0"
    assert block.radius == pytest.approx(0.5)
    assert block.norm == pytest.approx(np.linalg.norm([[0.5, 4.0], [0.0, -0.25]], 2))


def test_gates_are_taken_apart_and_input_weights_are_left_out():
    names = set(spectral(ost.LSTM(4, 4, 2)).blocks)
    assert names == {f"weight_hh_l{layer}[{gate}]" for layer in range(2) for gate in "ifgo"}
    both = set(spectral(ost.GRU(4, 4, bidirectional=True, reset="before")).blocks)
    assert both == {f"weight_hh_l0{end}[{gate}]" for end in ("", "_reverse") for gate in "rzn"}


def test_a_recurrent_vector_is_a_diagonal_matrix():
    net = ost.Recurrent("indrnn", 3, 4, dtype="float64")
    net.parameters()["weight_hh_l0"][...] = [0.1, -0.7, 0.3, 0.2]
    block = spectral(net).blocks["weight_hh_l0"]
    assert block.radius == pytest.approx(0.7) and block.norm == pytest.approx(0.7)


def test_a_projection_is_not_square_and_has_a_norm_only():
    blocks = spectral(ost.LSTM(3, 4, proj_size=3)).blocks
    assert np.isnan(blocks["weight_hr_l0"].radius) and blocks["weight_hr_l0"].norm > 0
    stacked = spectral(ost.Sequential(ost.Embedding(5, 3), ost.GRU(3, 4), ost.Dense(4, 4))).blocks
    assert set(stacked) == {f"1.weight_hh_l0[{gate}]" for gate in "rzn"}


def test_saturated_and_dead_units_are_found():
    net = ost.RNN(1, 3, dtype="float64")
    net.load_state_dict(
        {
            "weight_ih_l0": np.array([[0.1], [100.0], [0.0]]),
            "weight_hh_l0": np.zeros((3, 3)),
            "bias_ih_l0": np.array([0.0, 0.0, 0.5]),
            "bias_hh_l0": np.zeros(3),
        }
    )
    found = saturation(net, np.random.default_rng(0).standard_normal((4, 25, 1)))
    assert list(found.saturated) == ["h", "output"]
    assert found.saturated["h"][0] == 0.0 and found.saturated["h"][1] > 0.9
    assert found.dead["h"].tolist() == [False, False, True]
    np.testing.assert_allclose(found.deviation["h"][2], 0.0, atol=1e-15)
    with pytest.raises(ost.ConfigError, match="threshold is 0"):
        saturation(net, np.ones((1, 2, 1)), threshold=0)


@pytest.mark.parametrize("kind, gates", [(ost.RNN, 1), (ost.LSTM, 4), (ost.GRU, 3)])
def test_parameters_are_the_textbooks_and_one_more_bias(kind, gates):
    net = kind(10, 20, dtype="float64")
    (layer,) = cost(net).layers
    assert layer.textbook_parameters == gates * (20 + 10 + 1) * 20
    assert layer.parameters == layer.textbook_parameters + gates * 20
    assert layer.parameters == sum(view.size for view in net.parameters().values())
    # Every weight is one multiplication and one addition per row and step.
    assert layer.forward_flops == 2 * gates * (20 + 10) * 20
    assert layer.backward_flops == 2 * layer.forward_flops


def test_memory_grows_with_time_as_explain_says():
    net = ost.LSTM(128, 128)
    found = cost(net, rows=32, steps=100)
    assert found.memory_bytes == 9_830_400
    assert "9830.4 kB kept" in net.explain(rows=32, steps=100)
    assert found.times[-1] == 100 and found.times[0] == 1
    np.testing.assert_array_equal(found.memory, found.times * 98_304)
    np.testing.assert_array_equal(found.textbook_memory, found.times * 32 * 128 * 4)
    assert found.forward_flops == 262_144 * 3200
    assert "132,096 parameters (textbook 131,584)" in str(found)


def test_a_cost_of_no_rows_is_refused():
    with pytest.raises(ost.ConfigError, match="rows is 0"):
        cost(ost.Dense(3, 4), rows=0)


def test_memory_of_each_way_through_time_against_the_formulas():
    found = cost(ost.LSTM(4, 8), rows=16, steps=400, window=50)
    hidden = 16 * 8 * 4  # bytes of the hidden states of all rows at one step
    np.testing.assert_array_equal(found.textbook_memory, found.times * hidden)
    np.testing.assert_array_equal(found.textbook_truncated_memory, np.minimum(found.times, 50) * hidden)
    # a chunk of ours has a multiple of 32 steps, as units have 8 rows; states are those of h and c
    assert found.checkpointed_memory[-1] == found.memory[-1] * 32 / 400 + 11 * 2 * hidden
    assert (found.truncated_memory[found.times >= 50] == found.memory[-1] / 8).all()
    both = cost(ost.LSTM(4, 8, bidirectional=True), rows=16, steps=40)
    assert both.checkpointed_memory is None and both.plot() is not None
