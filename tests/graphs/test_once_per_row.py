"""Values of rows that a layer reads at every step: what depends on them alone is computed once per row.

Each network is compared with the same layer over a sequence in which the row stands at every step: there,
nothing is computed once per row.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import Cell, Param, State

D: dict[str, Any] = {"dtype": "float64"}
STEPS, WIDE = 7, 9
LENGTHS = np.array([STEPS, 0, 3, STEPS, 1])

ROUNDING = 1e-12
"""Sums of some hundred terms of about 1, in another order."""


class Speaker(Cell):
    """Takes x and the speaker apart itself: `W_x @ x + W_s @ s + W_h @ h`."""

    def parameters(self, size: Any) -> dict[str, Param]:
        n = size.hidden
        return {
            "W_x": Param((n, size.input - WIDE)),
            "W_s": Param((n, WIDE)),
            "W_h": Param((n, n)),
            "b": Param((n,), init="zeros"),
        }

    def state(self, size: Any) -> dict[str, State]:
        return {"h": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        own = ost.ops.slice(x, 0, 3)
        speaker = ost.ops.slice(x, 3, 3 + WIDE)
        h = ost.ops.tanh(p.W_x @ own + p.W_s @ speaker + p.W_h @ state.h + p.b)
        return h, {"h": h}


def recurrent(kind: str, **options: Any) -> Callable[[int], ost.Network]:
    return lambda width: getattr(ost, kind)(width, 4, seed=1, **D, **options)


LAYERS: dict[str, Callable[[int], ost.Network]] = {
    "GRU": recurrent("GRU"),
    "GRU, reset before": recurrent("GRU", reset="before"),
    "LSTM": recurrent("LSTM"),
    "RNN": recurrent("RNN"),
    "MinGRU": recurrent("MinGRU"),
    "DiagonalSSM": recurrent("DiagonalSSM"),
    "both directions": recurrent("LSTM", bidirectional=True),
    "a cell that takes the parts": lambda width: ost.Recurrent(Speaker(), width, 4, seed=1, **D),
    "Dense": lambda width: ost.Dense(width, 4, "tanh", seed=1, **D),
    "Dropout": recurrent("GRU", regularizers=[ost.RecurrentDropout(0.3), ost.Zoneout(0.2)]),
    "WeightDrop": recurrent("GRU", regularizers=[ost.WeightDrop(0.4)]),
    "WeightDrop, both directions": recurrent("LSTM", bidirectional=True, regularizers=[ost.WeightDrop(0.4)]),
    "penalties": recurrent("GRU", regularizers=[ost.L2(0.1), ost.TemporalActivationPenalty(0.3)]),
    "LayerNorm": recurrent("GRU", regularizers=[ost.LayerNorm()]),
}

# The orders in which the row is next to the sequence: the numbers are columns of [x, row].
ORDERS = {"after": [*range(3 + WIDE)], "before": [*range(3, 3 + WIDE), *range(3)]}


class Pair:
    """A layer over x and a row, and the same layer over both as one sequence."""

    def __init__(self, make: Callable[[int], ost.Network], order: str = "after") -> None:
        x, row = ost.Input("x", size=3), ost.Input("row", size=WIDE, axis="row")
        parts = [x, ost.repeat(row, x)]
        self.columns = ORDERS[order]
        self.net = ost.Graph(make(3 + WIDE)(ost.concat(*(parts if order == "after" else parts[::-1]))))
        self.plain = ost.Graph(make(3 + WIDE)(ost.Input("both", size=3 + WIDE)))
        rng = np.random.default_rng(3)
        self.net.arena[...] = rng.uniform(-0.7, 0.7, self.net.arena.shape)
        self.plain.arena[...] = self.net.arena
        self.inputs = {"x": rng.normal(size=(5, STEPS, 3)), "row": rng.normal(size=(5, WIDE))}

    @property
    def both(self) -> np.ndarray:
        return self.joined(self.inputs["x"], self.inputs["row"])

    def joined(self, x: np.ndarray, row: np.ndarray) -> np.ndarray:
        repeated = np.broadcast_to(row[:, None], (*x.shape[:2], WIDE))
        return np.concatenate([x, repeated], axis=-1)[..., self.columns]

    def apart(self, d: np.ndarray) -> dict[str, np.ndarray]:
        """A gradient of both as the gradients of x and of the row."""
        back = d[..., np.argsort(self.columns)]
        return {"x": back[..., :3], "row": back[..., 3:].sum(axis=1)}


def close(got: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(
        got, expected, rtol=0, atol=ROUNDING * max(1.0, np.abs(expected).max(initial=0))
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", LAYERS)
def test_a_row_gives_what_repeating_it_gives(name: str, order: str) -> None:
    if name == "a cell that takes the parts" and order == "before":
        pytest.skip("the cell takes the first three features for x")
    pair = Pair(LAYERS[name], order)
    assert ["once_per_row" in plan for plan in pair.net.plans()] == [True] * len(pair.net.plans())
    resets = np.zeros((5, STEPS), bool)
    resets[0, 3] = resets[3, 1] = resets[3, 2] = True
    rng = np.random.default_rng(4)
    for more in ({}, {"lengths": LENGTHS}, {"lengths": LENGTHS, "resets": resets}):
        runs = [
            net.run(x, training=training, seed=11 if training else None, **more)
            for training in (False, True)
            for net, x in ((pair.net, pair.inputs), (pair.plain, pair.both))
        ]
        for own, plain in (runs[:2], runs[2:]):
            close(own.outputs, plain.outputs)
            for key in plain.final_state:
                close(own.final_state[key], plain.final_state[key])
        d = rng.normal(size=runs[2].outputs.shape)
        d_final = {key: rng.normal(size=value.shape) for key, value in runs[2].final_state.items()}
        own, plain = (run.backward(d, d_final, None if run.penalty is None else 0.7) for run in runs[2:])
        targets = rng.normal(size=d.shape)
        (loss, whole), (expected, other) = (
            net.value_and_grad(x, targets, loss="mse", seed=11, **more)
            for net, x in ((pair.net, pair.inputs), (pair.plain, pair.both))
        )
        assert loss == pytest.approx(expected, rel=1e-12)
        for grads, right in ((own, plain), (whole, other)):
            close(grads.arena, right.arena)
            for key, value in pair.apart(right.inputs).items():
                close(grads.inputs[key], value)
            for key in right.initial_state:
                close(grads.initial_state[key], right.initial_state[key])


def products(plan: dict[str, Any], way: str) -> int:
    return sum(plan[way][name] for name in ("gemms_before", "gemms_in_loop", "gemms_after"))


def test_the_products_of_a_row_run_once_per_row() -> None:
    (plan,) = Pair(LAYERS["a cell that takes the parts"]).net.plans()
    once = plan["once_per_row"]
    assert [products(once, way) for way in ("inference", "forward", "backward")] == [1, 1, 1]
    assert [products(plan, way) for way in ("inference", "forward", "backward")] == [2, 2, 2]
    assert once["backward"]["weight_gemms_outside_loop"] == 1
    assert plan["backward"]["weight_gemms_outside_loop"] == 2
    assert once["forward"]["flops"] == 2 * 4 * WIDE
    assert plan["forward"]["flops"] == 2 * 4 * (3 + 4)


def test_the_cost_of_a_divided_layer_includes_what_runs_once_per_row() -> None:
    step, once = ost.analysis.cost(Pair(LAYERS["GRU"]).net, rows=4, steps=10).layers
    assert (once.axis, once.parameters, once.forward_flops, once.runs(4, 10)) == ("row", 0, 2 * 12 * WIDE, 4)
    assert (step.axis, step.forward_flops) == ("time", 2 * 12 * (3 + 4))


def test_explain_says_what_runs_once_per_row() -> None:
    text = Pair(LAYERS["GRU"]).net.explain(rows=4, steps=10)
    assert "once per row, forward: 216 FLOPs per row in matrix products" in text
    assert "GEMM 9 -> 12   weight_ih @ x_1" in text
    assert "gradients of parameters: 1 weight GEMM(s)" in text
    assert text.count("layer ") == 1
    assert "once per row" not in Pair(LAYERS["GRU"]).plain.explain()


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a narrow row", lambda x, row: ost.concat(x, ost.repeat(ost.Dense(WIDE, 4, **D)(row), x))),
        ("a sum with a sequence", lambda x, row: ost.add(x, ost.repeat(ost.Dense(WIDE, 3, **D)(row), x))),
    ],
)
def test_a_layer_is_whole_where_no_work_is_saved(name: str, make: Callable[..., Any]) -> None:
    x, row = ost.Input("x", size=3), ost.Input("row", size=WIDE, axis="row")
    joined = make(x, row)
    net = ost.Graph(ost.GRU(joined.width, 4, **D)(joined))
    assert not any("once_per_row" in plan for plan in net.plans())


def test_noise_of_every_step_on_the_row_keeps_it_in_the_step() -> None:
    x, row = ost.Input("x", size=3), ost.Input("row", size=WIDE, axis="row")
    dropped = ost.GRU(3 + WIDE, 4, regularizers=[ost.VariationalDropout(0.5, inputs=0.5)], **D)
    net = ost.Graph(dropped(ost.concat(x, ost.repeat(row, x))))
    (plan,) = net.plans()
    assert "once_per_row" not in plan


def test_a_layer_of_rows_alone_repeats_its_product(tmp_path: Path) -> None:
    row, clock = ost.Input("row", size=WIDE, axis="row"), ost.Input("clock", size=1)
    both = ost.GRU(WIDE, 4, bidirectional=True, seed=1, **D)
    net = ost.Graph(both(ost.repeat(row, clock)))
    plain = ost.Sequential(ost.GRU(WIDE, 4, bidirectional=True, seed=1, **D))
    inputs = {"row": np.random.default_rng(0).normal(size=(5, WIDE)), "clock": np.zeros((5, STEPS, 1))}
    assert [products(plan, "forward") for plan in net.plans()] == [1, 1]
    repeated = np.broadcast_to(inputs["row"][:, None], (5, STEPS, WIDE))
    runs = [
        net.run(inputs, lengths=LENGTHS, training=True),
        plain.run(repeated, lengths=LENGTHS, training=True),
    ]
    close(runs[0].outputs, runs[1].outputs)
    for key, value in runs[1].final_state.items():
        close(runs[0].final_state[key], value)
    d = np.random.default_rng(1).normal(size=runs[0].outputs.shape)
    grads = [run.backward(d) for run in runs]
    close(grads[0].arena, grads[1].arena)
    close(grads[0].inputs["row"], grads[1].inputs.sum(axis=1))
    assert not grads[0].inputs["clock"].any()
    net.save(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(
        ost.load(tmp_path / "net.safetensors")(inputs, lengths=LENGTHS), runs[0].outputs
    )


def test_the_text_describes_the_network_as_written(tmp_path: Path) -> None:
    net = Pair(LAYERS["GRU"]).net
    assert [node["op"] for node in net.graph().nodes] == ["input", "input", "repeat", "concat", "layer"]
    net.save(tmp_path / "net.safetensors")
    again = ost.load(tmp_path / "net.safetensors")
    assert again.graph().hash == net.graph().hash
    assert again.plans() == net.plans()


def shared(x: Any, row: Any) -> dict[str, Any]:
    """One layer twice, with a row and with a summary of a sequence; and a second layer over both."""
    gru = ost.GRU(3 + WIDE, WIDE, seed=1, **D)
    first = gru(ost.concat(x, ost.repeat(row, x)))
    second = gru(ost.concat(x, ost.repeat(ost.mean(first), x)))
    late = ost.LSTM(2 * WIDE + 3, 3, bidirectional=True, seed=2, **D)
    joined = ost.concat(ost.repeat(ost.last(second), x), x, ost.repeat(row, x))
    return {"late": late(joined), "joined": joined, "mean": ost.mean(second)}


def test_shared_layers_and_summaries_have_the_gradient_of_their_outputs(threads: Any) -> None:
    x, row = ost.Input("x", size=3), ost.Input("row", size=WIDE, axis="row")
    net = ost.Graph(shared(x, row))
    assert sum("once_per_row" in plan for plan in net.plans()) == 4
    rng = np.random.default_rng(5)
    net.arena[...] = rng.uniform(-0.6, 0.6, net.arena.shape)
    inputs = {"x": rng.normal(size=(5, STEPS, 3)), "row": rng.normal(size=(5, WIDE))}
    results = []
    for count in (1, 2, 3):
        threads(count)
        run = net.run(inputs, lengths=LENGTHS, training=True)
        d = {name: np.random.default_rng(6).normal(size=value.shape) for name, value in run.outputs.items()}
        results.append((run.outputs, run.backward(d)))
    for outputs, grads in results[1:]:
        for name, value in results[0][0].items():
            np.testing.assert_array_equal(outputs[name], value)
        np.testing.assert_array_equal(grads.arena, results[0][1].arena)
        np.testing.assert_array_equal(grads.inputs["row"], results[0][1].inputs["row"])
    grads = results[0][1]

    def scalar() -> float:
        outputs = net.run(inputs, lengths=LENGTHS).outputs
        return float(sum((d[name] * value).sum() for name, value in outputs.items()))

    for array, got in (
        (net.arena, grads.arena),
        (inputs["x"], grads.inputs["x"]),
        (inputs["row"], grads.inputs["row"]),
    ):
        way, base = rng.normal(size=array.shape), array.copy()
        values = []
        for step in (1e-5, -1e-5):
            array[...] = base + step * way
            values.append(scalar())
        array[...] = base
        # a central difference over 1e-5 errs by 1e-10 of the third derivative
        assert float((got * way).sum()) == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-6, abs=1e-6)


def test_a_row_alone_has_the_bits_that_it_has_in_a_batch() -> None:
    pair = Pair(LAYERS["both directions"])
    outputs = pair.net(pair.inputs, lengths=LENGTHS)
    for n, length in enumerate(LENGTHS):
        alone = {name: value[n : n + 1] for name, value in pair.inputs.items()}
        np.testing.assert_array_equal(pair.net(alone, lengths=[length]), outputs[n : n + 1])
        turned = {name: value[::-1] for name, value in pair.inputs.items()}
        np.testing.assert_array_equal(pair.net(turned, lengths=LENGTHS[::-1])[::-1], outputs)


@pytest.mark.parametrize("first", ["slice", "repeat"])
def test_some_features_of_a_row(first: str) -> None:
    """A slice that is repeated is read once per row; a slice of what is repeated, at every step."""
    pair = Pair(LAYERS["GRU"])
    x, row = ost.Input("x", size=5), ost.Input("row", size=WIDE + 3, axis="row")
    features = slice(1, WIDE + 1)
    some = ost.repeat(row[..., features], x) if first == "slice" else ost.repeat(row, x)[..., features]
    net = ost.Graph(LAYERS["GRU"](3 + WIDE)(ost.concat(x[..., 2:], some)))
    net.arena[...] = pair.plain.arena
    assert ["once_per_row" in plan for plan in net.plans()] == [first == "slice"]
    assert [node["op"] for node in net.graph().nodes].count("slice") == 2
    rng = np.random.default_rng(5)
    wide, rows = rng.normal(size=(5, STEPS, 5)), rng.normal(size=(5, WIDE + 3))
    both = pair.joined(wide[..., 2:], rows[:, features])
    targets = rng.normal(size=(5, STEPS, 4))
    loss, own = net.value_and_grad({"x": wide, "row": rows}, targets, loss="mse", lengths=LENGTHS)
    expected, plain = pair.plain.value_and_grad(both, targets, loss="mse", lengths=LENGTHS)
    assert loss == pytest.approx(expected, rel=1e-12)
    close(own.arena, plain.arena)
    d = pair.apart(plain.inputs)
    close(own.inputs["x"], np.pad(d["x"], ((0, 0), (0, 0), (2, 0))))
    close(own.inputs["row"], np.pad(d["row"], ((0, 0), (1, 2))))
