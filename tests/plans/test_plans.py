"""What the planner makes of each cell: a plan that gets worse fails here, long before a benchmark shows it.

The columns: products hoisted before the loop, in the loop, after it; row ops in the loop; forwards and
backwards; weight gradients, which are never inside a loop.
"""

import numpy as np
import pytest

import ostinato as ost
from ostinato import Param, State

pytest.importorskip("ostinato_cells", reason="make test installs the plugin")

# cell, options, forward (before, loop, after, row ops), backward (the same), weight products
PLANS = [
    ("rnn", {}, (1, 1, 0, 1), (0, 1, 1, 2), 2),
    ("lstm", {}, (1, 1, 0, 8), (0, 1, 1, 9), 2),
    ("lstm", {"peepholes": True}, (1, 1, 0, 11), (0, 1, 1, 12), 2),
    ("lstm", {"proj_size": 8}, (1, 2, 0, 8), (0, 2, 1, 8), 3),
    ("gru", {"reset": "after"}, (1, 1, 0, 7), (0, 1, 1, 10), 2),
    ("gru", {"reset": "before"}, (1, 2, 0, 7), (0, 2, 1, 10), 3),
    ("indrnn", {}, (1, 0, 0, 2), (0, 0, 1, 3), 1),
    ("linear_ssm", {}, (1, 1, 1, 0), (1, 1, 1, 1), 4),
    ("min_gru", {}, (1, 0, 0, 0), (1, 0, 0, 0), 1),
    ("min_lstm", {}, (1, 0, 0, 0), (1, 0, 0, 0), 1),
    ("diagonal_ssm", {}, (3, 0, 0, 0), (2, 0, 0, 0), 4),
    ("cells/ligru", {}, (1, 1, 0, 3), (0, 1, 1, 9), 2),
    # its gates are made again of kept norms: two sums, three sigmoids and a tanh
    ("cells/layer_norm_lstm", {}, (1, 1, 0, 14), (0, 1, 1, 20), 2),
]


def plan_of(cell, options):
    # 48 units: values of at most 32 numbers leave the loop, which changes the counts
    (plan,) = ost.Recurrent(cell, 32, 48, **options).plans()
    return plan


@pytest.mark.parametrize(("cell", "options", "forward", "backward", "weights"), PLANS)
def test_the_plan_of_a_cell_is_the_one_expected(cell, options, forward, backward, weights):
    plan = plan_of(cell, options)
    names = ("gemms_before", "gemms_in_loop", "gemms_after", "row_ops_in_loop")
    got = [tuple(plan[way][name] for name in names) for way in ("forward", "backward")]
    assert (*got, plan["backward"]["weight_gemms_outside_loop"]) == (forward, backward, weights)


# cell, what explain() says of its states, scans either way
LINEAR = [
    ("min_gru", "state h: linear in the state: scan", 1),
    ("min_lstm", "state h: linear in the state: scan", 1),
    ("diagonal_ssm", "state re, im: linear in the state: scan", 1),
    ("linear_ssm", "state h: linear in the state, but not element by element: step by step", 0),
    ("indrnn", "state h: element by element, but not linear: step by step", 0),
    ("lstm", "state h, c: not linear: step by step", 0),
]


@pytest.mark.parametrize(("cell", "words", "scans"), LINEAR)
def test_linear_states_are_found_and_scanned(cell, words, scans):
    plan, text = plan_of(cell, {}), ost.Recurrent(cell, 32, 16).explain()
    assert words in text
    assert [plan[way]["scans"] for way in ("inference", "forward", "backward")] == [scans] * 3
    assert text.count("scan along time") == 2 * scans
    if scans:
        assert "loop" not in text
        assert [plan[way]["gemms_in_loop"] for way in ("inference", "forward", "backward")] == [0] * 3


@pytest.mark.parametrize("cell", ["min_gru", "diagonal_ssm"])
def test_a_regularized_scan_is_a_scan(cell):
    (plan,) = ost.Recurrent(cell, 8, 8, regularizers=[ost.Zoneout(0.2), ost.Dropout(0.2)]).plans()
    assert [plan[way]["scans"] for way in ("inference", "forward", "backward")] == [1] * 3


@pytest.mark.parametrize("cell", ["cells/layer_norm_lstm", "cells/layer_norm_gru"])
def test_a_norm_is_kept_with_its_scale_and_its_operand_is_not(cell):
    text = ost.Recurrent(cell, 32, 16).explain()
    (kept,) = (line for line in text.splitlines() if "kept for the backward pass" in line)
    assert kept.count("layer_norm(...)") == kept.count("reciprocal_std(...)") >= 2
    assert "a matrix product" not in kept


def test_an_lstm_of_128_units_hoists_one_product_and_keeps_one_in_the_loop():
    text = ost.LSTM(128, 128).explain()
    forward, backward = text.split("backward:")
    assert forward.count("GEMM 128 -> 512") == 2
    assert "2 weight GEMM(s), 1 sum(s) over rows and time" in backward


class Separate(ost.Cell):
    """An LSTM as its author would write it first: four gates, eight matrices."""

    def parameters(self, size):
        gates = "ifgo"
        matrices = {f"W{g}": Param((size.hidden, size.input)) for g in gates}
        matrices |= {f"U{g}": Param((size.hidden, size.hidden)) for g in gates}
        return matrices | {f"b{g}": Param((size.hidden,), init="zeros") for g in gates}

    def state(self, size):
        return {"h": State(size.hidden), "c": State(size.hidden)}

    def step(self, x, state, p):
        i, f, g, o = (p[f"W{k}"] @ x + p[f"U{k}"] @ state.h + p[f"b{k}"] for k in "ifgo")
        c = ost.ops.sigmoid(f) * state.c + ost.ops.sigmoid(i) * ost.ops.tanh(g)
        h = ost.ops.sigmoid(o) * ost.ops.tanh(c)
        return h, {"h": h, "c": c}


def test_eight_small_products_become_two():
    plan = plan_of(Separate, {})["forward"]
    assert (plan["gemms_before"], plan["gemms_in_loop"]) == (1, 1)


def test_cells_written_apart_and_together_agree():
    net, reference = ost.Recurrent(Separate, 5, 7, dtype="float64"), ost.LSTM(5, 7, dtype="float64")
    state = net.state_dict()
    joined = {
        "weight_ih_l0": np.concatenate([state[f"W{k}_l0"] for k in "ifgo"]),
        "weight_hh_l0": np.concatenate([state[f"U{k}_l0"] for k in "ifgo"]),
        "bias_ih_l0": np.concatenate([state[f"b{k}_l0"] for k in "ifgo"]),
        "bias_hh_l0": np.zeros(28),
    }
    reference.load_state_dict(joined)
    x = np.random.default_rng(0).normal(size=(3, 6, 5))
    np.testing.assert_allclose(net.run(x).outputs, reference.run(x).outputs, atol=1e-14)
