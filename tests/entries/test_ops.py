"""The ops over entries: eager values by hand, the engine's values and gradients, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import _core, eager, ops
from ostinato.entry_values import EntryValues
from tests.entries.cells import param
from tests.slopes import RELATIVE, slope

WIDTH, HIDDEN = 4, 4
rng = np.random.default_rng(5)
ENTRIES = rng.normal(size=(6, WIDTH))


def entries(count: int = 6) -> EntryValues:
    return EntryValues("source", ENTRIES[:count])


def test_every_op_over_entries_stands_in_the_core() -> None:
    assert set(ops.entries.TABLE) == {name for name in _core.op_names() if name.startswith("entries_")}


@pytest.mark.parametrize("count", [0, 1, 6])
def test_eager_values(count: int) -> None:
    v, some = entries(count), ENTRIES[:count]
    e = ops.entries
    assert np.array_equal(e.sum(v), some.sum(0))
    assert np.allclose(e.mean(v), some.mean(0) if count else 0, rtol=0, atol=1e-15)
    assert np.array_equal(e.max(v), some.max(0) if count else np.zeros(WIDTH))
    with np.errstate(divide="ignore"):
        assert np.allclose(e.logsumexp(v), np.log(np.exp(some).sum(0)))
    assert np.allclose(e.softmax(v).values, np.exp(some) / np.exp(some).sum(0))
    assert e.count(v) == count
    assert np.array_equal(e.position(v).values, np.arange(count))
    assert np.array_equal(e.argmax(v), some.argmax(0) if count else np.zeros(WIDTH))
    assert np.array_equal(e.argmax(0.0 * v - 1.0), np.zeros(WIDTH))  # of equal ones, the first
    for by in (-7, -1, 0, 2, 6):
        moved = [some[at - by] if 0 <= at - by < count else np.zeros(WIDTH) for at in range(count)]
        assert np.array_equal(e.shift(v, by).values, np.reshape(moved, (count, WIDTH)))
    assert np.array_equal(e.window(v, 1).values[:, WIDTH : 2 * WIDTH], some)
    row = np.arange(WIDTH) + 1.0
    assert np.array_equal((row * v - 1).values, row * some - 1)
    matrix = rng.normal(size=(3, WIDTH))
    assert np.allclose((matrix @ v).values, some @ matrix.T)
    assert np.allclose(ops.dot(row, v).values, some @ row)
    assert np.allclose(ops.layer_norm(v).values, ops.layer_norm(some))
    assert ops.concat(v, row).values.shape == (count, 2 * WIDTH)
    assert v[1:3].values.shape == (count, 2)


Equation = Callable[[Any, Any, Any], Any]

# What the step makes of h (HIDDEN,), the memory (WIDTH,) and parameters: a value of the row (HIDDEN,).
EQUATIONS: dict[str, Equation] = {
    "sum": lambda h, m, p: ops.entries.sum(h * m),
    "mean": lambda h, m, p: ops.entries.mean(ops.tanh(h + m)),
    "max": lambda h, m, p: ops.entries.max(m * p.v + h),
    "logsumexp": lambda h, m, p: ops.entries.logsumexp(h * m + p.v),
    "softmax": lambda h, m, p: ops.entries.sum(ops.entries.softmax(h * m) * ops.sin(m)),
    "softmax of a number": lambda h, m, p: ops.entries.sum(ops.entries.softmax(ops.dot(h, m)) * m),
    "count": lambda h, m, p: ops.entries.sum(m * h) / (1.0 + ops.entries.count(m)),
    "position": lambda h, m, p: ops.entries.sum(ops.sin(h + ops.entries.position(m)) * m),
    "shift": lambda h, m, p: ops.entries.sum(ops.entries.shift(m, 1) * ops.entries.shift(h * m, -2)),
    "a shift beyond the ends": lambda h, m, p: ops.entries.sum(ops.entries.shift(m * h, 3) + m),
    "window": lambda h, m, p: ops.entries.sum(
        ops.entries.window(ops.dot(h, m), 1)[:1] * m + ops.sum(ops.entries.window(m, 1))
    ),
    "a product": lambda h, m, p: ops.entries.sum(ops.sigmoid(p.W @ m + h)),
    "a product of a product": lambda h, m, p: ops.entries.sum(ops.tanh(p.W @ ops.tanh(p.W @ m + h))),
    "a product with a transpose": lambda h, m, p: ops.entries.sum(p.W.T @ (h * m)),
    "of a sum": lambda h, m, p: ops.entries.sum(m * ops.tanh(ops.entries.mean(m * h) + p.v)),
    "a sum of a sum": lambda h, m, p: ops.entries.sum(
        ops.entries.softmax(ops.sum(h * m) + ops.entries.sum(ops.sum(m * m)))
        * (m - ops.entries.mean(m) * ops.entries.max(ops.sum(m * h)))
    ),
    "concat": lambda h, m, p: ops.entries.sum(ops.tanh(p.V @ ops.concat(h, m, p.v))),
    "slices": lambda h, m, p: ops.concat(ops.entries.sum(m[:2] * h[1]), ops.entries.max(m[2:] * h[:2])),
    "norms": lambda h, m, p: ops.entries.sum(ops.layer_norm(m * p.v + h) * ops.rms_norm(m - h)),
    "rows of features": lambda h, m, p: ops.entries.sum(
        ops.softmax(h * m) * ops.max(m + h) + ops.logsumexp(m * h)
    ),
    "where": lambda h, m, p: ops.entries.sum(ops.where(m > h, m * h, ops.square(h))),
    "heads": lambda h, m, p: ops.entries.sum(
        ops.reshape(
            ops.reshape(ops.entries.softmax(ops.sum(ops.reshape(m * h, (2, 2)))), (2, 1))
            * ops.reshape(m, (2, 2)),
            (4,),
        )
    ),
    "a parameter alone": lambda h, m, p: ops.entries.sum(p.v + 0.0 * m) + 0.1 * h,
    "the memory alone": lambda h, m, p: ops.entries.sum(m) + 0.5 * ops.tanh(h),
    "argmax": lambda h, m, p: ops.entries.sum(m * h) + 0.1 * ops.entries.argmax(m * p.v + h),
}


class Reads(ost.Cell):
    """h' = tanh(W_x x + f(h, memory)); the output is h' and, once more, f."""

    def __init__(self, *, equation: str = "sum") -> None:
        self.equation = equation

    def memories(self, size: Any) -> dict[str, ost.Memory]:
        return {"source": ost.Memory(WIDTH)}

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        of = {"W": param(4, 4), "V": param(4, 12), "v": param(4)}
        used = used_by(EQUATIONS[self.equation])
        return {"W_x": param(size.hidden, size.input), **{name: of[name] for name in of if name in used}}

    def state(self, size: Any) -> dict[str, ost.State]:
        return {"h": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any, memory: Any) -> Any:
        read = EQUATIONS[self.equation](state.h, memory.source, p)
        h = ops.tanh(p.W_x @ x + read)
        return ops.concat(h, ops.sin(read)), {"h": h}


def used_by(equation: Equation) -> set[str]:
    """The parameters that an equation reads."""

    class Watch:
        def __init__(self) -> None:
            self.seen: set[str] = set()

        def __getattr__(self, name: str) -> Any:
            self.seen.add(name)
            return {"W": np.ones((4, 4)), "V": np.ones((4, 12)), "v": np.ones(4)}[name]

    watch = Watch()
    equation(np.ones(4), EntryValues("source", np.ones((2, 4))), watch)
    return watch.seen


STEPS, COUNTS = [4, 2, 3], [5, 1, 3]


@pytest.mark.parametrize("name", EQUATIONS)
def test_the_engine_computes_and_differentiates_every_op(name: str) -> None:
    net = ost.Recurrent(Reads, 3, HIDDEN, equation=name, dtype="float64", seed=3)
    x = {"x": rng.normal(size=(3, 4, 3)), "source": rng.normal(size=(3, 5, WIDTH))}
    for row in range(3):
        x["x"][row, STEPS[row] :] = x["source"][row, COUNTS[row] :] = np.nan
    of = {"time": STEPS, "source": COUNTS}
    run = net.run(x, lengths=of, training=True)
    p = {name.removesuffix("_l0"): value for name, value in net.parameters().items()}
    assert isinstance(net.cell, ost.Cell)
    for row in range(3):
        read = {"source": x["source"][row, : COUNTS[row]]}
        wanted, _ = eager.run(net.cell, p, x["x"][row, : STEPS[row]], hidden_size=HIDDEN, memories=read)
        np.testing.assert_allclose(run.outputs[row, : STEPS[row]], wanted, rtol=0, atol=1e-12)
        np.testing.assert_allclose(net(x, lengths=of)[row, : STEPS[row]], wanted, rtol=0, atol=1e-12)
    d = rng.normal(size=run.outputs.shape)
    for row in range(3):
        d[row, STEPS[row] :] = 0
    grads = run.backward(d)

    def loss() -> float:
        return float((net(x, lengths=of) * d).sum())

    for key, value in net.parameters().items():
        np.testing.assert_allclose(
            grads.params[key], slope(loss, value), rtol=RELATIVE, atol=1e-8, err_msg=key
        )
    for key, value in x.items():
        valid = ~np.isnan(value)
        np.testing.assert_allclose(
            grads.inputs[key][valid], slope(loss, value)[valid], rtol=RELATIVE, atol=1e-8, err_msg=key
        )


@pytest.mark.parametrize("name", EQUATIONS)
def test_tangents_are_directional_differences(name: str) -> None:
    net = ost.Recurrent(Reads, 3, HIDDEN, equation=name, dtype="float64", seed=3)
    (program,) = net.programs.values()
    tangent = program.tangent()
    core = _core.Network("float64")
    ports = [core.input(key, "time", 3) for key in ("x", "d_x")]
    memories = [core.input(key, "source", WIDTH) for key, _ in tangent.memories]
    sizes = [int(np.prod(shape)) for _, shape in tangent.params]
    offsets = [16 * (1 + max(sizes)) * place for place in range(len(sizes))]
    first = core.layer(tangent, ports, offsets, memories=memories)
    core.finish([("y", first), ("d_y", core.layer_output(first, "d_output"))])
    arena = np.zeros(offsets[-1] + max(sizes) + 16)
    points, directions = {}, {}
    for (key, _), size, at in zip(tangent.params, sizes, offsets, strict=True):
        arena[at : at + size] = 0.5 * rng.normal(size=size)
        (directions if key.startswith("d_") else points)[key.removeprefix("d_")] = arena[at : at + size]
    x, d_x = rng.normal(size=(2, 2, 3, 3))
    source, d_source = rng.normal(size=(2, 2, 4, WIDTH))
    given = {"source": source, "d_source": d_source}
    states: list[Any] = [None] * len(tangent.states)
    arrays = [x, d_x, *(given[key] for key, _ in tangent.memories)]
    _, found = core.run((arena, arrays, None, states), False).outputs
    cell = Reads(equation=name)

    def at(h: float) -> Any:
        moved = {key: value + h * directions[key] for key, value in points.items()}
        shapes = {key: tuple(shape) for key, shape in tangent.params}
        p = {key: value.reshape(shapes[key]) for key, value in moved.items()}
        rows = []
        for row in range(2):
            read = {"source": source[row] + h * d_source[row]}
            rows.append(eager.run(cell, p, x[row] + h * d_x[row], hidden_size=HIDDEN, memories=read)[0])
        return np.stack(rows)

    np.testing.assert_allclose(found, (at(1e-5) - at(-1e-5)) / 2e-5, rtol=1e-6, atol=1e-8)
