"""What cannot be traced says so: with the cell, the line, and what to write instead."""

import math

import numpy as np
import pytest

from ostinato import losses, ops
from ostinato.cell import Cell, Param, State
from ostinato.errors import ConfigError, ShapeError, TraceError
from ostinato.trace import trace_cell, trace_loss, trace_step


class Base(Cell):
    """A cell whose step is replaced by the tests."""

    name = "odd"

    def parameters(self, size):
        return {"W_x": Param((size.hidden, size.input)), "b": Param((size.hidden,), init="zeros")}

    def state(self, size):
        return {"h": State(size.hidden), "c": State(size.hidden)}

    def equations(self, x, h, p):
        return h

    def step(self, x, state, p):
        h = p.W_x @ x + p.b + state.h
        h = self.equations(x, h, p)
        return h, {"h": h, "c": state.c}


def with_equations(equations):
    cell = Base()
    cell.equations = equations
    return cell


def branch(x, h, p):
    if h[0] > 0:
        return h
    return -h


# equations of (x, h, p), words of the message
UNTRACEABLE = [
    (branch, "if h\\[0\\] > 0.*ops.where"),
    (lambda x, h, p: h if x[0] > 0 and x[1] > 0 else -h, "ops.where"),
    (lambda x, h, p: h * float(h[0]), "'?.*not known while a step is traced"),
    (lambda x, h, p: h * int(h[0]), "not known"),
    (lambda x, h, p: h * math.sqrt(h[0]), "not known"),
    (lambda x, h, p: h + sum(one for one in h), "cannot be iterated.*ops.split"),
    (lambda x, h, p: h * (0.5 in h), "ops.equal"),
    (lambda x, h, p: np.array(h), "no numbers while a step is traced"),
    (lambda x, h, p: np.concatenate([h, h]), "np.concatenate.*ops.concat"),
    (lambda x, h, p: np.where(h > 0, h, 0), "np.where.*ops.where"),
    (lambda x, h, p: np.sum(h) + h, "np.sum.*ops.sum"),
    (lambda x, h, p: np.add.reduce(h) + h, "np.add.reduce.*ops.sum"),
    (lambda x, h, p: np.clip(h, 0, 1), "np.clip.*ops.clip"),
    (lambda x, h, p: np.logaddexp(h, 0), "np.logaddexp.*ops.softplus"),
    (lambda x, h, p: np.arctan(h), "np.arctan.*ostinato.ops"),
    (lambda x, h, p: np.log1p(h), "np.log1p.*ops.log"),
    (lambda x, h, p: np.exp(h, out=np.zeros(3)), "np.exp with out"),
    (lambda x, h, p: (h > 0) & (h < 1), "ops.minimum for and"),
    (lambda x, h, p: ~(h > 0), "1 - cond"),
    (lambda x, h, p: divmod(h, 2)[0], "write a // b and a % b"),
    (lambda x, h, p: np.sort(h), "np.sort of a traced value; the order of elements jumps"),
    (lambda x, h, p: ops.where(h == 0, h, 1.0), "ops.equal"),
    (lambda x, h, p: ops.where(h != x, h, 1.0), "ops.not_equal"),
    (lambda x, h, p: ops.where(True, h, 1.0), "Python True is no value"),
    (lambda x, h, p: h * np.ones(1025), r"array of shape \(1025,\) is not traced.*ost.Const"),
    (lambda x, h, p: h * np.ones((3, 1, 1)), r"array of shape \(3, 1, 1\) is not traced.*up to 2 axes"),
    (lambda x, h, p: h * np.ones(0), r"array of shape \(0,\) is not traced"),
    (lambda x, h, p: h * np.array(["a", "b", "c"]), r"array of <U1 is not traced"),
    (lambda x, h, p: [1.0, 2.0, 3.0] @ h, "@ with list.*expected a value or an array"),
    (lambda x, h, p: h * "2", "'2' is not traced"),
    (lambda x, h, p: h * None, "None is not traced"),
    (lambda x, h, p: h.sum() + h, r"no \.sum; use ops.sum"),
    (lambda x, h, p: h.shapee, "no .shapee"),
    (lambda x, h, p: h[::2], "step 2"),
    (lambda x, h, p: h[[0, 1]], "index \\[0, 1\\]"),
    (lambda x, h, p: h[h], "ops.pick"),
    (lambda x, h, p: h[0][0] + h, "one number and cannot be indexed"),
    (lambda x, h, p: h.__setitem__(0, 1.0), "ops.concat or ops.where"),
    (lambda x, h, p: h.T, "no transpose"),
    (lambda x, h, p: p.W_x.T + 1, "p.W.T @ v"),
    (lambda x, h, p: ops.tanh(p.W_x.T), "p.W.T @ v"),
    (lambda x, h, p: ops.clip(h, h[0], 1), "low of ops.clip is a traced value"),
    (lambda x, h, p: ops.pick(h, 1) + h, "got 1 as index"),
    (lambda x, h, p: ops.pick(h, h[0]) + h, "got numbers .* as index"),
    (lambda x, h, p: h + ops.argmax(h), "got ids .* as b"),
    (lambda x, h, p: p.W_y @ x, "no parameter 'W_y'; did you mean 'W_x'"),
    (lambda x, h, p: p["W_y"] @ x, "no parameter 'W_y'"),
    (lambda x, h, p: setattr(p, "b", h), "cannot be assigned"),
]


@pytest.mark.parametrize(("equations", "words"), UNTRACEABLE, ids=[str(i) for i in range(len(UNTRACEABLE))])
def test_what_cannot_be_recorded_is_a_trace_error_with_a_way_out(equations, words):
    with pytest.raises((TraceError, TypeError), match=f"(?s){words}") as caught:
        trace_cell(with_equations(equations), 2, 3)
    assert isinstance(caught.value, TraceError)
    assert "cell 'odd'" in str(caught.value)


def test_the_message_of_a_branch_names_file_line_and_source():
    line = branch.__code__.co_firstlineno + 1
    with pytest.raises(TraceError, match=rf"test_trace_errors.py:{line}: if h\[0\] > 0:"):
        trace_cell(with_equations(branch), 2, 3)


MISSHAPEN = [
    (lambda x, h, p: h @ p.W_x @ p.W_x, "odd"),
    (lambda x, h, p: p.W_x @ p.W_x, r"product\(W_x, W_x\): .* cannot multiply"),
    (lambda x, h, p: ops.reshape(h, (3, 1)) @ h, r"expected a matrix and a vector, or two matrices"),
    (lambda x, h, p: ops.sum(h, axis=1) * h, r"sum: axis is 1; x is .*, with axes -1 to 0"),
    (lambda x, h, p: h[0] @ h, r"is not defined; @ takes matrices and vectors"),
    (lambda x, h, p: ops.outer(p.W_x, h), r"outer needs two vectors"),
    (lambda x, h, p: ops.transpose(h), r"has no transpose; expected a matrix"),
    (lambda x, h, p: h[0:4], "slice stop 4 is outside a first axis of hidden=3"),
    (lambda x, h, p: h[3], "index 3 is outside"),
    (lambda x, h, p: ops.split(h, 2)[0], "hidden=3 does not divide into 2"),
    (lambda x, h, p: ops.concat(h, h), r"state 'h' with shape .*6.*declares \(hidden,\) = \(3,\)"),
    (lambda x, h, p: ops.sum(h), r"state 'h' with shape \(\)"),
]


@pytest.mark.parametrize(("equations", "words"), MISSHAPEN, ids=[str(i) for i in range(len(MISSHAPEN))])
def test_what_does_not_fit_is_a_shape_error(equations, words):
    with pytest.raises(ShapeError, match=words):
        trace_cell(with_equations(equations), 2, 3)


def test_a_shape_error_of_the_core_has_the_line():
    with pytest.raises(ShapeError, match="x \\+ h"):
        trace_cell(with_equations(lambda x, h, p: x + h), 2, 3)


class Returns(Base):
    """A cell whose step returns a given value."""

    def __init__(self, make):
        self.make = make

    def step(self, x, state, p):
        return self.make(p.W_x @ x + p.b, state)


WRONG_RETURNS = [
    (lambda h, state: h, TraceError, "one value of shape .*expected `return output, "),
    (lambda h, state: None, TraceError, "returns None"),
    (lambda h, state: (h, h), TraceError, "a tuple of 2"),
    (lambda h, state: (h, {"h": h}), TraceError, "does not return the new state 'c'"),
    (
        lambda h, state: (h, {"h": h, "c": h, "hh": h}),
        TraceError,
        "'hh' that state\\(\\) does not declare; did you mean 'h'",
    ),
    (lambda h, state: (1.0, {"h": h, "c": h}), TraceError, "returns 1.0 as output"),
    (lambda h, state: (h, {"h": h, "c": np.zeros(3)}), TraceError, "a ndarray as state 'c'"),
    (lambda h, state: (ops.sum(h), {"h": h, "c": h}), ShapeError, r"output of shape \(\); expected a vector"),
    (lambda h, state: (ops.argmax(h), {"h": h, "c": h}), TraceError, "returns ids as output"),
    (
        lambda h, state: (state.h, {"h": state.h, "c": state.c}),
        TraceError,
        "parameter 'W_x' .* is never used",
    ),
    (lambda h, state: (state.hid, {}), TraceError, "no state 'hid'"),
]


@pytest.mark.parametrize(
    ("make", "error", "words"), WRONG_RETURNS, ids=[str(i) for i in range(len(WRONG_RETURNS))]
)
def test_a_wrong_return_is_named(make, error, words):
    with pytest.raises(error, match=words) as caught:
        trace_cell(Returns(make), 2, 3)
    assert "cell 'returns'" in str(caught.value)


def test_a_value_of_another_trace_is_refused():
    kept = []

    def keep(x, h, p):
        kept.append(h)
        return h

    trace_cell(with_equations(keep), 2, 3)
    with pytest.raises(TraceError, match="belongs to another trace"):
        trace_cell(with_equations(lambda x, h, p: h + kept[0]), 2, 3)


class Declares(Base):
    """A cell with given declarations."""

    def __init__(self, params=None, states=None):
        self.params, self.states = params, states

    def parameters(self, size):
        return self.params(size) if self.params else super().parameters(size)

    def state(self, size):
        return self.states(size) if self.states else super().state(size)


@pytest.mark.parametrize(
    ("cell", "error", "words"),
    [
        (Declares(lambda size: {"W_x": (3, 2)}), ConfigError, r"gives \(3, 2\) for 'W_x'; expected Param"),
        (Declares(lambda size: [1]), ConfigError, "expected a dict of Param"),
        (Declares(None, lambda size: {"h": 3}), ConfigError, "gives 3 for 'h'; expected State"),
        (Declares(lambda size: {"h": Param((size.hidden,))}), ConfigError, "'h' is declared twice"),
        (Declares(lambda size: {"W x": Param((size.hidden,))}), ConfigError, "'W x' is not a name"),
        (
            Declares(lambda size: {"W": Param((size.hiden,))}),
            TraceError,
            "no size 'hiden'; did you mean 'hidden'",
        ),
        (
            Declares(lambda size: {"W": Param((size.hidden / 2,))}),
            ShapeError,
            "not whole; divide sizes with //",
        ),
        (Declares(lambda size: {"W": Param((2, 2, 2))}), ShapeError, "3 axes; expected at most 2"),
        (Declares(lambda size: {"W": Param((0,))}), ShapeError, "below 1"),
        (Declares(lambda size: {"W": Param((2,), init=3)}), ConfigError, "init is 3"),
        (Base, ConfigError, "make an instance"),
        (lambda x: x, ConfigError, "derive it from"),
        (Cell(), ConfigError, "no step"),
    ],
)
def test_a_wrong_declaration_is_named(cell, error, words):
    with pytest.raises(error, match=words):
        trace_cell(cell, 2, 3)


@pytest.mark.parametrize(
    ("sizes", "words"), [((0, 3), "input size is 0"), ((2, -1), "hidden size is -1"), ((2.5, 3), "2.5")]
)
def test_a_size_below_one_is_refused(sizes, words):
    with pytest.raises(ShapeError, match=words):
        trace_cell(Base(), *sizes)


def test_an_input_of_no_size_is_refused():
    with pytest.raises(ShapeError, match="size of 0"):
        trace_step("f", lambda x, state, p: (x, {}), {"x": (0,)}, {}, {}, {})


def test_a_loss_that_is_no_number_is_refused():
    class Pieces(losses.Loss):
        def step(self, y, target):
            return y - target

    with pytest.raises(ShapeError, match=r"loss 'pieces'.*expected one number"):
        trace_loss(Pieces(), 3)
