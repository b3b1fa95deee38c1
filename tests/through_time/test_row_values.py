"""Truncated and checkpointed BPTT of graphs with values of rows, bridges, and sequences on several axes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.bad import Bad
from tests.graphs.makes import MAKES, Case, case, named, state_of

# 16 rows make groups of 8, whose blocks of time have 32 steps.
ROWS, STEPS = 16, 150


def graded(one: Case, way: Any = None, **more: Any) -> dict[str, np.ndarray]:
    """All numbers of a call of `value_and_grad`, with random targets and weights."""
    rng = np.random.default_rng(5)
    dtype = one.net.dtype
    state = state_of(one, rng)
    targets = one.by_output(lambda _, shape: rng.normal(size=shape).astype(dtype))
    weights = one.by_output(lambda _, shape: rng.random(shape[:-1]).astype(dtype))
    loss: Any = {name: "mse" for name in one.axes}
    value, grads = one.net.value_and_grad(
        one.x,
        one.given(targets),
        loss=one.given(loss),
        weights=one.given(weights),
        state=state,
        through_time=way,
        **{**one.ragged, **more},
    )
    found = {"loss": np.array(value), "arena": grads.arena}
    inputs = grads.inputs if isinstance(grads.inputs, dict) else {"x": grads.inputs}
    found |= {f"input {name}": d for name, d in inputs.items() if d is not None}
    found |= {f"initial {name}": d for name, d in grads.initial_state.items()}
    found |= {f"final {name}": d for name, d in grads.final_state.items()}
    return found


def unequal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> list[str]:
    assert found.keys() == expected.keys()
    return [name for name in found if found[name].tobytes() != expected[name].tobytes()]


def least(one: Case) -> int:
    """The least budget, out of the message that names it; 1 if the smallest is accepted."""
    try:
        graded(one, ost.CheckpointedBPTT(1))
    except ost.ConfigError as error:
        found = re.search(r"at least (\d+) bytes", str(error))
        assert found is not None, error
        return int(found[1])
    return 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MAKES)
def test_checkpointed_bptt_of_every_graph_has_the_bits_of_full(name: str, dtype: str) -> None:
    one = case(name, dtype, ROWS, STEPS, resets=True)
    full = graded(one)
    smallest = least(one)
    for budget in (smallest, 2 * smallest, "sqrt", "1GB"):
        assert unequal(graded(one, ost.CheckpointedBPTT(budget)), full) == [], f"budget {budget}"


@pytest.mark.parametrize("name", ["tagger", "context", "bridge", "repeated on the other axis"])
def test_checkpointed_bptt_has_the_same_bits_for_any_number_of_threads(name: str, threads: Any) -> None:
    one = case(name, "float32", 40, STEPS)
    full = graded(one)
    for count in (1, 2, 3, 4):
        threads(count)
        assert unequal(graded(one, ost.CheckpointedBPTT("sqrt")), full) == [], f"{count} threads"


@pytest.mark.parametrize("name", ["tagger", "encoder and decoder, LSTM", "bridge on one axis"])
@pytest.mark.parametrize(("rows", "steps"), [(0, 4), (3, 0), (1, 1)])
def test_checkpointed_bptt_of_next_to_nothing(name: str, rows: int, steps: int) -> None:
    one = case(name, "float64", max(rows, 1), max(steps, 1))
    x = {
        key: value[:rows] if one.input_axes[key] == "row" else value[:rows, :steps]
        for key, value in one.inputs.items()
    }
    given: Any = x if len(x) > 1 else next(iter(x.values()))
    outputs = named(one.net(given))
    targets = {key: np.ones_like(value) for key, value in outputs.items()}
    loss = {key: "mse" for key in outputs}
    arguments = (given, one.given(targets))
    expected = one.net.value_and_grad(*arguments, loss=one.given(loss))
    for budget in ("sqrt", "1GB"):
        found = one.net.value_and_grad(
            *arguments, loss=one.given(loss), through_time=ost.CheckpointedBPTT(budget)
        )
        assert found[0] == expected[0]
        assert found[1].arena.tobytes() == expected[1].arena.tobytes()


def test_checkpointed_bptt_holds_less_than_full() -> None:
    net = ost.Sequential(ost.LSTM(8, 64), ost.Last(), ost.Dense(64, 2))
    plan = ost.CheckpointedBPTT("sqrt").plan(net, 8, 1000, "cross_entropy")
    assert plan.memory < plan.full_memory / 2


# Truncated BPTT. The oracle is the same graph with its values of rows repeated by hand: sequences alone.


def beside(repeated: bool) -> ost.Graph:
    """Static features, through a layer and as they are, and ids, at every step."""
    x = ost.Input("x", size=3)
    axis = "time" if repeated else "row"
    site, kind = ost.Input("site", size=2, axis=axis), ost.Input("kind", ids=5, axis=axis)
    static = ost.concat(ost.Dense(2, 4, "tanh", dtype="float64", seed=1)(site), site)
    static = ost.concat(static, ost.Embedding(5, 3, dtype="float64", seed=2)(kind))
    each = static if repeated else ost.repeat(static, x)
    h = ost.LSTM(3 + 9, 5, dtype="float64", seed=3)(ost.concat(x, each))
    return ost.Graph({"y": ost.Dense(5, 2, dtype="float64", seed=6)(h)})


def data(rows: int = 9, steps: int = 23) -> tuple[dict[str, Any], Any, Any]:
    rng = np.random.default_rng(3)
    x = {
        "x": rng.normal(size=(rows, steps, 3)),
        "site": rng.normal(size=(rows, 2)),
        "kind": rng.integers(0, 5, rows),
    }
    lengths = rng.integers(1, steps + 1, rows)
    lengths[0], lengths[1] = steps, 0
    return x, rng.normal(size=(rows, steps, 2)), lengths


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("way", [(4, 4), (3, 7), (5, 11), (1, 1), (30, 40)])
def test_truncated_bptt_with_static_features_repeats_them(way: tuple[int, int], resets: bool) -> None:
    x, targets, lengths = data()
    steps = targets.shape[1]
    by_hand = {**x, **{name: np.repeat(x[name][:, None], steps, 1) for name in ("site", "kind")}}
    options: dict[str, Any] = {
        "loss": {"y": "mse"},
        "lengths": lengths,
        "through_time": ost.TruncatedBPTT(*way),
    }
    if resets:
        options["resets"] = np.random.default_rng(8).random(targets.shape[:2]) < 0.15
    net, other = beside(False), beside(True)
    net.load_state_dict(other.state_dict())
    value, grads = net.value_and_grad(x, {"y": targets}, **options)
    expected, wanted = other.value_and_grad(by_hand, {"y": targets}, **options)
    assert value == pytest.approx(expected, rel=1e-12)
    for name, gradient in wanted.params.items():
        np.testing.assert_allclose(grads.params[name], gradient, rtol=0, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(grads.inputs["x"], wanted.inputs["x"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(grads.inputs["site"], wanted.inputs["site"].sum(1), rtol=0, atol=1e-12)
    for name, final in wanted.final_state.items():
        np.testing.assert_allclose(grads.final_state[name], final, rtol=0, atol=1e-12)


def started(layers: int = 1) -> tuple[ost.Graph, ost.Graph, ost.Graph]:
    """A layer that starts from a value of rows; that layer alone; and what makes the value."""

    def parts() -> tuple[Any, Any, Any]:
        gru = ost.GRU(3, 5, layers, dtype="float64", seed=1)
        start = [ost.Dense(2, 5, "tanh", dtype="float64", seed=2 + n) for n in range(layers)]
        return gru, start, ost.Dense(5, 2, dtype="float64", seed=9)

    x, r = ost.Input("x", size=3), ost.Input("r", size=2, axis="row")
    gru, start, head = parts()
    whole = ost.Graph({"y": head(gru(x, initial_state={"h": [one(r) for one in start]}))})
    gru, _, head = parts()
    alone = ost.Graph({"y": head(gru(x))})
    _, start, _ = parts()
    return whole, alone, ost.Graph({f"h{n}": one(r) for n, one in enumerate(start)})


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("way", [(4, 4), (3, 7), (5, 11)])
def test_truncated_bptt_starts_from_values_of_rows_at_step_0(way: tuple[int, int], layers: int) -> None:
    whole, alone, start = started(layers)
    rng = np.random.default_rng(4)
    x, targets, lengths = data()
    r = rng.normal(size=(len(targets), 2))
    options: dict[str, Any] = {
        "loss": {"y": "mse"},
        "lengths": lengths,
        "through_time": ost.TruncatedBPTT(*way),
    }
    value, grads = whole.value_and_grad({"x": x["x"], "r": r}, {"y": targets}, **options)
    run = start.run(r, training=True)
    made = [run.outputs[f"h{n}"] for n in range(layers)] if layers > 1 else [named(run.outputs)["h0"]]
    expected, wanted = alone.value_and_grad(x["x"], {"y": targets}, state={"0.h": np.stack(made)}, **options)
    d = {f"h{n}": wanted.initial_state["0.h"][n] for n in range(layers)}
    of_start = run.backward(d)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(grads.inputs["x"], wanted.inputs, rtol=0, atol=1e-12)
    np.testing.assert_allclose(grads.inputs["r"], of_start.inputs, rtol=0, atol=1e-12)
    ours = sorted(map(np.linalg.norm, grads.params.values()))
    theirs = sorted(map(np.linalg.norm, [*wanted.params.values(), *of_start.params.values()]))
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def test_the_loss_of_a_value_of_rows_is_counted_once() -> None:
    x, s = ost.Input("x", size=3), ost.Input("s", size=2, axis="row")
    code = ost.Dense(2, 4, "tanh", dtype="float64", seed=1)(s)
    h = ost.GRU(7, 4, dtype="float64", seed=2)(ost.concat(x, ost.repeat(code, x)))
    net = ost.Graph(
        {
            "y": ost.Dense(4, 2, dtype="float64", seed=3)(h),
            "code": ost.Dense(4, 1, dtype="float64", seed=4)(code),
        }
    )
    given, targets, lengths = data()
    inputs = {"x": given["x"], "s": given["site"]}
    wanted = {"y": targets, "code": np.ones((len(targets), 1))}
    losses = {"y": "mse", "code": "mse"}
    full = net.value_and_grad(inputs, wanted, loss=losses, lengths=lengths)
    for way in ((4, 4), (3, 7)):
        options = {"lengths": lengths, "through_time": ost.TruncatedBPTT(*way)}
        value, grads = net.value_and_grad(inputs, wanted, loss=losses, **options)
        assert grads.losses["code"] == full[1].losses["code"]
        assert value == pytest.approx(full[0], rel=1e-12)
        of_steps = net.value_and_grad(inputs, {"y": targets}, loss={"y": "mse"}, **options)[1]
        of_rows = net.value_and_grad(inputs, {"code": wanted["code"]}, loss={"code": "mse"}, lengths=lengths)[
            1
        ]
        np.testing.assert_allclose(grads.arena, of_steps.arena + of_rows.arena, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["a row with a sequence", "a gate that a row opens", "one to many"])
def test_truncated_bptt_through_all_steps_has_the_bits_of_full(name: str) -> None:
    one = case(name, "float32", ROWS, STEPS, resets=True)
    full = graded(one)
    assert unequal(graded(one, ost.TruncatedBPTT(10, STEPS)), full) == []


@pytest.mark.parametrize("name", ["a row with a sequence", "a gate that a row opens", "one to many"])
def test_truncated_bptt_has_the_same_bits_for_any_number_of_threads(name: str, threads: Any) -> None:
    one = case(name, "float32", 40, STEPS)
    threads(1)
    expected = graded(one, ost.TruncatedBPTT(7, 12))
    for count in (2, 3, 4):
        threads(count)
        assert unequal(graded(one, ost.TruncatedBPTT(7, 12)), expected) == [], f"{count} threads"


def test_masks_leave_the_rows_of_valid_steps() -> None:
    x, targets, lengths = data()
    mask = np.random.default_rng(1).random(targets.shape[:2]) < 0.7
    valid = mask & (np.arange(targets.shape[1]) < lengths[:, None])
    cut = {**x, "x": np.zeros_like(x["x"])}
    wanted = np.zeros_like(targets)
    for n, keep in enumerate(valid):
        cut["x"][n, : keep.sum()], wanted[n, : keep.sum()] = x["x"][n, keep], targets[n, keep]
    net, way = beside(False), ost.TruncatedBPTT(3, 5)
    masked = net.value_and_grad(
        x, {"y": targets}, loss={"y": "mse"}, lengths=lengths, mask=mask, through_time=way
    )
    by_hand = net.value_and_grad(
        cut, {"y": wanted}, loss={"y": "mse"}, lengths=valid.sum(1), through_time=way
    )
    assert masked[0] == by_hand[0]
    assert masked[1].arena.tobytes() == by_hand[1].arena.tobytes()


def truncated(name: str) -> Any:
    return lambda: graded(case(name), ost.TruncatedBPTT(2, 2))


TABLE = {
    "a reduction": Bad(
        truncated("last"), ost.ConfigError, ('"last" of a sequence', "windows", "CheckpointedBPTT")
    ),
    "a reduction that is repeated": Bad(
        truncated("context"), ost.ConfigError, ('"mean" of a sequence', "FullBPTT()")
    ),
    "a final state": Bad(
        truncated("bridge on one axis"), ost.ConfigError, ("a final state", "all steps of a row")
    ),
    "several axes": Bad(truncated("two axes"), ost.ConfigError, ("several axes (", "no steps in common")),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_has_no_windows_is_refused_with_the_reason(name: str) -> None:
    TABLE[name].check()
