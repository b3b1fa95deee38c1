"""Layers as authors write them: the kit, models with them, files without their class, what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import testing
from ostinato.plugins.registry import registry
from ostinato.testing.distribution import install
from tests.bad import Bad
from tests.layers.makes import LAYERS, Bag, Classifier, Film, Highway, Noisy, Plain, Reader, Tied

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5, 3))


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_every_layer_passes_the_kit(layer: type[ost.Layer]) -> None:
    report = testing.check_layer(layer, "quick")
    report.raise_if_failed()
    assert report.counts["skipped"] == 0


def test_a_highway_is_what_its_equation_says() -> None:
    layer = Highway(3, dtype="float64", seed=4)
    gate_weight, gate_bias, weight, bias = layer.parameters().values()
    gate = 1 / (1 + np.exp(-(X @ gate_weight.T + gate_bias)))
    expected = gate * np.tanh(X @ weight.T + bias) + (1 - gate) * X
    np.testing.assert_allclose(layer(X), expected, rtol=1e-12)


def test_options_have_defaults_order_and_repr() -> None:
    assert repr(Highway(3)) == "Highway(3)"
    assert repr(Highway(3, "relu", seed=2, dtype=np.float64)) == (
        "Highway(3, activation='relu', dtype='float64', seed=2)"
    )
    assert Noisy(3, 2).dropout == 0.4
    assert Classifier(3, 2).options == {
        "dtype": "float32",
        "seed": 0,
        "input_size": 3,
        "classes": 2,
        "hidden": 3,
        "dropout": 0.0,
    }


def test_equal_layers_in_a_sequential_start_differently() -> None:
    net = ost.Sequential(Highway(3), Highway(3))
    first, second = (layer.arena for layer in net.layers.values())
    assert not np.array_equal(first, second)


def chained(seed: int = 0) -> ost.Sequential:
    """Two equal layers, so that the Sequential draws one of them anew."""
    return ost.Sequential(Highway(3, seed=seed), ost.Dense(3, 3), ost.Dense(3, 3))


def test_equal_chains_in_a_network_start_differently() -> None:
    net = ost.Sequential(chained(), chained())
    first, second = (layer.arena for layer in net.layers.values())
    assert not np.array_equal(first, second)
    x = ost.Input("x", size=3)
    graph = ost.Graph(ost.concat(chained()(x), chained()(x)))
    assert not np.array_equal(graph[0].arena, graph[1].arena)
    trained, copied = chained(), chained()
    for layer in (trained, copied):
        layer[2].arena[...] = 0.5
    ost.Sequential(trained, copied)
    np.testing.assert_array_equal(trained.arena, copied.arena)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_layer_may_be_made_of_chains(dtype: str, tmp_path: Path) -> None:
    def build(self: Any, x: ost.Symbol) -> ost.Symbol:
        return ost.Sequential(chained(), ost.GRU(3, 4))(x)

    made = layer_of(build)
    layer, again = made(3, dtype=dtype), made(3, dtype=dtype)
    np.testing.assert_array_equal(layer.arena, again.arena)
    assert not np.array_equal(layer.arena, made(3, dtype=dtype, seed=1).arena)
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(dtype)
    layer.save(tmp_path / "model")
    np.testing.assert_array_equal(ost.load(tmp_path / "model")(x), layer(x))


def test_the_seed_decides_the_initial_values_of_every_layer_in_it() -> None:
    one, two, other = Highway(3, seed=1).arena, Highway(3, seed=1).arena, Highway(3, seed=2).arena
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)
    gate, _, weight, _ = Highway(3).parameters().values()
    assert not np.array_equal(gate, weight)
    np.testing.assert_array_equal(Highway(3, dtype="float64").arena.astype("float32"), Highway(3).arena)


def test_a_layer_of_two_inputs_takes_them_in_order_by_name_and_as_symbols() -> None:
    layer, row = Film(3, 2, dtype="float64"), RNG.normal(size=(3, 2))
    outputs = layer(X, row)
    np.testing.assert_array_equal(outputs, layer({"x": X, "condition": row}))
    graph = ost.Graph(layer(ost.Input("a", size=3), ost.Input("b", size=2, axis="row")))
    np.testing.assert_array_equal(outputs, graph({"a": X, "b": row}))


def test_a_layer_step_by_step_takes_values_of_rows() -> None:
    row = ost.Input("row", size=3, axis="row")
    graph = ost.Graph(ost.Dense(3, 1)(Highway(3)(row)))
    assert graph(np.zeros((4, 3))).shape == (4, 1)


def test_parameters_of_a_layer_called_twice_are_there_once() -> None:
    assert list(Tied(2, 3).parameters()) == [
        "0.weight_ih_l0",
        "0.weight_hh_l0",
        "0.bias_ih_l0",
        "0.bias_hh_l0",
    ]


def test_a_model_with_layers_learns_and_is_explained() -> None:
    x = RNG.normal(size=(64, 6, 3)).astype("float32")
    labels = (x.sum((1, 2)) > 0).astype(int)
    net = ost.Sequential(Highway(3), Classifier(3, 2, hidden=8, dropout=0.1))
    adam, losses = ost.Adam(lr=2e-2), []
    for _ in range(60):
        loss, grads = net.value_and_grad(x, labels, loss="cross_entropy")
        adam.step(net.arena, grads.arena)
        losses.append(loss)
    assert losses[-1] < 0.3 < losses[0]
    assert "gru" in net.explain()
    assert "1.0.weight_ih_l0" in str(net)


@pytest.mark.parametrize(
    "way", [ost.TruncatedBPTT(9, 9), ost.CheckpointedBPTT("sqrt"), ost.CheckpointedBPTT(100_000)], ids=repr
)
def test_every_way_through_time_gives_the_bits_of_full_bptt(way: Any) -> None:
    x, targets = RNG.normal(size=(5, 9, 3)), RNG.normal(size=(5, 9, 3))
    gru, last = (ost.GRU(3, 3, dtype="float64", seed=seed) for seed in (1, 2))
    net = ost.Sequential(gru, Highway(3, dtype="float64"), ost.Dropout(0.3), last)
    arguments: dict[str, Any] = {"loss": "mse", "lengths": [9, 5, 3, 1, 0], "seed": 3}
    loss, grads = net.value_and_grad(x, targets, **arguments)
    other, others = net.value_and_grad(x, targets, through_time=way, **arguments)
    assert loss == other
    np.testing.assert_array_equal(grads.arena, others.arena)


def test_a_stream_runs_through_a_layer_with_the_bits_of_a_run() -> None:
    net = ost.Sequential(ost.GRU(3, 3), Highway(3), ost.Dropout(0.3), Plain(3))
    stream, x = net.stream(batch=3), X.astype("float32")
    steps = [stream.step(np.ascontiguousarray(x[:, step])).copy() for step in range(5)]
    np.testing.assert_array_equal(np.stack(steps, axis=1), net(x))


PLUGIN = '''
import ostinato as ost

class Doubling(ost.Layer):
    """Twice a dense layer."""
    input_size: int
    def build(self, x):
        return 2 * ost.Dense(x.width, x.width, "tanh")(x)

@ost.hookimpl
def ostinato_layers():
    return [ost.LayerSpec("doubling", Doubling)]
'''

SAVE = """
import sys, numpy as np, ostinato as ost
from acme_layers import Doubling
named = ost.plugins.registry.make("layer", "acme/doubling", ost.Network, {"input_size": 3})
for place, layer in enumerate([Doubling(3), named]):
    net = ost.Sequential(ost.GRU(2, 3), layer, "last")
    net.save(f"{sys.argv[1]}/model{place}")
    np.save(f"{sys.argv[1]}/outputs{place}.npy", net(np.ones((2, 4, 2), "float32")))
"""


@pytest.mark.parametrize("place", [0, 1], ids=["made by its class", "made by its name"])
def test_a_model_of_a_plugins_layer_loads_and_trains_without_the_plugin(place: int, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    install(tmp_path / "site", "ostinato-acme", PLUGIN, module="acme_layers", version="1.2")
    done = subprocess.run(
        [sys.executable, "-c", SAVE, str(tmp_path)],
        env=_with(tmp_path / "site"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "acme_layers" not in sys.modules
    net = ost.load(tmp_path / f"model{place}")
    x = np.ones((2, 4, 2), "float32")
    np.testing.assert_array_equal(net(x), np.load(tmp_path / f"outputs{place}.npy"))
    assert repr(net) == "Sequential(GRU(2, 3), Doubling(3), Last())"
    record = (tmp_path / f"model{place}").read_bytes()
    assert b'\\"name\\":\\"acme/doubling\\"' in record
    assert b'\\"distribution\\":\\"ostinato-acme\\",\\"version\\":\\"1.2\\"' in record
    loss, grads = net.value_and_grad(x, np.ones((2, 3)), loss="mse")
    assert np.isfinite(loss)
    assert grads.arena.any()
    net.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == record


def _with(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])}


def layer_of(build: Callable[..., Any] | None = None, **members: Any) -> type[ost.Layer]:
    """A class with this build and these members; annotations are `options`."""
    more = {} if build is None else {"build": build}
    annotations = members.pop("options", {"input_size": int})
    return type("Mine", (ost.Layer,), {"__annotations__": annotations, **more, **members})


def spoiled(self: Any, x: ost.Symbol) -> ost.Symbol:
    layer = ost.Dense(3, 3)
    layer.arena[...] = 1.0
    return layer(x)


OWNED = ost.Sequential(ost.Dense(3, 3), ost.Dense(3, 2))

BAD: dict[str, Bad] = {
    "an unknown option": Bad(
        lambda: Highway(3, activate="relu"), ost.ConfigError, ("did you mean 'activation'",)
    ),
    "an option too few": Bad(lambda: Highway(), TypeError, ("input_size",)),
    "a dtype that is none": Bad(lambda: Highway(3, dtype="int8"), ost.ConfigError, ("Highway", "int8")),
    "a seed below 0": Bad(lambda: Highway(3, seed=-1), ost.ConfigError, ("Highway", "seed")),
    "an option that is set later": Bad(
        lambda: setattr(Highway(3), "activation", "relu"), AttributeError, ("'activation' is fixed",)
    ),
    "an option next to an instance": Bad(
        lambda: ost.Sequential(Highway(3)).layers["0"].extra, AttributeError, ("extra",)
    ),
    "no build": Bad(lambda: layer_of()(3), ost.ConfigError, ("'mine' has no build", "build(self, x)")),
    "no inputs": Bad(
        lambda: layer_of(lambda self, x: x, options={})(),
        ost.ConfigError,
        ("no option input_size", "input_symbols(self)"),
    ),
    "inputs that are none": Bad(
        lambda: layer_of(lambda self, x: x, input_symbols=lambda self: [3])(3),
        ost.ConfigError,
        ("input_symbols returns 3",),
    ),
    "a method inputs": Bad(
        lambda: layer_of(lambda self, x: x, inputs=lambda self: [X]),
        ost.ConfigError,
        ("is called input_symbols",),
    ),
    "two inputs of one name": Bad(
        lambda: layer_of(lambda self, x, y: x * y, input_symbols=lambda self: [ost.Input("x", size=2)] * 2)(
            2
        ),
        ost.ConfigError,
        ("different names",),
    ),
    "an input that build does not use": Bad(
        lambda: layer_of(
            lambda self, x, y: 2 * x,
            input_symbols=lambda self: [ost.Input("x", size=3), ost.Input("y", size=3)],
        )(3),
        ost.ConfigError,
        ("does not use", "input 'y'"),
    ),
    "an input of its own in build": Bad(
        lambda: layer_of(lambda self, x: x + ost.Input("y", size=3))(3),
        ost.ConfigError,
        ("build uses", "input 'y'"),
    ),
    "a build that returns nothing": Bad(
        lambda: layer_of(lambda self, x: None)(3), ost.DTypeError, ("build returns a NoneType",)
    ),
    "a build that returns several": Bad(
        lambda: layer_of(lambda self, x: (x, x))(3), ost.DTypeError, ("build returns a tuple",)
    ),
    "parameters that build has changed": Bad(
        lambda: layer_of(spoiled)(3), ost.ConfigError, ("layer '0', Dense(3, 3)", "not its initial values")
    ),
    "a layer that has a place already": Bad(
        lambda: layer_of(lambda self, x: OWNED[0](x))(3, dtype="float64"),
        ost.ConfigError,
        ("has a place in a network",),
    ),
    "an option that would be the list of layers": Bad(
        lambda: layer_of(lambda self, x: x, options={"layers": int}),
        ost.ConfigError,
        ("'layers'", "another name"),
    ),
    "an option with a name that networks have": Bad(
        lambda: layer_of(lambda self, x: x, options={"output_size": int}),
        ost.ConfigError,
        ("'output_size'", "another name"),
    ),
    "an input_size that the first input has not": Bad(
        lambda: layer_of(lambda self, x: 2 * x, input_symbols=lambda self: [ost.Input("x", size=4)])(3),
        ost.ConfigError,
        ("input_size is 3", "input 'x'"),
    ),
    "a default that can be changed": Bad(
        lambda: layer_of(lambda self, x: x, options={"sizes": list}, sizes=[1]), ost.ConfigError, ("sizes",)
    ),
    "a sequence for a value of rows": Bad(
        lambda: Bag(5, 3)(ost.Input("w", ids=5, axis="row")), ost.ShapeError, ("mean", "no time axis")
    ),
    "another width": Bad(lambda: Highway(3)(ost.Input("x", size=4)), ost.ShapeError, ("takes 3", "has 4")),
    "another width of a second input": Bad(
        lambda: Film(3, 2)(ost.Input("x", size=3), ost.Input("c", size=3, axis="row")),
        ost.ShapeError,
        ("takes as 'condition' 2", "has 3"),
    ),
    "one of two symbols": Bad(
        lambda: Film(3, 2)(ost.Input("x", size=3)),
        ost.DTypeError,
        ("1 symbols", "2 inputs, 'x', 'condition'"),
    ),
    "three of two arrays": Bad(lambda: Film(3, 2)(X, X, X), ost.DTypeError, ("3 values", "2 inputs")),
    "two inputs in a Sequential": Bad(
        lambda: ost.Sequential(Highway(3), Film(3, 2)),
        ost.ConfigError,
        ("Film(3, 2) has several inputs", "ost.Graph"),
    ),
    "an attention with a query of another width at every step": Bad(
        lambda: ost.Attention("dot", 3, 3)(ost.Input("q", size=2), ost.Input("m", size=3)),
        ost.ShapeError,
        ("'x' 3 features", "input 'q'> has 2"),
    ),
    "an attention of every step to a row": Bad(
        lambda: ost.Attention("dot", 3, 3)(ost.Input("q", size=3), ost.Input("m", size=3, axis="row")),
        ost.ShapeError,
        ("memory 'memory' is a sequence", "a value of rows"),
    ),
    "an attention to a row": Bad(
        lambda: ost.Attention("dot", 3, 3)(*[ost.Input(name, size=3, axis="row") for name in "qm"]),
        ost.ShapeError,
        ("memory is", "expected a sequence"),
    ),
    "an attention with a query of another width": Bad(
        lambda: ost.Attention("dot", 3, 3)(ost.Input("q", size=2, axis="row"), ost.Input("m", size=3)),
        ost.ShapeError,
        ("query is", "expected 3 features"),
    ),
    "an attention of a symbol and an array": Bad(
        lambda: ost.Attention("dot", 3, 3)(ost.Input("q", size=3, axis="row"), X),
        ost.DTypeError,
        ("two symbols",),
    ),
    "attend with heads that do not divide": Bad(
        lambda: ost.attend(ost.Input("s", size=2), ost.Input("x", size=3)),
        ost.ShapeError,
        ("a multiple of 2",),
    ),
    "attend to a row": Bad(
        lambda: ost.attend(ost.Input("s", size=1), ost.Input("x", size=3, axis="row")),
        ost.ShapeError,
        ("values is", "a sequence"),
    ),
    "register of a class that is no layer": Bad(
        lambda: ost.register(ost.Dense), ost.ConfigError, ("register: item is",)
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_refused_with_a_typed_error(name: str) -> None:
    BAD[name].check()


def test_a_refused_layer_stays_what_it_is() -> None:
    before = OWNED.arena.copy()
    with pytest.raises(ost.ConfigError):
        layer_of(lambda self, x: OWNED[0](x))(3, dtype="float64")
    assert OWNED[0].dtype == "float32"
    assert np.shares_memory(OWNED[0].arena, OWNED.arena)
    np.testing.assert_array_equal(OWNED.arena, before)


@pytest.fixture
def registered() -> Iterator[None]:
    with registry.isolated(list):
        ost.register(Plain)
        yield


def test_a_registered_layer_has_a_name(registered: None) -> None:
    assert "local/plain" in ost.plugins.list("layer")
    testing.check("local/plain", "quick", kind="layer").raise_if_failed()


def test_attention_in_a_graph_equals_attention_on_arrays() -> None:
    attention = ost.Attention("additive", 2, 4, dtype="float64", seed=3)
    query, memory, lengths = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 6, 4)), [6, 2, 0]
    run = attention.run(query, memory, lengths)
    slope = RNG.normal(size=(3, 4))
    back = run.backward(slope)
    graph = ost.Graph(attention(ost.Input("q", size=2, axis="row"), ost.Input("m", size=4)))
    found = graph.run({"q": query, "m": memory}, lengths=lengths, training=True)
    np.testing.assert_allclose(found.outputs, run.context, rtol=0, atol=1e-14)
    grads = found.backward(slope)
    np.testing.assert_allclose(grads.inputs["q"], back.query, rtol=0, atol=1e-14)
    np.testing.assert_allclose(grads.inputs["m"], back.memory, rtol=0, atol=1e-14)
    for one, other in zip(grads.params.values(), back.params.values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-14)


def test_a_reader_is_made_of_a_layer_that_is_made_of_layers() -> None:
    assert repr(Reader(2, 4).layers["0"]) == "Highway(4)"
