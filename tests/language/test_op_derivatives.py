"""Every op of the table in the engine: its value, adjoint and tangent, as a value of rows and of parameters.

The derivatives are compared with central differences of the eager form. A row in `op_cases` is all that a new
op needs.
"""

import numpy as np
import pytest

from ostinato import Param, _core, ops
from ostinato.cell import State
from ostinato.trace import trace_step
from tests.language.op_cases import CASES as OPS
from tests.language.op_cases import W, X

TABLES = {"matmul", "lookup"}  # their first operand is a parameter in any case
# the ops on ids, here with an id that is computed: the position of the greatest of some numbers
HOT = np.array([0.1, -0.4, 2.0, 0.3])
OF_IDS = [
    ("lookup", lambda w, s: ops.lookup(w, ops.argmax(s)), (W, HOT), lambda w, s: w[2]),
    ("pick", lambda x, s: ops.pick(x, ops.argmax(s)), (X, HOT), lambda x, s: x[2]),
    ("one_hot", lambda s: ops.one_hot(ops.argmax(s), 4), (HOT,), lambda s: np.array([0.0, 0, 1, 0])),
]
CASES = [case for case in OPS if case[0] not in {"lookup", "pick", "one_hot", "argmax"}] + OF_IDS

IDS = [f"{name}-{number}" for number, (name, *_) in enumerate(CASES)]


def smooth(operands, rng):
    """The operands of a case, away from kinks and ties and not so large that differences drown."""
    return [np.clip(one, -3, 3) + rng.uniform(0.05, 0.1, one.shape) for one in operands]


def traced(name, call, operands, in_rows):
    """A program whose one state becomes the flat result of the case; and how its operands are passed."""
    as_row = [in_rows and not (name in TABLES and k == 0) for k in range(len(operands))]
    width = sum(one.size for one, row in zip(operands, as_row, strict=True) if row)
    size = np.size(call(*operands))

    def step(x, state, p):
        parts, at = [], 0
        for k, (one, row) in enumerate(zip(operands, as_row, strict=True)):
            if row:
                parts.append(ops.reshape(x[at : at + one.size], one.shape))
                at += one.size
            else:
                parts.append(p[f"p{k}"])
        # the sum with 0 * x keeps x used, the one with 0 * s makes the result a recurrence
        y = ops.reshape(call(*parts), (size,)) + 0.0 * state.s + 0.0 * ops.sum(x)
        return y, {"s": y}

    params = {
        f"p{k}": Param(one.shape)
        for k, (one, row) in enumerate(zip(operands, as_row, strict=True))
        if not row
    }
    program = trace_step(name, step, {"x": (max(width, 1),)}, params, {"s": State(size)}, {})
    rows = [one.ravel() for one, row in zip(operands, as_row, strict=True) if row]
    x = np.concatenate(rows) if rows else np.zeros(1)
    arena = np.concatenate(
        [one.ravel() for one, row in zip(operands, as_row, strict=True) if not row] or [np.zeros(0)]
    )
    return program, x, arena, as_row


def network(program, width):
    net = _core.Network("float64")
    offsets, end = [], 0
    for _, shape in program.params:
        offsets.append(end)
        end += int(np.prod(shape))
    net.finish([("y", net.layer(program, [net.input("x", "time", width)], offsets))])
    return net


@pytest.mark.parametrize("in_rows", [True, False], ids=["rows", "parameters"])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_engine_computes_what_the_formula_says(case, in_rows):
    name, call, operands, formula = case
    program, x, arena, _ = traced(name, call, operands, in_rows)
    run = network(program, x.size).run((arena, [x[None, None]], None, [None]), False)
    expected = np.ravel(formula(*operands)).astype(float)
    np.testing.assert_allclose(run.outputs[0][0, 0], expected, rtol=1e-12, atol=1e-14)


def numeric(call, operands, d):
    """The gradient of sum(d * call) by central differences."""
    grads = []
    for k, one in enumerate(operands):
        grad = np.zeros(one.shape)
        for at in np.ndindex(one.shape):
            moved = []
            for sign in (1, -1):
                copies = [each.copy() for each in operands]
                copies[k][at] += sign * 1e-6
                moved.append(float(np.sum(d * np.ravel(call(*copies)))))
            grad[at] = (moved[0] - moved[1]) / 2e-6
        grads.append(grad)
    return grads


@pytest.mark.parametrize("in_rows", [True, False], ids=["rows", "parameters"])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_every_op_has_a_right_adjoint_and_tangent(case, in_rows):
    name, call, given, _ = case
    rng = np.random.default_rng(3)
    operands = smooth(given, rng)
    if name == "pow":
        operands[0] = np.abs(operands[0]) + 0.1
    program, x, arena, as_row = traced(name, call, operands, in_rows)
    d = rng.normal(size=np.size(call(*operands)))
    expected = numeric(call, operands, d)
    if name == "stop_gradient":
        expected = [np.zeros_like(one) for one in expected]
    run = network(program, x.size).run((arena, [x[None, None]], None, [None]), True)
    d_arena, (d_x,), _ = run.backward([d[None, None]], None)
    flat = {True: d_x[0, 0], False: d_arena}
    at = {True: 0, False: 0}
    for k, row in enumerate(as_row):
        got = flat[row][at[row] : at[row] + operands[k].size].reshape(operands[k].shape)
        at[row] += operands[k].size
        scale = max(1.0, np.abs(expected[k]).max())
        np.testing.assert_allclose(got, expected[k], atol=2e-7 * scale, err_msg=f"operand {k} of {name}")

    # the tangent in a direction t is the gradient's product with it: the two modes must agree to rounding
    directions = [rng.normal(size=one.shape) for one in operands]
    tangent = tangent_of(program, x, arena, directions, as_row)
    product = sum(np.sum(flat_part * t) for flat_part, t in zip(expected, directions, strict=True))
    scale = 1.0 + sum(np.abs(one).sum() for one in expected)
    assert abs(np.sum(d * tangent) - product) < 1e-6 * scale


def tangent_of(program, x, arena, directions, as_row):
    """The tangent of the result: the final value of d_s, a state of the program's forward mode."""
    forward = program.tangent()
    d_x = np.concatenate(
        [t.ravel() for t, row in zip(directions, as_row, strict=True) if row] or [np.zeros(1)]
    )
    given = {f"p{k}": None for k in range(len(directions))}
    at = 0
    for k, (t, row) in enumerate(zip(directions, as_row, strict=True)):
        if not row:
            given[f"p{k}"] = arena[at : at + t.size]
            given[f"d_p{k}"] = t.ravel()
            at += t.size
    net = _core.Network("float64")
    sequences = {name: net.input(name, "time", x.size) for name in ("x", "d_x")}
    offsets, values, end = [], [], 0
    for name, _ in forward.params:
        offsets.append(end)
        values.append(given[name])
        end += values[-1].size
    inputs = [sequences[name] for name, _, _ in forward.inputs]
    net.finish([("y", net.layer(forward, inputs, offsets))])
    arrays = [x[None, None], d_x[None, None]]
    names = [name for name, _ in forward.states]
    run = net.run((np.concatenate([*values, np.zeros(0)]), arrays, None, [None] * len(names)), False)
    return run.final_state[names.index("d_s")][0]
