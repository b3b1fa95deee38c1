"""Graphs: gradients, bits, copies and files, for every kind of node."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.data import pack
from tests.graphs.makes import MAKES, WITHOUT_LAYERS, Case, Maker, case, finals_of, named, state_of
from tests.slopes import RELATIVE, slope

every_graph = pytest.mark.parametrize("name", MAKES)
every_graph_with_layers = pytest.mark.parametrize(
    "name", [name for name in MAKES if name not in WITHOUT_LAYERS]
)


def equal(one: Any, other: Any) -> None:
    """Raises unless two trees of arrays are the same bits."""
    if isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            equal(one[key], other[key])
    elif one is None:
        assert other is None
    else:
        np.testing.assert_array_equal(one, other)


def everything(one: Case, **more: Any) -> dict[str, Any]:
    """All numbers that a graph gives for random derivatives and targets, forwards and backwards."""
    rng = np.random.default_rng(11)
    dtype = one.net.dtype
    state = state_of(one, rng)
    d_outputs = one.by_output(lambda _, shape: rng.normal(size=shape).astype(dtype))
    targets = one.by_output(lambda _, shape: rng.normal(size=shape).astype(dtype))
    run = one.net.run(one.x, state=state, training=True, **one.ragged, **more)
    grads = run.backward(one.given(d_outputs), finals_of(one, rng))
    loss = one.given({key: "mse" for key in d_outputs})
    value, trained = one.net.value_and_grad(
        one.x, one.given(targets), loss=loss, state=state, **one.ragged, **more
    )
    return {
        "outputs": run.outputs,
        "inference": one.net.run(one.x, state=state, **one.ragged, **more).outputs,
        "final_state": run.final_state,
        "arena": grads.arena,
        "inputs": grads.inputs,
        "initial_state": grads.initial_state,
        "loss": np.array(value),
        "losses": {key: np.array(loss) for key, loss in trained.losses.items()},
        "trained arena": trained.arena,
        "trained inputs": trained.inputs,
        "trained state": trained.initial_state,
    }


@pytest.mark.parametrize("resets", [False, True], ids=["ragged", "resets"])
@every_graph_with_layers
def test_gradients_equal_central_differences(name: str, resets: bool) -> None:
    one = case(name, resets=resets)
    net, rng = one.net, np.random.default_rng(2)
    state = state_of(one, rng)
    d_outputs = one.by_output(lambda _, shape: rng.normal(size=shape))
    d_final = finals_of(one, rng)

    def scalar() -> float:
        run = net.run(one.x, state=state, **one.ragged)
        total = sum((d_outputs[key] * value).sum() for key, value in named(run.outputs).items())
        return float(total + sum((d_final[key] * value).sum() for key, value in run.final_state.items()))

    run = net.run(one.x, state=state, training=True, **one.ragged)
    grads = run.backward(one.given(d_outputs), d_final)
    inputs = grads.inputs if len(one.inputs) > 1 else dict(zip(one.inputs, [grads.inputs], strict=True))
    pairs = [(key, value, inputs[key]) for key, value in one.inputs.items() if value.dtype.kind == "f"]
    assert all(inputs[key] is None for key, value in one.inputs.items() if value.dtype.kind != "f")
    pairs += [(key, net.parameters()[key], value) for key, value in grads.params.items()]
    pairs += [(key, state[key], value) for key, value in grads.initial_state.items()]
    for key, array, analytic in pairs:
        numeric = slope(scalar, array)
        bound = RELATIVE * max(1.0, np.abs(numeric).max(initial=0.0))
        np.testing.assert_allclose(analytic, numeric, rtol=0, atol=bound, err_msg=key)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@every_graph_with_layers
def test_run_and_backward_equal_value_and_grad(name: str, reduction: str) -> None:
    one = case(name)
    net, rng = one.net, np.random.default_rng(3)
    targets = one.by_output(lambda _, shape: rng.normal(size=shape))
    scales = {key: 0.5 + number for number, key in enumerate(targets)}
    weights = one.by_output(lambda _, shape: rng.uniform(0.5, 2, size=shape[:-1]))
    run = net.run(one.x, training=True, **one.ragged)
    counted = {key: one.valid(axis) for key, axis in one.axes.items()}
    d_outputs, losses = {}, {}
    for key, y in named(run.outputs).items():
        share = scales[key] * np.where(counted[key], weights[key], 0.0)
        if reduction == "mean":
            share = share / np.where(counted[key], weights[key], 0.0).sum()
        error = y - targets[key]
        losses[key] = float((share * (error**2).mean(-1)).sum())
        d_outputs[key] = 2 * share[..., None] * error / y.shape[-1]
    expected = run.backward(one.given(d_outputs))
    loss = {key: ost.weighted("mse", scale) for key, scale in scales.items()}
    value, grads = net.value_and_grad(
        one.x,
        one.given(targets),
        loss=one.given(loss),
        weights=one.given(weights),
        reduction=reduction,
        **one.ragged,
    )
    # The same sums in another order: far below any fault of method.
    assert value == pytest.approx(sum(losses.values()), rel=1e-12)
    assert grads.losses == pytest.approx(losses, rel=1e-12)
    np.testing.assert_allclose(grads.arena, expected.arena, rtol=1e-10, atol=1e-12)
    given = grads.inputs if isinstance(grads.inputs, dict) else {"x": grads.inputs}
    other = expected.inputs if isinstance(expected.inputs, dict) else {"x": expected.inputs}
    for key, gradient in given.items():
        if gradient is not None:
            np.testing.assert_allclose(gradient, other[key], rtol=1e-10, atol=1e-12)
    again, _ = net.loss_value(
        one.x,
        one.given(targets),
        loss=one.given(loss),
        weights=one.given(weights),
        reduction=reduction,
        **one.ragged,
    )
    assert again == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("resets", [False, True], ids=["ragged", "resets"])
@every_graph
def test_any_number_of_threads_gives_the_same_bits(name: str, resets: bool, threads: Any) -> None:
    one = case(name, "float32", rows=37, steps=11, resets=resets)
    results = []
    for count in (1, 2, 3, 4):
        threads(count)
        results.append(everything(one))
    for result in results[1:]:
        equal(result, results[0])


@pytest.mark.parametrize("resets", [False, True], ids=["ragged", "resets"])
@every_graph
def test_a_row_alone_gives_the_bits_that_it_gives_in_a_batch(name: str, resets: bool) -> None:
    one = case(name, "float32", rows=9, steps=7, resets=resets)
    rng = np.random.default_rng(4)
    state = state_of(one, rng)
    d_outputs = one.by_output(lambda _, shape: rng.normal(size=shape).astype("float32"))
    run = one.net.run(one.x, state=state, training=True, **one.ragged)
    d_final = finals_of(one, rng)
    grads = run.backward(one.given(d_outputs), d_final)

    def only(value: Any, n: int, axis: int = 0) -> Any:
        if isinstance(value, dict):
            return {key: only(inner, n, axis) for key, inner in value.items()}
        return None if value is None else np.take(value, [n], axis=axis)

    for n in range(one.rows):
        alone = one.net.run(only(one.x, n), state=only(state, n, 1), training=True, **only(one.ragged, n))
        equal(alone.outputs, only(run.outputs, n))
        equal(alone.final_state, only(run.final_state, n, 1))
        back = alone.backward(only(one.given(d_outputs), n), only(d_final, n, 1))
        equal(back.inputs, only(grads.inputs, n))
        equal(back.initial_state, only(grads.initial_state, n, 1))


@every_graph
def test_nan_in_the_padding_reaches_nothing(name: str) -> None:
    one = case(name)
    rng = np.random.default_rng(5)
    targets = one.by_output(lambda _, shape: rng.normal(size=shape))

    def dirty(value: np.ndarray, axis: str) -> np.ndarray:
        if axis == "row":
            return value
        made = value.copy()
        made[~one.valid(axis)] = np.nan if made.dtype.kind == "f" else 10**6
        return made

    def results(inputs: Any, targets: Any) -> dict[str, Any]:
        run = one.net.run(inputs, training=True, **one.ragged)
        grads = run.backward(targets)
        loss = one.given({key: "mse" for key in one.axes})
        value, trained = one.net.value_and_grad(inputs, targets, loss=loss, **one.ragged)
        return {
            "outputs": run.outputs,
            "final_state": run.final_state,
            "arena": grads.arena,
            "inputs": grads.inputs,
            "value": np.array(value),
            "trained": trained.arena,
            "trained inputs": trained.inputs,
        }

    clean = results(one.x, one.given(targets))
    inputs = {key: dirty(value, one.input_axes[key]) for key, value in one.inputs.items()}
    dirtied = results(
        inputs if len(inputs) > 1 else next(iter(inputs.values())),
        one.given({key: dirty(value, one.axes[key]) for key, value in targets.items()}),
    )
    equal(dirtied, clean)
    assert np.isfinite(dirtied["arena"]).all()


def test_a_graph_without_layers_has_gradients() -> None:
    x = ost.Input("x", size=1)
    net = ost.Graph({"last": ost.last(x), "mean": ost.mean(x), "sum": ost.sum(ost.reverse(x)), "x": x})
    values = np.array([[[1.0], [2.0], [3.0], [4.0]], [[5.0], [6.0], [7.0], [8.0]]])
    run = net.run(values, lengths=[4, 2], training=True)
    d = {
        "last": [[1.0], [2.0]],
        "mean": [[4.0], [8.0]],
        "sum": [[16.0], [32.0]],
        "x": 64 * np.ones((2, 4, 1)),
    }
    np.testing.assert_array_equal(
        run.backward(d).inputs[..., 0], [[81.0, 81.0, 81.0, 82.0], [100.0, 102.0, 0.0, 0.0]]
    )
    assert run.backward(d).arena.size == 0


@pytest.mark.parametrize("rows, steps", [(0, 5), (3, 0), (0, 0), (1, 1)])
@every_graph
def test_no_rows_and_no_steps_are_allowed(name: str, rows: int, steps: int) -> None:
    full = case(name)
    inputs = {
        key: value[:rows] if full.input_axes[key] == "row" else value[:rows, :steps]
        for key, value in full.inputs.items()
    }
    x = inputs if len(inputs) > 1 else next(iter(inputs.values()))
    run = full.net.run(x, training=True)
    for key, value in named(run.outputs).items():
        assert value.shape[:-1] == ((rows,) if full.axes[key] == "row" else (rows, steps))
        assert np.isfinite(value).all()
    grads = run.backward(run.outputs)
    assert np.isfinite(grads.arena).all()
    loss = full.given({key: "mse" for key in full.axes})
    value, trained = full.net.value_and_grad(x, run.outputs, loss=loss)
    assert value == 0.0 and not trained.arena.any()


@every_graph
def test_a_loaded_graph_is_the_saved_one_to_the_bit(name: str, tmp_path: Path) -> None:
    one = case(name, "float32")
    one.net.save(tmp_path / "one")
    loaded = ost.load(tmp_path / "one")
    assert type(loaded) is ost.Graph
    assert (repr(loaded), str(loaded)) == (repr(one.net), str(one.net))
    equal(everything(one._replace(net=loaded)), everything(one))
    loaded.save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))],
    ids=["copy", "deepcopy", "pickle"],
)
@every_graph
def test_a_copy_gives_the_same_bits_and_has_parameters_of_its_own(name: str, copied: Any) -> None:
    one = case(name, "float32")
    other = one._replace(net=copied(one.net))
    before = everything(one)
    equal(everything(other), before)
    other.net.arena[...] += 1
    equal(everything(one), before)
    assert all(a is not b for a, b in zip(one.net.layers.values(), other.net.layers.values(), strict=True))


@pytest.mark.parametrize("name", ["add two sequences", "concat two sequences", "residual", "no state"])
def test_graphs_of_sequences_train_with_truncated_and_checkpointed_bptt(name: str) -> None:
    one = case(name)
    targets = one.by_output(lambda _, shape: np.ones(shape))
    loss = one.given({key: "mse" for key in one.axes})

    def trained(way: Any) -> tuple[float, Any]:
        value, grads = one.net.value_and_grad(
            one.x, one.given(targets), loss=loss, through_time=way, **one.ragged
        )
        return value, [grads.arena, grads.inputs]

    value, full = trained(None)
    for way in (ost.TruncatedBPTT(one.steps, one.steps), ost.CheckpointedBPTT("sqrt")):
        other, grads = trained(way)
        assert other == value
        for a, b in zip(grads, full, strict=True):
            equal(a, b)


def twins(dtype: str, **options: Any) -> list[tuple[Any, Any]]:
    """Layers of a Sequential, and the same layers written as functions."""
    d = {"dtype": dtype}
    return [
        (
            [ost.LSTM(3, 6, 2, **d), ost.Dense(6, 4, "tanh", **d)],
            lambda x, layers: layers[1](layers[0](x)),
        ),
        (
            [ost.GRU(3, 6, bidirectional=True, **d), ost.Last(), ost.Dense(12, 2, **d)],
            lambda x, layers: layers[2](ost.last(layers[0](x))),
        ),
        (
            [ost.GRU(3, 6, **d), ost.Mean(), ost.Dense(6, 2, **d)],
            lambda x, layers: layers[2](ost.mean(layers[0](x))),
        ),
        ([ost.Dense(3, 4, **d), ost.Max()], lambda x, layers: ost.max(layers[0](x))),
        ([ost.RNN(3, 4, **d), ost.First()], lambda x, layers: ost.first(layers[0](x))),
        (
            [ost.RNN(3, 4, **d), ost.Sum(), ost.Dense(4, 4, **d), ost.Dense(4, 2, **d)],
            lambda x, layers: layers[3](layers[2](ost.sum(layers[0](x)))),
        ),
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("place", range(6))
def test_a_sequential_is_the_graph_written_out_to_the_bit(place: int, dtype: str) -> None:
    (layers, _), (others, write) = twins(dtype)[place], twins(dtype)[place]
    chain = ost.Sequential(layers)
    graph = ost.Graph(write(ost.Input("x", size=3), others))
    graph.load_state_dict(dict(zip(graph.parameters(), chain.state_dict().values(), strict=True)))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 8, 3)).astype(dtype)
    lengths = [8, 0, 3, 8, 1]
    runs = [net.run(x, lengths=lengths, training=True) for net in (chain, graph)]
    equal(runs[0].outputs, runs[1].outputs)
    d = rng.normal(size=runs[0].outputs.shape).astype(dtype)
    back = [run.backward(d) for run in runs]
    equal(list_of(back[0].params), list_of(back[1].params))
    equal(back[0].inputs, back[1].inputs)
    trained = [net.value_and_grad(x, d, loss="mse", lengths=lengths) for net in (chain, graph)]
    assert trained[0][0] == trained[1][0]
    equal(list_of(trained[0][1].params), list_of(trained[1][1].params))


def list_of(params: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Parameters by place, as a layer without parameters shifts the names of those after it."""
    return {str(place): value for place, value in enumerate(params.values())}


def test_rows_of_a_list_are_padded_rows() -> None:
    one = case("concat two sequences")
    lengths = one.ragged["lengths"]
    rows = {
        key: [row[:length] for row, length in zip(value, lengths, strict=True)]
        for key, value in one.inputs.items()
    }
    outputs, padded = one.net.run(rows).outputs, one.net.run(one.x, **one.ragged).outputs
    np.testing.assert_array_equal(outputs, padded)


def test_time_first_is_the_same_with_axes_swapped() -> None:
    def build(batch_first: bool) -> ost.Graph:
        x, s = ost.Input("x", size=3), ost.Input("s", size=2, axis="row")
        h = ost.GRU(5, 4, batch_first=batch_first)(ost.concat(x, ost.repeat(s, x)))
        return ost.Graph({"all": h, "last": ost.last(h)})

    first, second = build(True), build(False)
    rng = np.random.default_rng(0)
    x, s = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 2))
    swapped = {"x": x.swapaxes(0, 1), "s": s}
    runs = [net.run(given, training=True) for net, given in ((first, {"x": x, "s": s}), (second, swapped))]
    np.testing.assert_array_equal(runs[0].outputs["all"], runs[1].outputs["all"].swapaxes(0, 1))
    np.testing.assert_array_equal(runs[0].outputs["last"], runs[1].outputs["last"])
    grads = [run.backward(run.outputs) for run in runs]
    np.testing.assert_array_equal(grads[0].arena, grads[1].arena)
    np.testing.assert_array_equal(grads[0].inputs["x"], grads[1].inputs["x"].swapaxes(0, 1))
    np.testing.assert_array_equal(grads[0].inputs["s"], grads[1].inputs["s"])


def test_repeat_takes_its_steps_from_the_input_of_any_sequence() -> None:
    s, clock = ost.Input("s", size=2, axis="row"), ost.Input("clock", size=1)
    like = ost.GRU(1, 3)(ost.reverse(clock))
    net = ost.Graph(ost.repeat(s, like))
    assert not net.layers
    outputs = net.run({"s": [[1.0, 2.0]], "clock": np.full((1, 3, 1), np.nan)}, lengths=[2]).outputs
    np.testing.assert_array_equal(outputs, [[[1, 2], [1, 2], [0, 0]]])
    ids = ost.Graph(ost.repeat(s, ost.Input("w", ids=7)))
    assert ids.run({"s": [[1.0, 2.0]], "w": [[0, 6]]}).outputs.shape == (1, 2, 2)


def test_an_output_without_a_loss_or_a_derivative_has_no_part_in_the_gradient() -> None:
    one = case("one value, many outputs")
    run = one.net.run(one.x, training=True)
    mean = {"mean": np.ones((one.rows, 4))}
    zeros = {key: np.zeros_like(value) for key, value in run.outputs.items()}
    equal(run.backward(mean).arena, run.backward({**zeros, **mean}).arena)
    value, grads = one.net.value_and_grad(one.x, mean, loss={"mean": "mse"})
    assert list(grads.losses) == ["all", "again", "mean", "max", "head"]
    assert grads.losses["mean"] == value and not any(
        loss for key, loss in grads.losses.items() if key != "mean"
    )
    assert not run.backward(None).arena.any()


def test_two_losses_add_up_with_their_scales() -> None:
    one = case("tagger")
    rng = np.random.default_rng(0)
    tags, mood = rng.integers(0, 4, (one.rows, one.steps)), rng.integers(0, 3, one.rows)
    given = {"tags": tags, "mood": mood}

    def trained(loss: dict[str, Any]) -> tuple[float, ost.Gradients]:
        targets = {key: given[key] for key in loss}
        return one.net.value_and_grad(one.x, targets, loss=loss, **one.ragged)

    both, grads = trained({"tags": "cross_entropy", "mood": ost.weighted("cross_entropy", 0.3)})
    first, of_tags = trained({"tags": "cross_entropy"})
    second, of_mood = trained({"mood": ost.losses.CrossEntropy()})
    assert both == pytest.approx(first + 0.3 * second, rel=1e-12)
    assert grads.losses == pytest.approx({"tags": first, "mood": 0.3 * second}, rel=1e-12)
    np.testing.assert_allclose(grads.arena, of_tags.arena + 0.3 * of_mood.arena, rtol=1e-10, atol=1e-12)


def test_a_shared_layer_has_its_parameters_once_and_a_state_for_each_call() -> None:
    one = case("siamese")
    assert list(one.net.parameters())[:4] == [
        f"0.{name}" for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    ]
    assert len(one.net.parameters()) == 6
    assert one.net.state_shapes == {"0.h": (2, 4)}
    run = one.net.run(one.x, **one.ragged)
    for place, key in enumerate(("a", "b")):
        alone = one.net[0].run(one.inputs[key], **one.ragged)
        np.testing.assert_array_equal(run.final_state["0.h"][place], alone.final_state["h"][0])


def test_a_penalty_on_shared_parameters_counts_once() -> None:
    dense = ost.Dense(3, 3, regularizers=["l2"], dtype="float64")
    a, b = ost.Input("a", size=3), ost.Input("b", size=3)
    net = ost.Graph(ost.add(dense(a), dense(b)))
    alone = ost.Dense(3, 3, regularizers=["l2"], dtype="float64")
    alone.load_state_dict(dense.state_dict())
    x = np.random.default_rng(0).normal(size=(2, 4, 3))
    run = net.run({"a": x, "b": x}, training=True)
    expected = alone.run(x, training=True)
    assert run.penalty == expected.penalty
    np.testing.assert_array_equal(
        run.backward(None, d_penalty=1.0).arena, expected.backward(None, d_penalty=1.0).arena
    )


def test_equal_layers_start_differently_and_a_seed_decides_all() -> None:
    def build(seed: int | None = None) -> ost.Graph:
        x = ost.Input("x", size=3)
        return ost.Graph(ost.concat(ost.GRU(3, 4)(x), ost.GRU(3, 4)(x)), seed=seed)

    net = build()
    assert (net.parameters()["0.weight_ih_l0"] != net.parameters()["1.weight_ih_l0"]).any()
    equal(build(3).state_dict(), build(3).state_dict())
    assert (build(3).arena != build(4).arena).any()


@pytest.mark.parametrize("base", [2, 0.5])
def test_a_number_to_the_power_of_a_symbol(base: float) -> None:
    x = ost.Input("x", size=3)
    values = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(ost.Graph(base**x)(values), base**values, rtol=1e-6)


def test_a_layer_in_a_graph_still_runs_alone_on_the_same_parameters() -> None:
    one = case("tagger")
    before = one.net[1].run(np.ones((1, 2, 3))).outputs
    one.net.arena[...] *= 0.5
    assert (one.net[1].run(np.ones((1, 2, 3))).outputs != before).any()
    assert len(one.net) == 4


def test_a_chain_of_thousands_of_nodes_is_no_recursion(tmp_path: Path) -> None:
    maker = Maker("float32")
    symbol = maker.seq()
    for _ in range(3000):
        symbol = ost.reverse(symbol)
    net = ost.Graph(symbol)
    net.save(tmp_path / "model")
    x = np.random.default_rng(0).normal(size=(1, 3, 3)).astype("float32")
    for one in (net, copy.deepcopy(net), pickle.loads(pickle.dumps(net)), ost.load(tmp_path / "model")):
        np.testing.assert_array_equal(one.run(x).outputs, x)


def test_a_graph_learns_through_the_optimizer() -> None:
    x, s = ost.Input("x", size=1), ost.Input("s", size=1, axis="row")
    h = ost.GRU(2, 8)(ost.concat(x, ost.repeat(s, x)))
    net = ost.Graph({"sum": ost.Dense(8, 1)(ost.last(h))}, seed=0)
    rng = np.random.default_rng(0)
    given = {"x": rng.normal(size=(32, 6, 1)), "s": rng.normal(size=(32, 1))}
    targets = {"sum": 0.3 * given["x"].sum(1) * given["s"]}
    optimizer, values = ost.Adam(lr=0.02), []
    for _ in range(150):
        value, grads = net.value_and_grad(given, targets, loss="mse")
        optimizer.step(net.arena, grads.arena)
        values.append(value)
    assert values[-1] < 0.1 * values[0]


def test_a_change_of_one_output_or_gradient_changes_no_other_array() -> None:
    x = ost.Input("x", size=3)
    net = ost.Graph({"a": (h := ost.Dense(3, 3)(x)), "b": h, "x": x})
    values = np.ones((1, 2, 3), np.float32)
    run = net.run(values, training=True)
    run.outputs["a"][...] = run.outputs["x"][...] = 7
    assert (run.outputs["b"] != 7).all() and (values == 1).all()
    run.backward({"x": values}).inputs[...] = 5
    assert (values == 1).all()


def test_packed_rows_run_where_there_are_several_inputs() -> None:
    one = case("add two sequences")
    lengths = one.ragged["lengths"]
    rows = {
        name: [row[:length] for row, length in zip(value, lengths, strict=True)]
        for name, value in one.inputs.items()
    }
    alive = [n for n, length in enumerate(lengths) if length]
    packed = {name: pack([value[n] for n in alive]) for name, value in rows.items()}
    np.testing.assert_array_equal(one.net.run(packed).outputs, one.net.run(rows).outputs[alive])
