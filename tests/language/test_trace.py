"""Steps recorded as programs: operators, NumPy functions, names, places, sizes."""

import inspect
import os

import numpy as np
import pytest

import ostinato
from ostinato import _core, losses, ops
from ostinato.cell import Cell, Param, State
from ostinato.dims import named
from ostinato.discover import leaves
from ostinato.ops.table import TABLE
from ostinato.plugins.registry import registry
from ostinato.trace import trace_cell, trace_loss, trace_step
from tests.cell_table import CASES
from tests.language.op_cases import M, W, X

SIZE = named({"n": 9, "rows": 4})
INPUTS = {"x": (SIZE["n"],), "y": (SIZE["n"],), "m": (3, 5), "s": (), "id": "index"}
PARAMS = {"w": Param((SIZE["rows"], SIZE["n"]))}

# op, the step's equation, the feature shape of its result
EQUATIONS = [
    *[
        (name, (lambda call: lambda x, y, m, s, id, w: call(x))(getattr(ops, name)), (9,))
        for name in (
            "neg exp log sqrt abs sign round floor sigmoid tanh relu leaky_relu elu softplus silu gelu erf "
            "sin cos lgamma digamma stop_gradient"
        ).split()
    ],
    *[
        (name, (lambda call: lambda x, y, m, s, id, w: call(x, y))(getattr(ops, name)), (9,))
        for name in (
            "add sub mul div pow minimum maximum logaddexp polygamma "
            "less less_equal greater greater_equal equal not_equal"
        ).split()
    ],
    ("clip", lambda x, y, m, s, id, w: ops.clip(x, -1, 0.5), (9,)),
    ("where", lambda x, y, m, s, id, w: ops.where(x > 0, y, 0.0), (9,)),
    ("matmul", lambda x, y, m, s, id, w: w @ x, (4,)),
    ("product", lambda x, y, m, s, id, w: m @ y[:5], (3,)),
    ("product", lambda x, y, m, s, id, w: m.T @ y[:3], (5,)),
    ("product", lambda x, y, m, s, id, w: m @ m.T, (3, 3)),
    ("product", lambda x, y, m, s, id, w: w @ w.T, (4, 4)),
    ("outer", lambda x, y, m, s, id, w: ops.outer(x, w @ y), (9, 4)),
    ("transpose", lambda x, y, m, s, id, w: ops.transpose(m), (5, 3)),
    ("dot", lambda x, y, m, s, id, w: x @ y, ()),
    ("lookup", lambda x, y, m, s, id, w: ops.lookup(w, id), (9,)),
    ("pick", lambda x, y, m, s, id, w: ops.pick(x, id), ()),
    ("one_hot", lambda x, y, m, s, id, w: ops.one_hot(id, 6), (6,)),
    ("take", lambda x, y, m, s, id, w: ops.take(x, y[:4]), (4,)),
    ("slice", lambda x, y, m, s, id, w: x[2:5], (3,)),
    ("concat", lambda x, y, m, s, id, w: ops.concat(x, y), (18,)),
    ("broadcast_to", lambda x, y, m, s, id, w: ops.broadcast_to(s, (7,)), (7,)),
    ("reshape", lambda x, y, m, s, id, w: ops.reshape(m, (5, -1)), (5, 3)),
    *[
        (name, (lambda call: lambda x, y, m, s, id, w: call(m))(getattr(ops, name)), (3,))
        for name in ("sum", "mean", "max", "logsumexp")
    ],
    ("sum", lambda x, y, m, s, id, w: ops.sum(m, keepdims=True), (3, 1)),
    ("sum_first", lambda x, y, m, s, id, w: ops.sum(m, axis=0), (5,)),
    ("sum_first", lambda x, y, m, s, id, w: ops.sum(m, keepdims=True, axis=-2), (1, 5)),
    ("argmax", lambda x, y, m, s, id, w: ops.one_hot(ops.argmax(x), 9), (9,)),
    *[
        (name, (lambda call: lambda x, y, m, s, id, w: call(m))(getattr(ops, name)), (3, 5))
        for name in ("softmax", "log_softmax", "layer_norm", "rms_norm")
    ],
]


def traced(equation, params=PARAMS, inputs=INPUTS):
    """Trace one equation of (x, y, m, s, id, w) whose parameter w need not be used."""

    def step(x, y, m, s, id, state, p):
        result = equation(x, y, m, s, id, p.w)
        return result + 0.0 * ops.sum(p.w @ x), {}

    return trace_step("test", step, inputs, params, {}, SIZE)


@pytest.mark.parametrize(
    ("name", "equation", "shape"), EQUATIONS, ids=[f"{i}_{one[0]}" for i, one in enumerate(EQUATIONS)]
)
def test_each_op_is_recorded_with_its_shape_and_comes_back_from_text(name, equation, shape):
    program = traced(equation)
    assert [tuple(size) for _, size in program.outputs] == [shape]
    again = _core.Program(program.to_json())
    assert again.to_json() == program.to_json()
    assert again.hash == program.hash
    assert str(again)


def test_every_op_of_the_table_has_an_equation_here():
    assert {one[0] for one in EQUATIONS} == set(TABLE)


# Two ways to write one thing: the programs are the same text.
SPELLINGS = [
    (lambda x, y, w: np.tanh(x), lambda x, y, w: ops.tanh(x)),
    (lambda x, y, w: np.exp(x) * np.float64(2.0), lambda x, y, w: ops.exp(x) * 2),
    (lambda x, y, w: np.float32(0.5) - x, lambda x, y, w: ops.sub(0.5, x)),
    (lambda x, y, w: np.maximum(x, y), lambda x, y, w: ops.maximum(x, y)),
    (lambda x, y, w: np.less(x, y), lambda x, y, w: x < y),
    (lambda x, y, w: np.absolute(x), lambda x, y, w: abs(x)),
    (lambda x, y, w: np.square(x), lambda x, y, w: x * x),
    (lambda x, y, w: x**2, lambda x, y, w: ops.square(x)),
    (lambda x, y, w: np.power(x, 3.0), lambda x, y, w: x**3.0),
    (lambda x, y, w: np.matmul(w, x), lambda x, y, w: w @ x),
    (lambda x, y, w: x @ w.T, lambda x, y, w: w @ x),
    (lambda x, y, w: ops.matmul(w.T, w @ x), lambda x, y, w: (w @ x) @ w),
    (lambda x, y, w: w.T @ (w @ x), lambda x, y, w: (w @ x) @ w),
    (lambda x, y, w: +x + -y, lambda x, y, w: ops.add(x, ops.neg(y))),
    (lambda x, y, w: 2 > x, lambda x, y, w: x < 2.0),
    (lambda x, y, w: x[-3:], lambda x, y, w: x[6:9]),
    (lambda x, y, w: x[-1], lambda x, y, w: x[8]),
    (lambda x, y, w: ops.concat([x, y]), lambda x, y, w: ops.concat(x, y)),
    (lambda x, y, w: ops.split(x, 3)[0], lambda x, y, w: ops.split(x, [3, 3, 3])[0]),
    (lambda x, y, w: 1 / x, lambda x, y, w: ops.reciprocal(x)),
    (lambda x, y, w: 2**x, lambda x, y, w: ops.pow(2, x)),
    (lambda x, y, w: x // 2, lambda x, y, w: np.floor(x / 2)),
    (lambda x, y, w: x % y, lambda x, y, w: x - y * ops.floor(x / y)),
    (lambda x, y, w: np.rint(x), lambda x, y, w: ops.round(x)),
    (lambda x, y, w: w.T @ w.T.T, lambda x, y, w: ops.transpose(w) @ w),
    (lambda x, y, w: ops.sum(w, axis=1), lambda x, y, w: ops.sum(w)),
]


@pytest.mark.parametrize(("one", "other"), SPELLINGS, ids=[str(i) for i in range(len(SPELLINGS))])
def test_two_spellings_record_the_same_program(one, other):
    programs = [traced(lambda x, y, m, s, id, w, call=call: call(x, y, w)) for call in (one, other)]
    assert programs[0].to_json() == programs[1].to_json()


@pytest.mark.parametrize(("one", "other"), SPELLINGS, ids=[str(i) for i in range(len(SPELLINGS))])
def test_two_spellings_compute_the_same_eagerly(one, other):
    x, y = np.abs(X) + 0.1, np.ones(9)
    np.testing.assert_array_equal(np.asarray(one(x, y, W), float), np.asarray(other(x, y, W), float))


ARRAYS = [
    (lambda x, w: x * np.arange(9.0), lambda x: x * np.arange(9.0)),
    (lambda x, w: np.arange(9.0) - x, lambda x: np.arange(9.0) - x),
    (lambda x, w: np.arange(36.0).reshape(4, 9) @ x, lambda x: np.arange(36.0).reshape(4, 9) @ x),
    (lambda x, w: x @ np.arange(36.0).reshape(9, 4), lambda x: x @ np.arange(36.0).reshape(9, 4)),
    (lambda x, w: x @ np.full(9, 3), lambda x: x @ np.full(9, 3.0)),
    (lambda x, w: ops.where(x > 0, np.arange(9), x), lambda x: np.where(x > 0, np.arange(9.0), x)),
]


@pytest.mark.parametrize(("step", "formula"), ARRAYS, ids=[str(i) for i in range(len(ARRAYS))])
def test_an_array_in_a_step_is_a_constant_of_the_program(step, formula):
    class Fixed(Cell):
        def parameters(self, size):
            return {"w": Param((1, size.input))}

        def state(self, size):
            return {}

        def step(self, x, state, p):
            return ops.reshape(step(x, p.w), (-1,)) + 0.0 * (p.w @ x), {}

    net = ostinato.Recurrent(Fixed, 9, 2, dtype="float64")
    np.testing.assert_allclose(net(X[None, None])[0, 0], np.ravel(formula(X)), rtol=1e-14)


def test_layer_norm_with_weight_and_bias_is_composed():
    program = traced(lambda x, y, m, s, id, w: ops.layer_norm(x, y, s))
    assert [tuple(size) for _, size in program.outputs] == [(9,)]
    assert M.shape == (3, 5)


CELLS = [(kind, options) for kind, options, _ in CASES]


@pytest.mark.parametrize(("kind", "options"), CELLS, ids=[f"{kind}_{options}" for kind, options in CELLS])
def test_each_cell_is_traced_with_its_parameters_and_states(kind, options):
    cell = leaves("ostinato.cells", Cell)[kind](**options)
    traced_cell = trace_cell(cell, 5, 3)
    program = traced_cell.program
    assert program.name == kind
    assert program.inputs == [("x", [5], False)]
    assert [(name, tuple(size)) for name, size in program.params] == [
        (name, one.shape) for name, one in traced_cell.params.items()
    ]
    assert [(name, tuple(size)) for name, size in program.states] == list(traced_cell.states.items())
    sizes = {"crf_scores": 3 + 3 * 3}
    assert traced_cell.output_size == sizes.get(kind, options.get("proj_size", 3))
    assert {name: traced_cell.options[name] for name in options} == options
    assert _core.Program(program.to_json()).hash == program.hash


def test_a_printed_program_has_the_names_of_the_equations():
    text = str(trace_cell(leaves("ostinato.cells", Cell)["gru"](), 5, 3).program)
    for word in (
        "weight_ih",
        "weight_hh",
        "bias_hh",
        "a_r",
        "u_n",
        "r = ",
        "z = ",
        "n = ",
        "sigmoid",
        "tanh",
        "hidden",
    ):
        assert word in text, text


class Reused(Cell):
    """A cell that uses one name twice."""

    def parameters(self, size):
        return {"w": Param((size.hidden, size.input))}

    def state(self, size):
        return {"h": State(size.hidden)}

    def step(self, x, state, p):
        z = p.w @ x
        z = ops.sigmoid(z)
        h = z * state.h
        return h, {"h": h}


def test_a_name_used_twice_is_numbered():
    text = str(trace_cell(Reused(), 2, 3).program)
    assert "z_2" in text
    assert "z = " in text


def test_tracing_twice_gives_the_same_text():
    assert trace_cell(Reused(), 2, 3).program.hash == trace_cell(Reused(), 2, 3).program.hash


def test_constants_of_one_value_are_one_node_and_zeros_keep_their_sign():
    one = traced(lambda x, y, m, s, id, w: (x + 2) * (y + 2.0))
    other = traced(lambda x, y, m, s, id, w: (x + 0.0) * (y + -0.0))
    assert one.to_json() != other.to_json()
    assert "-0" in other.to_json()


def test_a_cell_may_add_named_sizes():
    class Wide(Reused):
        def sizes(self, size):
            return {"wide": 2 * size.hidden + 1}

        def parameters(self, size):
            return {"w": Param((size.wide, size.input)), "v": Param((size.hidden, size.wide))}

        def step(self, x, state, p):
            h = p.v @ ops.relu(p.w @ x)
            return h, {"h": h}

    made = trace_cell(Wide(), 2, 3)
    assert made.params["w"].shape == (7, 2)
    assert made.program.sizes == {"input": 2, "hidden": 3, "wide": 7}
    assert "wide" in str(made.program)


def test_a_state_may_be_a_matrix():
    class Memory(Cell):
        def state(self, size):
            return {"m": State((size.hidden, size.input))}

        def step(self, x, state, p):
            m = state.m * 0.5 + x
            return ops.sum(m), {"m": m}

    made = trace_cell(Memory(), 2, 3)
    assert made.states == {"m": (3, 2)}
    assert made.output_size == 3


@pytest.mark.parametrize(
    ("name", "options", "target", "expected"),
    [
        ("cross_entropy", {}, None, [("y", [4], False), ("target", [], True)]),
        ("mse", {}, None, [("y", [4], False), ("target", [4], False)]),
        ("mse", {"half": True}, (), [("y", [4], False), ("target", [], False)]),
    ],
)
def test_each_loss_is_traced_to_one_number(name, options, target, expected):
    program = trace_loss(registry.make("loss", name, losses.Loss, options), 4, target)
    assert program.inputs == expected
    assert [tuple(size) for _, size in program.outputs] == [()]


def test_a_traced_value_has_a_shape_of_sizes():
    seen = {}

    class Look(Reused):
        def step(self, x, state, p):
            seen["x"], seen["w"], seen["len"], seen["ndim"] = x.shape, p.w.shape, len(x), p.w.ndim
            seen["pieces"] = [one.shape[0].text for one in ops.split(ops.concat(state.h, state.h), 2)]
            seen["repr"] = repr(p.w), repr(p)
            return super().step(x, state, p)

    trace_cell(Look(), 2, 3)
    assert [one.text for one in seen["x"]] == ["input"]
    assert [int(one) for one in seen["w"]] == [3, 2]
    assert (seen["len"], seen["ndim"]) == (2, 2)
    assert seen["repr"] == ("<traced 'w': (hidden, input) = (3, 2)>", "<parameters of cell 'look': w>")


def test_getattr_with_a_default_works_for_a_param():
    class Optional(Reused):
        def step(self, x, state, p):
            assert getattr(p, "bias", None) is None
            assert not hasattr(p, "bias")
            assert "bias" not in p
            assert list(p) == ["w"]
            return super().step(x, state, p)

    trace_cell(Optional(), 2, 3)


def test_the_line_of_an_error_is_the_authors():
    class Wrong(Reused):
        def step(self, x, state, p):
            z = ops.layer_norm(x) + state.h  # the line at fault
            return z, {"h": z}

    with pytest.raises(ostinato.ShapeError) as caught:
        trace_cell(Wrong(), 2, 3)
    source, first = inspect.getsourcelines(Wrong.step)
    line = first + next(i for i, text in enumerate(source) if "at fault" in text)
    assert f"{os.path.basename(__file__)}:{line}: z = ops.layer_norm(x) + state.h" in str(caught.value)
    assert "cell 'wrong'" in str(caught.value)
