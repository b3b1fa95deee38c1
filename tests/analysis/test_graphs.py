"""Instruments on graphs: several inputs and outputs, and values of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import ostinato as ost
from ostinato import analysis

N, T = 3, 6
RNG = np.random.default_rng(4)
A, B, ROW = RNG.normal(size=(N, T, 2)), RNG.normal(size=(N, T, 3)), RNG.normal(size=(N, 4))
X = {"a": A, "b": B, "row": ROW}
F64: dict[str, Any] = {"dtype": "float64"}


def graph(reduce: Callable[[Any], Any] = ost.last, seed: int = 1) -> ost.Graph:
    """Two sequences and a value of rows in; an output on each axis."""
    a, b, row = ost.Input("a", size=2), ost.Input("b", size=3), ost.Input("row", size=4, axis="row")
    static = ost.Dense(4, 2, activation="tanh", **F64)(row)
    h = ost.GRU(2 + 3 + 2, 5, **F64)(ost.concat(a, b, ost.repeat(static, a)))
    mood = ost.Dense(5 + 2, 2, **F64)(ost.concat(reduce(h), static))
    return ost.Graph({"tags": ost.Dense(5, 3, **F64)(h), "mood": mood, "h": h}, seed=seed)


def reader(net: ost.Graph) -> str:
    """The weight that reads the reduced sequence."""
    return next(name for name, array in net.parameters().items() if array.shape == (2, 7))


REDUCTIONS = {name: getattr(ost, name) for name in ("last", "first", "mean", "max", "sum")}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_the_gradient_of_an_output_of_rows_flows_like_value_and_grad(name):
    net = graph(REDUCTIONS[name])
    labels = np.arange(N) % 2
    flow = analysis.gradient_flow(net, X, labels, loss="cross_entropy", output="mood")
    _, grads = net.value_and_grad(X, {"mood": labels}, loss={"mood": "cross_entropy"})
    (initial,) = grads.initial_state.values()
    np.testing.assert_allclose(flow.norms[:, 0], np.linalg.norm(initial[0], axis=1), atol=1e-14)
    for label, value in flow.weights.items():
        assert value == pytest.approx(np.linalg.norm(grads.params[label]), abs=1e-14), label


@pytest.mark.parametrize("name", REDUCTIONS)
def test_it_flows_through_the_states_like_the_gradient_of_the_sequence_before_the_reduction(name):
    net = graph(REDUCTIONS[name])
    d_mood = RNG.normal(size=(N, 2))
    flow = analysis.gradient_flow(net, X, d_outputs=d_mood, output="mood")
    hidden = net(X)["h"]

    def outputs(h):
        reduced = {
            "last": h[:, -1],
            "first": h[:, 0],
            "mean": h.mean(1),
            "max": h.max(1),
            "sum": h.sum(1),
        }[name]
        weight = net.parameters()[reader(net)]
        return (reduced @ weight[:, :5].T * d_mood).sum()

    d_hidden = np.zeros_like(hidden)  # exact for all of them: between ties, they are linear
    for place in np.ndindex(hidden.shape):
        moved = hidden.copy()
        moved[place] += 1e-6
        d_hidden[place] = (outputs(moved) - outputs(hidden)) / 1e-6
    through = analysis.gradient_flow(net, X, d_outputs=d_hidden, output="h")
    np.testing.assert_allclose(flow.norms, through.norms, rtol=1e-6, atol=1e-8)


def test_contributions_by_step_are_those_of_layers_that_run_at_each_step():
    net = graph()
    flow = analysis.gradient_flow(net, X, d_outputs=np.ones((N, 2)), output="mood")
    inside = {name for name, array in net.parameters().items() if array.shape[0] == 15}
    assert inside <= set(flow.weights_by_step)
    assert reader(net) in flow.weights and reader(net) not in flow.weights_by_step
    assert flow.weights[reader(net)] > 0


def test_a_classifier_needs_no_names():
    net = ost.Sequential(ost.LSTM(2, 4, **F64), ost.Last(), ost.Dense(4, 2, **F64))
    flow = analysis.gradient_flow(net, A, np.arange(N) % 2, loss="cross_entropy")
    _, grads = net.value_and_grad(A, np.arange(N) % 2, loss="cross_entropy")
    both = np.concatenate([array[0] for array in grads.initial_state.values()], axis=1)
    np.testing.assert_allclose(flow.norms[:, 0], np.linalg.norm(both, axis=1), atol=1e-14)
    assert analysis.memory_length(net, A).influence.shape == (T,)


def twin() -> tuple[ost.Graph, ost.Network]:
    """Two inputs side by side, and the same network with one."""
    a, b = ost.Input("a", size=2), ost.Input("b", size=3)
    two = ost.Graph(ost.LSTM(5, 4, seed=3, **F64)(ost.concat(a, b)))
    return two, ost.LSTM(5, 4, seed=3, **F64)


def test_two_inputs_are_what_one_of_both_is():
    two, one = twin()
    assert (two.arena == one.arena).all()
    both, x = {"a": A, "b": B}, np.concatenate([A, B], axis=2)
    np.testing.assert_array_equal(analysis.jacobians(two, both).products, analysis.jacobians(one, x).products)
    first = {name: array[:1] for name, array in both.items()}
    spectra = [
        analysis.lyapunov_spectrum(net, given, warmup=1).exponents
        for net, given in ((two, first), (one, x[:1]))
    ]
    np.testing.assert_array_equal(*spectra)
    points = [
        analysis.fixed_points(net, given, starts=4).points
        for net, given in ((two, {"a": A[0, 0], "b": B[0, 0]}), (one, x[0, 0]))
    ]
    np.testing.assert_array_equal(*points)
    assert (
        analysis.fixed_points(two, starts=4).points.tolist()
        == analysis.fixed_points(one, starts=4).points.tolist()
    )
    found = [analysis.saturation(net, given).saturated["output"] for net, given in ((two, both), (one, x))]
    np.testing.assert_array_equal(*found)
    shut = [analysis.gates(net, given).low for net, given in ((two, both), (one, x))]
    np.testing.assert_array_equal(*[next(iter(one.values())) for one in shut])
    lengths = [analysis.memory_length(two, both, input=name).by_row ** 2 for name in ("a", "b")]
    np.testing.assert_allclose(
        lengths[0] + lengths[1], analysis.memory_length(one, x).by_row ** 2, rtol=1e-12
    )


def test_a_constant_row_is_an_input_like_any_other():
    net = graph()
    steps = analysis.jacobians(net, X).steps
    assert steps.shape == (N, T, 5, 5)
    for n in range(N):
        alone = {name: array[n : n + 1] for name, array in X.items()}
        np.testing.assert_array_equal(analysis.jacobians(net, alone).steps[0], steps[n])
    found = analysis.saturation(net, X)
    assert set(found.saturated) == {*found.deviation} and {"output.tags", "output.mood"} <= set(
        found.saturated
    )
    assert found.deviation["output.mood"] == pytest.approx(net(X)["mood"].std(axis=0))
    assert analysis.gates(net, X).kinds
    assert analysis.cost(net).parameters == sum(array.size for array in net.parameters().values())
    cost = analysis.cost(net, rows=2, steps=10)
    flops = {
        axis: sum(one.forward_flops for one in cost.layers if one.axis == axis) for axis in ("time", "row")
    }
    assert cost.forward_flops == 2 * 10 * flops["time"] + 2 * flops["row"]
    assert [one.axis for one in cost.layers].count("row") == 2
    assert cost.truncated_memory is None and cost.checkpointed_memory is None
    first = {name: array[:1] for name, array in X.items()}
    assert analysis.lyapunov_spectrum(net, first, warmup=1).exponents.shape == (5,)


def test_the_memory_of_an_output_of_rows_is_its_derivative():
    net = graph(ost.mean)
    found = analysis.memory_length(net, X, input="b", output="mood")
    squares = np.zeros((N, T))
    for unit in range(2):
        d_mood = np.zeros((N, 2))
        d_mood[:, unit] = 1.0
        grads = net.run(X, training=True).backward({"mood": d_mood})
        squares += (grads.inputs["b"] ** 2).sum(axis=2)
    np.testing.assert_allclose(found.by_row, np.sqrt(squares), rtol=1e-12)


def shared() -> ost.Graph:
    a, b = ost.Input("a", size=2), ost.Input("b", size=2)
    encoder = ost.GRU(2, 4)
    return ost.Graph(ost.concat(encoder(a), encoder(b)))


def test_a_shared_layer_has_its_weights_once():
    assert len(analysis.spectral(shared()).blocks) == 3
    assert analysis.cost(shared()).parameters == sum(array.size for array in shared().parameters().values())


class Bad(NamedTuple):
    call: Callable[[], Any]
    says: tuple[str, ...]


def of_rows() -> ost.Graph:
    row = ost.Input("row", size=4, axis="row")
    return ost.Graph(ost.Dense(4, 3, **F64)(row))


def repeated() -> ost.Graph:
    a = ost.Input("a", size=2)
    h = ost.GRU(2, 3)(a)
    return ost.Graph(ost.GRU(3, 3)(ost.repeat(ost.mean(h), a)))


def apart() -> ost.Graph:
    a, row = ost.Input("a", size=2), ost.Input("row", size=4, axis="row")
    return ost.Graph({"h": ost.GRU(2, 3, **F64)(a), "other": ost.Dense(4, 2, **F64)(row)})


def of_ids() -> ost.Graph:
    a, ids = ost.Input("ids", ids=5), ost.Input("row", size=2, axis="row")
    return ost.Graph(ost.concat(ost.last(ost.GRU(3, 4)(ost.Embedding(5, 3)(a))), ids))


D = np.ones((N, 2))
TABLE = {
    "no output chosen": Bad(
        lambda: analysis.gradient_flow(graph(), X, d_outputs=D), ("several outputs", "write output='tags'")
    ),
    "an unknown output": Bad(
        lambda: analysis.gradient_flow(graph(), X, d_outputs=D, output="mod"), ("did you mean 'mood'",)
    ),
    "d_outputs for steps of an output of rows": Bad(
        lambda: analysis.gradient_flow(graph(), X, d_outputs=np.ones((N, T, 2)), output="mood"),
        ("d_outputs is (3, 6, 2)", "one value for each row"),
    ),
    "an output that reads no sequence": Bad(
        lambda: analysis.gradient_flow(apart(), {"a": A, "row": ROW}, d_outputs=D, output="other"),
        ("output 'other' depends on no sequence",),
    ),
    "no sequence": Bad(lambda: analysis.saturation(of_rows(), ROW), ("no state",)),
    "a mean that is read at every step": Bad(
        lambda: analysis.jacobians(repeated(), A), ("the whole sequence", "before the repeat")
    ),
    "no input chosen": Bad(
        lambda: analysis.memory_length(graph(), X, output="mood"),
        ("several inputs: 'a', 'b'", "write input='a'"),
    ),
    "an input of rows": Bad(
        lambda: analysis.memory_length(graph(), X, input="row", output="mood"), ("input is 'row'",)
    ),
    "an input of ids": Bad(
        lambda: analysis.memory_length(of_ids(), {"ids": np.zeros((N, T), int), "row": ROW[:, :2]}),
        ("input 'ids' holds ids", "embedding"),
    ),
    "a missing input": Bad(lambda: analysis.jacobians(graph(), {"a": A, "row": ROW}), ("x has no 'b'",)),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_an_instrument_cannot_do_is_refused_with_what_to_write(name):
    bad = TABLE[name]
    with pytest.raises((ost.ConfigError, ost.ShapeError)) as caught:
        bad.call()
    for text in bad.says:
        assert text in str(caught.value)


def test_slices_flow_like_functions_that_take_the_same_features():
    """Slices before the layer, on the way to the output, and of what is reduced."""

    def graph_with(part: Callable[[Any, int, int], Any]) -> ost.Graph:
        b = ost.Input("b", size=3)
        h = ost.GRU(2, 5, **F64)(part(b, 1, 3))
        return ost.Graph(
            {"mood": ost.Dense(3, 2, **F64)(part(ost.mean(part(h, 0, 4)), 1, 4)), "h": h}, seed=2
        )

    sliced = graph_with(ost.slice)
    applied = graph_with(lambda x, start, stop: ost.apply(lambda v: v[start:stop], x))
    d_mood = RNG.normal(size=(N, 2))
    flows = [
        analysis.gradient_flow(net, {"b": B}, d_outputs=d_mood, output="mood") for net in (sliced, applied)
    ]
    np.testing.assert_allclose(flows[0].norms, flows[1].norms, rtol=1e-13)
    steps = [analysis.jacobians(net, {"b": B}).steps for net in (sliced, applied)]
    np.testing.assert_allclose(steps[0], steps[1], rtol=1e-13)


def test_the_cost_of_an_encoder_and_a_decoder_is_that_of_its_layers():
    source, target = ost.Input("s", size=3, axis="source"), ost.Input("t", size=2, axis="target")
    encoder, decoder = ost.GRU(3, 5), ost.GRU(2, 5)
    both = ost.Graph(decoder(target, initial_state=ost.final_states(encoder(source))))
    found = analysis.cost(both, rows=4, steps=10)
    alone = [analysis.cost(ost.GRU(width, 5), rows=4, steps=10) for width in (3, 2)]
    assert found.parameters == sum(one.parameters for one in alone)
    assert found.forward_flops == sum(one.forward_flops for one in alone)
    assert found.memory_bytes == sum(one.memory_bytes for one in alone)
    assert found.truncated_memory is None and found.checkpointed_memory is None


def test_the_cost_of_two_axes_without_values_of_rows():
    a, b = ost.Input("a", size=3, axis="a"), ost.Input("b", size=2, axis="b")
    found = analysis.cost(ost.Graph({"a": ost.GRU(3, 5)(a), "b": ost.GRU(2, 5)(b)}), rows=4, steps=10)
    assert found.truncated_memory is None and found.checkpointed_memory is None
