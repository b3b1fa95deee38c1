"""The built-in cells, eager, against formulas written by hand; their layout and how they start."""

import numpy as np
import pytest

from ostinato import eager
from ostinato.cell import Cell, declared
from ostinato.cells.gates import GRU_GATES, LSTM_GATES
from ostinato.discover import leaves
from ostinato.errors import ConfigError, DTypeError, ShapeError
from ostinato.initializers import get
from tests.cell_table import CASES

INPUT, HIDDEN, STEPS = 4, 3, 5
CELLS = leaves("ostinato.cells", Cell)


IDS = [f"{kind}_{options}" for kind, options, _ in CASES]


def make(kind, options, seed=0):
    cell, rng = CELLS[kind](**options), np.random.default_rng(seed)
    made = declared(cell, INPUT, HIDDEN)
    params = {name: rng.normal(size=one.shape) for name, one in made.params.items()}
    state = {name: rng.normal(size=one.shape) for name, one in made.states.items()}
    return cell, params, state, rng.normal(size=(STEPS, INPUT))


@pytest.mark.parametrize(("kind", "options", "formula"), CASES, ids=IDS)
def test_each_cell_equals_its_formula_over_a_sequence(kind, options, formula):
    cell, params, state, x = make(kind, options)
    outputs, final = eager.run(cell, params, x, state)
    h, c = (*state.values(), None, None)[:2]
    for t in range(STEPS):
        y, h, c = formula(x[t], h, c, params)
        np.testing.assert_allclose(outputs[t], y, rtol=1e-12, atol=1e-14)
    for name, value in zip(state, (h, c), strict=False):
        np.testing.assert_allclose(final[name], value, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("kind", "options", "formula"), CASES, ids=IDS)
def test_each_cell_runs_in_float32_and_starts_from_zeros(kind, options, formula):
    cell, params, state, x = make(kind, options)
    zeros = {name: np.zeros_like(value) for name, value in state.items()}
    narrow, final = eager.run(cell, params, x.astype(np.float32), hidden_size=HIDDEN)
    wide, _ = eager.run(cell, params, x, zeros)
    assert narrow.dtype == np.float32
    assert all(value.dtype == np.float32 for value in final.values())
    # Five steps of a network with weights of about 1: some tens of roundings of 6e-8.
    np.testing.assert_allclose(narrow, wide, rtol=2e-4, atol=2e-5)


def test_every_built_in_cell_has_a_formula():
    assert {kind for kind, _, _ in CASES} == set(CELLS)


LAYOUT = [
    ("rnn", {}, {"weight_ih": (3, 4), "weight_hh": (3, 3), "bias_ih": (3,), "bias_hh": (3,)}),
    ("lstm", {}, {"weight_ih": (12, 4), "weight_hh": (12, 3), "bias_ih": (12,), "bias_hh": (12,)}),
    (
        "lstm",
        {"proj_size": 2},
        {"weight_ih": (12, 4), "weight_hh": (12, 2), "bias_ih": (12,), "bias_hh": (12,), "weight_hr": (2, 3)},
    ),
    ("lstm", {"bias": False}, {"weight_ih": (12, 4), "weight_hh": (12, 3)}),
    ("gru", {}, {"weight_ih": (9, 4), "weight_hh": (9, 3), "bias_ih": (9,), "bias_hh": (9,)}),
]


@pytest.mark.parametrize(("kind", "options", "shapes"), LAYOUT, ids=[f"{one[0]}_{one[1]}" for one in LAYOUT])
def test_names_order_and_shapes_are_those_of_pytorch(kind, options, shapes):
    made = declared(CELLS[kind](**options), INPUT, HIDDEN)
    assert [(name, one.shape) for name, one in made.params.items()] == list(shapes.items())


def test_the_gate_orders_are_those_of_pytorch():
    assert "".join(LSTM_GATES) == "ifgo"
    assert "".join(GRU_GATES) == "rzn"


def test_the_forget_bias_starts_at_one_and_every_other_bias_at_zero():
    params, rng = declared(CELLS["lstm"](peepholes=True), INPUT, HIDDEN).params, np.random.default_rng(0)
    np.testing.assert_array_equal(params["bias_ih"].init((12,), rng), [0] * 3 + [1] * 3 + [0] * 6)
    for name in ("bias_hh", "peephole_i", "peephole_f", "peephole_o"):
        assert params[name].init == "zeros"


@pytest.mark.parametrize(("kind", "gates"), [("rnn", 1), ("lstm", 4), ("gru", 3)])
def test_weights_start_gate_by_gate(kind, gates):
    params, rng = declared(CELLS[kind](), 20, 30).params, np.random.default_rng(0)
    recurrent = get(params["weight_hh"].init)((gates * 30, 30), rng)
    for block in np.split(recurrent, gates):
        np.testing.assert_allclose(block @ block.T, np.eye(30), atol=1e-13)
    # The bound is that of one gate's matrix (30, 20); 600 draws come within 5 % of it.
    for block in np.split(get(params["weight_ih"].init)((gates * 30, 20), rng), gates):
        assert 0.95 < np.abs(block).max() / np.sqrt(6 / 50) <= 1


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (
            "rnn",
            {"nonlinearity": "tan"},
            "nonlinearity is 'tan'; expected one of tanh, relu, sigmoid, identity",
        ),
        ("rnn", {"nonlinear": "tanh"}, "no option 'nonlinear'; did you mean 'nonlinearity'"),
        ("lstm", {"peephole": True}, "cell 'lstm' has no option 'peephole'; did you mean 'peepholes'"),
        ("lstm", {"proj_size": -1}, "proj_size is -1; expected an integer of at least 0"),
        ("lstm", {"proj_size": 1.5}, "proj_size is 1.5"),
        ("lstm", {"bias": 1}, "bias is 1; expected True or False"),
        ("gru", {"reset": "later"}, "reset is 'later'; expected one of after, before"),
    ],
)
def test_a_wrong_option_is_named(kind, options, words):
    with pytest.raises(ConfigError, match=words):
        CELLS[kind](**options)


def test_a_projection_must_be_narrower_than_the_cell():
    with pytest.raises(ConfigError, match="proj_size is 3; expected less than hidden_size 3"):
        declared(CELLS["lstm"](proj_size=3), 4, 3)


def test_a_sequence_of_no_steps_gives_no_outputs_and_the_initial_state():
    cell, params, state, _ = make("lstm", {"proj_size": 2})
    outputs, final = eager.run(cell, params, np.zeros((0, INPUT)), state)
    assert outputs.shape == (0, 2)
    for name, value in state.items():
        np.testing.assert_array_equal(final[name], value)


class InPlace(Cell):
    """A cell that changes its state in place, which no equation does."""

    def state(self, size):
        return CELLS["rnn"]().state(size)

    def step(self, x, state, p):
        h = state.h
        h += 1
        return h, {"h": h}


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda cell, p, x, s: eager.run(cell, p, x.astype(int), s), DTypeError, "int64"),
        (lambda cell, p, x, s: eager.run(cell, p, x[0], s), ShapeError, "expected \\(T, F\\)"),
        (lambda cell, p, x, s: eager.run(cell, p, x), ConfigError, "hidden_size"),
        (
            lambda cell, p, x, s: eager.run(cell, {**p, "bias": 0}, x, hidden_size=3),
            ConfigError,
            "no parameter 'bias'",
        ),
        (lambda cell, p, x, s: eager.run(cell, {}, x, hidden_size=3), ConfigError, "'weight_ih' is missing"),
        (
            lambda cell, p, x, s: eager.run(cell, p, x, {**s, "c": s["h"]}),
            ConfigError,
            "state 'c' is missing",
        ),
        (lambda cell, p, x, s: eager.run(InPlace(), {}, x, s), ValueError, "read-only"),
    ],
)
def test_a_wrong_eager_call_is_named(call, error, words):
    cell, params, state, x = make("gru", {})
    with pytest.raises(error, match=words):
        call(cell, params, x, state)
