"""Final states as values of a graph, and initial states taken from values: what calls by hand give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ostinato as ost

# Each makes a layer of 3 features with states.
LAYERS: dict[str, Callable[[], ost.Network]] = {
    "gru": lambda: ost.GRU(3, 4, seed=1),
    "lstm": lambda: ost.LSTM(3, 4, seed=1),
    "lstm, stacked both ways": lambda: ost.LSTM(3, 4, 2, bidirectional=True, seed=1),
    "wrapped both ways": lambda: ost.Bidirectional(ost.GRU(3, 4, 2, seed=1)),
    "sequential": lambda: ost.Sequential(ost.GRU(3, 4), ost.Dense(4, 3), ost.LSTM(3, 2), seed=1),
    "a scan": lambda: ost.MinGRU(3, 4, seed=1),
    "regularized": lambda: ost.GRU(3, 4, regularizers=[ost.Zoneout(0.3)], seed=1),
}
every_layer = pytest.mark.parametrize("name", LAYERS)

ROWS = 19  # two row groups
LENGTHS = {"a": np.arange(ROWS) % 6, "b": np.arange(ROWS)[::-1] % 5}


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=(ROWS, 6 - place, 3)).astype("float32") for place, name in enumerate("ab")}


def on(axis: str) -> Any:
    return ost.Input(axis, size=3, axis=axis)


def twice(name: str) -> ost.Graph:
    """A layer over one axis, and a second one over the other axis from where the first ends."""
    y = LAYERS[name]()(on("a"))
    states = ost.final_states(y)
    flat = {f"{key} {n}": one for key, places in states.items() for n, one in enumerate(places)}
    z = LAYERS[name]()(on("b"), initial_state=states)
    return ost.Graph({"y": y, "z": z, **flat})


@every_layer
def test_a_final_state_is_that_of_the_run(name: str) -> None:
    run = twice(name).run(arrays(), lengths=LENGTHS)
    for key, states in run.final_state.items():
        place, _, own = key.partition(".")
        if place == "0":
            for n, state in enumerate(states):
                np.testing.assert_array_equal(run.outputs[f"{own} {n}"], state)


@every_layer
def test_a_bridge_gives_the_bits_of_two_calls_by_hand(name: str) -> None:
    net, x = twice(name), arrays()
    run = net.run(x, lengths=LENGTHS)
    first = net[0].run(x["a"], lengths=LENGTHS["a"])
    second = net[1].run(x["b"], lengths=LENGTHS["b"], state=first.final_state)
    np.testing.assert_array_equal(run.outputs["y"], first.outputs)
    np.testing.assert_array_equal(run.outputs["z"], second.outputs)
    for key, states in second.final_state.items():
        np.testing.assert_array_equal(run.final_state[f"1.{key}"], states)


# The layers of a graph draw other noise than a layer alone.
@pytest.mark.parametrize("name", [name for name in LAYERS if name != "regularized"])
def test_the_backward_pass_of_a_bridge_is_that_of_two_calls_by_hand(name: str) -> None:
    net, x = twice(name), arrays()
    d = np.random.default_rng(1).normal(size=net.run(x).outputs["z"].shape).astype("float32")
    grads = net.run(x, lengths=LENGTHS, training=True).backward({"z": d})
    first = net[0].run(x["a"], lengths=LENGTHS["a"], training=True)
    second = net[1].run(x["b"], lengths=LENGTHS["b"], state=first.final_state, training=True)
    behind = second.backward(d)
    before = first.backward(None, behind.initial_state)
    np.testing.assert_array_equal(grads.inputs["a"], before.inputs)
    np.testing.assert_array_equal(grads.inputs["b"], behind.inputs)
    # The row groups of the graph hold other rows than those of a layer alone: other orders of sums.
    both = np.concatenate([list_of(before), list_of(behind)])
    np.testing.assert_allclose(list_of(grads), both, rtol=1e-4, atol=1e-5)
    assert all(key.startswith("0.") for key in grads.initial_state)


def list_of(grads: ost.Gradients) -> np.ndarray:
    return np.concatenate([value.ravel() for value in grads.params.values()])


@every_layer
def test_any_number_of_threads_trains_a_bridge_to_the_same_bits(name: str, threads: Any) -> None:
    net, x = twice(name), arrays()
    targets = {key: np.ones_like(value) for key, value in net.run(x).outputs.items()}
    results = []
    for count in (1, 2, 3, 4):
        threads(count)
        loss = dict.fromkeys(targets, "mse")
        results.append(net.value_and_grad(x, targets, loss=loss, lengths=LENGTHS, seed=3))
    for value, grads in results[1:]:
        assert value == results[0][0]
        np.testing.assert_array_equal(grads.arena, results[0][1].arena)
        np.testing.assert_array_equal(grads.inputs["a"], results[0][1].inputs["a"])


def test_noise_and_outputs_of_an_axis_do_not_depend_on_the_lengths_of_another() -> None:
    layer = LAYERS["regularized"]
    net, x = ost.Graph({"a": layer()(on("a")), "b": layer()(on("b"))}), arrays()

    def outputs(lengths: Any) -> dict[str, np.ndarray]:
        return net.run(x, lengths={**LENGTHS, "a": lengths}, seed=5, training=True).outputs

    # Other lengths on the first axis give other row groups, and another order in them.
    one, other = outputs(LENGTHS["a"]), outputs(np.random.default_rng(2).permutation(LENGTHS["a"]))
    assert (one["a"] != other["a"]).any()
    np.testing.assert_array_equal(one["b"], other["b"])
    assert (one["b"] != net.run(x, lengths=LENGTHS, seed=6, training=True).outputs["b"]).any()


def test_with_resets_each_sequence_starts_from_its_own_value() -> None:
    x = ost.Input("x", size=3)
    y = ost.GRU(3, 4, seed=1)(x)
    net = ost.Graph({"z": ost.GRU(3, 4, seed=2)(ost.reverse(x), initial_state=ost.final_states(y))})
    values = np.random.default_rng(0).normal(size=(2, 7, 3)).astype("float32")
    resets = np.zeros((2, 7), bool)
    resets[0, 3] = resets[1, 1] = resets[1, 5] = True
    outputs = net.run(values, resets=resets).outputs["z"]
    for n, (start, stop) in [(0, (0, 3)), (0, (3, 7)), (1, (0, 1)), (1, (1, 5)), (1, (5, 7))]:
        alone = net.run(values[n : n + 1, start:stop]).outputs["z"]
        np.testing.assert_array_equal(outputs[n, start:stop], alone[0])


def test_a_state_without_a_value_is_set_by_the_caller() -> None:
    t, r = ost.Input("t", size=3), ost.Input("r", size=4, axis="row")
    net = ost.Graph(ost.LSTM(3, 4)(t, initial_state={"h": r}))
    rng = np.random.default_rng(0)
    x, h, c = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 4)), rng.normal(size=(1, 2, 4))
    expected = net[0].run(x, state={"h": h[None], "c": c})
    run = net.run({"t": x, "r": h}, state={"0.c": c}, training=True)
    np.testing.assert_array_equal(run.outputs, expected.outputs)
    assert list(run.backward(run.outputs).initial_state) == ["0.c"]
    assert list(run.final_state) == ["0.h", "0.c"]


def test_penalties_of_steps_are_means_over_the_steps_of_their_axis() -> None:
    def layer() -> ost.Network:
        return ost.GRU(3, 4, regularizers=[ost.ActivationPenalty(0.5)], seed=1, dtype="float64")

    net = ost.Graph({"a": layer()(on("a")), "b": layer()(on("b"))}, seed=0)
    x = arrays()
    run = net.run(x, lengths=LENGTHS, training=True)
    alone = [net[n].run(x[key], lengths=LENGTHS[key], training=True) for n, key in enumerate("ab")]
    assert run.penalty == pytest.approx(sum(one.penalty for one in alone), rel=1e-12)
    grads = run.backward(None, d_penalty=1.0)
    expected = np.concatenate([list_of(one.backward(None, d_penalty=1.0)) for one in alone])
    np.testing.assert_allclose(list_of(grads), expected, rtol=1e-9, atol=1e-12)
    targets = {key: np.zeros_like(value) for key, value in run.outputs.items()}
    loss, trained = net.value_and_grad(x, targets, loss=dict.fromkeys("ab", "mse"), lengths=LENGTHS)
    assert trained.penalty == pytest.approx(run.penalty, rel=1e-12)
    assert loss == pytest.approx(trained.penalty + sum(trained.losses.values()), rel=1e-12)


def test_the_only_axis_of_a_network_may_have_any_name() -> None:
    x = np.random.default_rng(0).normal(size=(8, 5, 3)).astype("float32")
    nets = [
        ost.Graph(ost.Dense(4, 2, seed=1)(ost.GRU(3, 4, seed=2)(ost.Input("x", size=3, axis=axis))))
        for axis in ("time", "source")
    ]
    lengths, resets = [5, 4, 3, 2, 1, 0, 5, 5], np.random.default_rng(1).random((8, 5)) < 0.3
    runs = [net.run(x, lengths=lengths, resets=resets) for net in nets]
    np.testing.assert_array_equal(runs[0].outputs, runs[1].outputs)
    for net in nets:
        trainer = ost.Trainer(net, optimizer="adam", loss="mse", metrics=["mae"])
        trainer.fit(x, np.zeros((8, 5, 2), np.float32), lengths=lengths, epochs=2, batch_size=4)
    np.testing.assert_array_equal(nets[0].arena, nets[1].arena)
    flows = [ost.analysis.gradient_flow(net, x, d_outputs=np.ones((8, 5, 2))).norms for net in nets]
    np.testing.assert_array_equal(flows[0], flows[1])
