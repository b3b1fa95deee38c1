"""Streams of graphs that read values of rows: every step is bit-identical to a whole run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.bad import Bad

ROWS, STEPS = 3, 6


def static() -> ost.Graph:
    """Static features and ids, through layers, at every step."""
    x, site = ost.Input("x", size=2), ost.Input("site", size=9, axis="row")
    kind = ost.Input("kind", ids=5, axis="row")
    code = ost.concat(ost.Dense(9, 8, "tanh")(site), ost.Embedding(5, 3)(kind))
    h = ost.LSTM(2 + 11, 4)(ost.concat(x, ost.repeat(code, x)))
    return ost.Graph(ost.Dense(4 + 11, 2)(ost.concat(h, ost.repeat(code, h))))


def bridged() -> ost.Graph:
    """States that start from values of rows, of one layer of two."""
    kind, x, site = (
        ost.Input("kind", ids=5, axis="row"),
        ost.Input("x", size=2),
        ost.Input("site", size=9, axis="row"),
    )
    start = ost.add(ost.Dense(9, 4, "tanh")(site), ost.Embedding(5, 4)(kind))
    h = ost.GRU(2, 4, 2)(x, initial_state={"h": [start, ost.Dense(4, 4)(start)]})
    return ost.Graph(ost.apply(lambda a, s: a * s[:4], ost.LSTM(4, 4)(h), site))


def operators() -> ost.Graph:
    """No layer with states at all."""
    x, site, kind = (
        ost.Input("x", size=2),
        ost.Input("site", size=9, axis="row"),
        ost.Input("kind", ids=5, axis="row"),
    )
    return ost.Graph(x * site[..., :2] + ost.Embedding(5, 2)(kind))


MAKES: dict[str, Callable[[], ost.Graph]] = {"static": static, "bridged": bridged, "operators": operators}


def made(name: str) -> tuple[ost.Graph, dict[str, Any]]:
    net, rng = MAKES[name](), np.random.default_rng(0)
    net.arena[...] = rng.uniform(-0.7, 0.7, net.arena.shape)
    x = {
        "x": rng.normal(size=(ROWS, STEPS, 2)).astype("float32"),
        "site": rng.normal(size=(ROWS, 9)).astype("float32"),
        "kind": rng.integers(0, 5, ROWS),
    }
    return net, x


def rows_of(x: dict[str, Any]) -> dict[str, Any]:
    return {name: x[name] for name in ("site", "kind")}


@pytest.mark.parametrize("name", MAKES)
def test_each_step_has_the_bits_of_the_run(name: str) -> None:
    net, x = made(name)
    stream = net.stream(ROWS, rows=rows_of(x))
    run = net.run(x)
    for t in range(STEPS):
        assert stream.step(x["x"][:, t]).tobytes() == np.ascontiguousarray(run.outputs[:, t]).tobytes()
    for key, value in run.final_state.items():
        np.testing.assert_array_equal(stream.state[key], value)


@pytest.mark.parametrize("name", MAKES)
def test_a_reset_starts_from_the_value_of_the_row(name: str) -> None:
    net, x = made(name)
    resets = np.random.default_rng(1).random((ROWS, STEPS)) < 0.4
    stream = net.stream(ROWS, rows=rows_of(x))
    outputs = net.run(x, resets=resets).outputs
    for t in range(STEPS):
        found = stream.step(x["x"][:, t], resets=resets[:, t])
        assert found.tobytes() == np.ascontiguousarray(outputs[:, t]).tobytes()


@pytest.mark.parametrize("name", MAKES)
def test_start_and_reset_begin_again(name: str) -> None:
    net, x = made(name)
    other = {**x, "site": x["site"][::-1].copy(), "kind": (x["kind"] + 1) % 5}
    stream = net.stream(ROWS, rows=rows_of(x))
    stream.step(x["x"][:, 3])
    stream.reset()
    assert stream.step(x["x"][:, 0]).tobytes() == np.ascontiguousarray(net(x)[:, 0]).tobytes()
    stream.start(rows_of(other))
    assert stream.step(x["x"][:, 0]).tobytes() == np.ascontiguousarray(net(other)[:, 0]).tobytes()


@pytest.mark.parametrize("name", MAKES)
def test_refresh_computes_the_values_of_rows_again_and_keeps_the_state(name: str) -> None:
    net, x = made(name)
    stream = net.stream(ROWS, rows=rows_of(x))
    stream.step(x["x"][:, 0])
    before = stream.state
    net.arena[...] *= 0.5
    stream.refresh()
    for key, value in stream.state.items():
        np.testing.assert_array_equal(value, before[key])
    fresh = net.stream(ROWS, rows=rows_of(x))
    fresh.state = before
    assert stream.step(x["x"][:, 1]).tobytes() == fresh.step(x["x"][:, 1]).tobytes()


NET, X = made("static")

TABLE = {
    "no values of rows": Bad(lambda: NET.stream(ROWS), ost.ConfigError, ("rows is missing", "'site': ...")),
    "a missing value": Bad(
        lambda: NET.stream(ROWS, rows={"site": X["site"]}), ost.ConfigError, ("rows has no 'kind'",)
    ),
    "an unknown value": Bad(
        lambda: NET.stream(ROWS, rows={**rows_of(X), "sight": 1}), ost.ConfigError, ("'sight'", "'site'")
    ),
    "an array": Bad(
        lambda: NET.stream(ROWS, rows=X["site"]), ost.DTypeError, ("rows is a ndarray", "a dict")
    ),
    "values of other rows": Bad(
        lambda: NET.stream(ROWS + 1, rows=rows_of(X)), ost.ShapeError, ("site is (3, 9)", "(4, 9)")
    ),
    "an id out of range": Bad(
        lambda: NET.stream(ROWS, rows={**rows_of(X), "kind": X["kind"] + 9}),
        ost.ConfigError,
        ("kind holds the id",),
    ),
    "values of rows for a network of a sequence": Bad(
        lambda: ost.GRU(2, 3).stream(2, rows={"site": X["site"]}),
        ost.ConfigError,
        ("rows is given", "omit it"),
    ),
    "a batch of another number type": Bad(
        lambda: NET.stream("3", rows=rows_of(X)), ost.ConfigError, ("batch",)
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_bad_values_of_rows_are_refused(name: str) -> None:
    TABLE[name].check()


def test_values_that_are_refused_leave_the_stream_as_it_was() -> None:
    net, x = made("bridged")
    stream = net.stream(ROWS, rows=rows_of(x))
    stream.step(x["x"][:, 0])
    with pytest.raises(ost.ConfigError):
        stream.start({**rows_of(x), "kind": np.full(ROWS, 7)})
    assert stream.step(x["x"][:, 1]).tobytes() == np.ascontiguousarray(net(x)[:, 1]).tobytes()
