"""`ost.Decoder` and `ost.Bridge` as layers: names, options, files, plugins, what is refused."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ostinato_attention.local import Local
from ostinato_attention.location import Location
from ostinato_attention.multi_head import MultiHead

import ostinato as ost
from ostinato.testing.distribution import install
from tests.bad import Bad
from tests.decoders.cells import Feeds, InPython, Matrix, Reads, Remembers, Sums, Wide
from tests.slopes import RELATIVE, slope

RNG = np.random.default_rng(0)
LENGTHS = {"time": [4, 0, 2], "source": [3, 5, 0]}


def arrays(width: int = 2) -> dict[str, Any]:
    return {"x": RNG.normal(size=(3, 4, 3)), "source": RNG.normal(size=(3, 5, width))}


def check_slopes(net: ost.Network, x: dict[str, Any], of: dict[str, Any]) -> None:
    run = net.run(x, lengths=of, training=True)
    d = np.where(run.outputs == 0, 0, RNG.normal(size=run.outputs.shape))
    grads = run.backward(d)

    def loss() -> float:
        return float((net(x, lengths=of) * d).sum())

    for values, found in ((net.parameters(), grads.params), (x, grads.inputs)):
        for name, value in values.items():
            np.testing.assert_allclose(
                found[name], slope(loss, value), rtol=RELATIVE, atol=1e-8, err_msg=name
            )


@pytest.mark.parametrize(
    "scorer", [MultiHead(heads=2), Local(), "attention/multi_head", MultiHead, Location()]
)
@pytest.mark.parametrize("query", ["before", "between", "after"])
def test_any_scorer(scorer: Any, query: str) -> None:
    net = ost.Decoder("gru", 3, 4, 4, scorer, query=query, dtype="float64")
    check_slopes(net, arrays(4), LENGTHS)


class Returns(ost.Scorer):
    """Scores by the place and by the weights of the step before, whatever the query and the key are."""

    past = 1

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        return {"u": ost.Param((3,), init="ones")}

    def step(self, query: Any, key: Any, p: Any, place: Any) -> Any:
        return 0.3 * place.position - ost.ops.dot(p.u, place.past)


@pytest.mark.parametrize("query", ["between", "after"])
def test_a_scorer_reads_the_weights_of_the_step_before(query: str) -> None:
    net = ost.Decoder("gru", 3, 4, 2, Returns, query=query, readout=None, dtype="float64")
    u, x = np.array([0.5, -2.0, 3.0]), arrays()
    net.parameters()["attend_u"][...] = u
    outputs = net(x, lengths=LENGTHS)
    contexts = outputs[..., -2:]
    for row, (steps, entries) in enumerate(zip(LENGTHS["time"], LENGTHS["source"], strict=True)):
        weights = np.zeros(entries)
        for t in range(steps):
            padded = np.pad(weights, 1)
            scores = np.array([0.3 * s - u @ padded[s : s + 3] for s in range(entries)])
            weights = np.exp(scores) / np.exp(scores).sum()
            np.testing.assert_allclose(contexts[row, t], weights @ x["source"][row, :entries], atol=1e-14)
    stream = net.stream(memory=x["source"], lengths=LENGTHS["source"])
    for t in range(2):
        np.testing.assert_allclose(stream.step(x["x"][:, t])[[0, 2]], outputs[[0, 2], t], atol=1e-14)


@pytest.mark.parametrize("cell", ["min_gru", "min_lstm", "linear_ssm", "diagonal_ssm", Reads, Reads()])
@pytest.mark.parametrize("query", ["between", "after"])
def test_any_cell(cell: Any, query: str) -> None:
    """Also one that reads the source itself, and those without a state h, whose output is the query."""
    net = ost.Decoder(cell, 3, 4, 2, query=query, dtype="float64")
    check_slopes(net, arrays(), LENGTHS)


def test_a_cell_with_a_memory_of_its_own_reads_it_too() -> None:
    net = ost.Decoder(Reads(memory="other", width=3), 3, 4, 2, dtype="float64")
    assert net.memories == {"source": 2, "other": 3}
    x = {**arrays(), "other": RNG.normal(size=(3, 6, 3))}
    check_slopes(net, x, {**LENGTHS, "other": [0, 2, 6]})


def test_a_readout_may_be_any_cell_with_states_of_its_own() -> None:
    net = ost.Decoder("gru", 3, 4, 2, query="after", readout=Sums, dtype="float64")
    assert net.state_shapes == {"h": (1, 4), "readout_total": (1, 3), "feed": (1, 3)}
    check_slopes(net, arrays(), LENGTHS)
    logits = ost.Decoder("gru", 3, 4, 2, readout=ost.Head(7))
    assert logits(arrays(), lengths=LENGTHS).shape == (3, 4, 7)


def test_options_of_the_cell_are_those_of_the_decoder() -> None:
    net = ost.Decoder("lstm", 3, 4, 2, proj_size=2, num_layers=2, query="between")
    assert net.state_shapes == {"h": (2, 2), "c": (2, 4)}
    assert "bias_ih_l0" not in ost.Decoder("gru", 3, 4, 2, bias=False).parameters()
    assert (net.memory_size, net.num_layers, net.hidden_size) == (2, 2, 4)
    assert repr(net) == "Decoder('lstm', 3, 4, 2, query='between', num_layers=2, proj_size=2)"


def test_initial_values_are_chosen_by_name_and_seed() -> None:
    ones = ost.Decoder("gru", 3, 4, 2, init={"weight_hh_l0": "ones", "attend_*": "zeros"})
    p = ones.parameters()
    assert (p["weight_hh_l0"] == 1).all() and not p["attend_weight_q"].any()
    first, other = (ost.Decoder("gru", 3, 4, 2, seed=seed).arena for seed in (0, 1))
    assert np.array_equal(first, ost.Decoder("gru", 3, 4, 2).arena) and not np.array_equal(first, other)


def test_regularizers_apply_to_the_whole_step() -> None:
    net = ost.Decoder("gru", 3, 4, 2, regularizers=["recurrent_dropout"])
    x = arrays()
    one, other = (net.run(x, lengths=LENGTHS, training=True, seed=seed).outputs for seed in (1, 2))
    assert not np.array_equal(one, other)
    assert np.array_equal(net(x, lengths=LENGTHS), net(x, lengths=LENGTHS))


@pytest.mark.parametrize("query", ["before", "between", "after"])
def test_files_copies_and_pickles_hold_a_decoder(query: str, tmp_path: Path) -> None:
    net, x = ost.Decoder("lstm", 3, 4, 2, query=query, num_layers=2), arrays()
    net.save(tmp_path / "model")
    loaded = ost.load(tmp_path / "model")
    assert repr(loaded) == repr(net)
    assert (loaded.memory_size, loaded.num_layers) == (2, 2)
    for other in (loaded, copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert np.array_equal(other(x, lengths=LENGTHS), net(x, lengths=LENGTHS))
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()


PLUGIN = """
import ostinato as ost
from ostinato import ops

class Leaky(ost.Cell):
    name = "leaky"
    def parameters(self, size):
        return {"W": ost.Param((size.hidden, size.input)), "U": ost.Param((size.hidden, size.hidden))}
    def state(self, size):
        return {"h": ost.State(size.hidden)}
    def step(self, x, state, p):
        h = 0.5 * state.h + 0.5 * ops.tanh(p.W @ x + p.U @ state.h)
        return h, {"h": h}

class Cubic(ost.Scorer):
    name = "cubic"
    def parameters(self, size):
        return {"W": ost.Param((size.query, size.key))}
    def step(self, query, key, p, place):
        return ops.dot(query, p.W @ key) ** 3

@ost.hookimpl
def ostinato_cells():
    return [ost.CellSpec.of(Leaky)]

@ost.hookimpl
def ostinato_scorers():
    return [ost.ScorerSpec.of(Cubic)]
"""

TRAIN = """
import sys
from pathlib import Path
import numpy as np
import ostinato as ost
{make}
rng = np.random.default_rng(0)
x = {{"source": rng.normal(size=(4, 5, 2)), "words": rng.integers(0, 7, size=(4, 6))}}
of = {{"target": [6, 3, 0, 5], "source": [5, 0, 2, 4]}}
searches = {{"beam": 3, "n_best": 3}}, {{"sample": ost.Sample(3, temperature=2.0)}}
for update in range(3):
    loss, grads = net.value_and_grad(x, np.ones((4, 6), int), loss="cross_entropy", lengths=of)
    net.arena[...] -= np.float32(0.1) * grads.arena
    print(repr(loss))
    for search in searches:
        found = net.decode(x["source"], lengths=of["source"], begin=0, end=1, max_length=8, **search)
        for one in (one for row in found for one in row):
            print(one.tokens.tolist(), one.score.hex(), one.log_probs.tobytes())
print(net.arena.tobytes().hex())
"""

MAKE = """
encoder = ost.GRU(2, 3, bidirectional=True)
decoder = ost.Decoder("acme/leaky", 3, 4, 6, "acme/cubic", query="{query}")
encoded = encoder(ost.Input("source", size=2, axis="source"))
start = ost.Bridge(encoder, decoder)(encoded)
words = ost.Embedding(7, 3)(ost.Input("words", ids=7, axis="target"))
net = ost.Graph(ost.Dense(4, 7)(decoder(words, source=encoded, initial_state=start)))
net.save(sys.argv[1])
"""


@pytest.mark.parametrize("query", ["before", "between", "after"])
def test_a_decoder_of_a_plugins_cell_and_scorer_decodes_and_trains_on_without_the_plugin(
    query: str, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    install(site, "ostinato-acme", PLUGIN, module="acme_parts", version="1.2")
    path = str(tmp_path / "model")

    def run(make: str, *folders: Path) -> str:
        done = subprocess.run(
            [sys.executable, "-c", TRAIN.format(make=make), path],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, folders), *filter(None, sys.path)])},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    printed = run(MAKE.format(query=query), site)
    lines = printed.splitlines()
    assert (
        len(lines) == 3 * (1 + 4 * (3 + 3)) + 1 and len({*lines[::25]}) == 4
    )  # each update changed the loss
    assert lines[1:25] != lines[26:50]  # and what is decoded
    assert run("assert not ost.plugins.list('cell') or 'acme/leaky' not in ost.plugins.list('cell')\n"
               "net = ost.load(sys.argv[1])") == printed  # fmt: skip
    record = Path(path).read_bytes()
    for part in (b"cell acme/leaky", b"scorer acme/cubic", b"ostinato-acme"):
        assert part in record


def test_a_bridge_copies_what_fits() -> None:
    encoder = ost.LSTM(3, 2, 2, bidirectional=True, dtype="float64")
    decoder = ost.Decoder("lstm", 3, 4, 4, num_layers=2, dtype="float64")
    bridge = ost.Bridge(encoder, decoder, method="copy", dtype="float64")
    encoded = encoder(ost.Input("source", size=3, axis="source"))
    start = bridge(encoded)
    assert {name: [one.width for one in many] for name, many in start.items()} == {"h": [4, 4], "c": [4, 4]}
    net = ost.Graph({f"{name}{layer}": one for name, many in start.items() for layer, one in enumerate(many)})
    x = RNG.normal(size=(2, 3, 3))
    final = encoder.run(x).final_state
    for name in ("h", "c"):
        for layer in (0, 1):
            wanted = np.concatenate([final[name][2 * layer], final[name][2 * layer + 1]], axis=-1)
            np.testing.assert_array_equal(net(x)[f"{name}{layer}"], wanted)


def test_a_bridge_takes_any_sizes_names_and_directions() -> None:
    """An LSTM of three layers after a GRU of two directions: c starts from all states of the encoder."""
    encoder = ost.GRU(3, 2, bidirectional=True)
    decoder = ost.Decoder("lstm", 3, 5, 4, num_layers=3)
    bridge = ost.Bridge(encoder, decoder, activation="relu")
    assert repr(bridge) == "Bridge({'h': [2, 2]}, {'h': [5, 5, 5], 'c': [5, 5, 5]}, activation='relu')"
    x = RNG.normal(size=(2, 4)).astype("float32")
    first = bridge.parameters()
    made = np.maximum(x @ first["3.weight"].T + first["3.bias"], 0)
    np.testing.assert_allclose(bridge(x)[:, 15:20], made, rtol=1e-5, atol=1e-6)


X, SOURCE = ost.Input("x", size=3), ost.Input("source", size=2, axis="source")


def decoder(cell: Any = "gru", *args: Any, **options: Any) -> ost.Decoder:
    return ost.Decoder(cell, 3, 4, 2, *args, **options)


def bridge(encoder: Any, other: Any, **options: Any) -> Any:
    return lambda: ost.Bridge(encoder, other, **options)


BAD = {
    "a memory that is not given": Bad(lambda: decoder()(X), ost.DTypeError, ("2 inputs", "'source'")),
    "arrays without a memory": Bad(
        lambda: decoder().run(np.zeros((1, 2, 3))), ost.OstinatoError, ("'source'",)
    ),
    "a dict without a memory": Bad(
        lambda: decoder().run({"x": np.zeros((1, 2, 3))}), ost.OstinatoError, ("'source'",)
    ),
    "a memory of another name": Bad(
        lambda: decoder()(X, memory=SOURCE), ost.ConfigError, ("no input 'memory'", "'source'")
    ),
    "a memory of another width": Bad(
        lambda: decoder()(X, source=ost.Input("s", size=3, axis="s")),
        ost.ShapeError,
        ("'source'", "2 features", "has 3"),
    ),
    "a memory of other rows": Bad(
        lambda: decoder().run({"x": np.zeros((2, 4, 3)), "source": np.zeros((3, 5, 2))}),
        ost.ShapeError,
        ("rows",),
    ),
    "a memory that is a row": Bad(
        lambda: decoder()(X, source=ost.Input("s", size=2, axis="row")), ost.ShapeError, ("is a sequence",)
    ),
    "an unknown query": Bad(
        lambda: decoder(query="during"), ost.ConfigError, ("query", "before, between, after")
    ),
    "an unknown cell": Bad(lambda: decoder("gur"), ost.ConfigError, ("no cell 'gur'",)),
    "an unknown scorer": Bad(lambda: decoder("gru", "aditive"), ost.ConfigError, ("attention", "'additive'")),
    "an unknown readout": Bad(lambda: decoder(readout="tan"), ost.ConfigError, ("'tanh', 'deep' and None",)),
    "a readout that is none": Bad(lambda: decoder(readout=3), ost.DTypeError, ("readout", "and None")),
    "an unknown option": Bad(
        lambda: decoder(bidirectional=True), ost.ConfigError, ("no option 'bidirectional'",)
    ),
    "options of an instance": Bad(lambda: decoder(Wide(), bias=False), ost.ConfigError, ("is an instance",)),
    "no layers": Bad(lambda: decoder(num_layers=0), ost.ConfigError, ("num_layers is 0",)),
    "more layers than a step holds": Bad(
        lambda: decoder(num_layers=2**63), ost.ConfigError, ("num_layers is", "at most 64")
    ),
    "a readout without a step": Bad(
        lambda: decoder(readout=ost.Cell()), ost.ConfigError, ("readout: cell 'cell'", "no step")
    ),
    "a memory of no features": Bad(
        lambda: ost.Decoder("gru", 3, 4, 0), ost.ConfigError, ("memory_size is 0",)
    ),
    "two cells that read nothing": Bad(
        lambda: decoder(query="between", input_feeding=False), ost.ConfigError, ("input_feeding is False",)
    ),
    "a cell without the state h": Bad(
        lambda: decoder("diagonal_ssm"),
        ost.ConfigError,
        ("'before'", "'diagonal_ssm'", "re", "query='after'"),
    ),
    "a cell whose state h is a matrix": Bad(lambda: decoder(Matrix), ost.ConfigError, ("'h'", "a vector")),
    "a cell with a state called feed": Bad(lambda: decoder(Feeds), ost.ConfigError, ("'feed'",)),
    "two cells of other states": Bad(
        lambda: decoder(Wide, query="between"), ost.ConfigError, ("depend on the width of its input",)
    ),
    "a step in Python": Bad(lambda: decoder(InPython), ost.ConfigError, ("'inpython'", "runs in Python")),
    "a cell with a state called past_weights": Bad(
        lambda: decoder(Remembers), ost.ConfigError, ("'past_weights'", "another name")
    ),
    "a scorer of equal widths": Bad(lambda: decoder("gru", "dot"), ost.ShapeError, ("4", "2")),
    "a cell with another source": Bad(
        lambda: decoder(Reads(width=3)), ost.ConfigError, ("memory_size is 2", "with 3 features")
    ),
    "an unknown initial state": Bad(
        lambda: decoder()(X, source=SOURCE, initial_state={"c": ost.Input("c", size=4, axis="row")}),
        ost.ConfigError,
        ("no state 'c'", "'h'"),
    ),
    "a bridge from a layer without states": Bad(
        bridge(ost.Dense(2, 3), ost.GRU(2, 3)), ost.ConfigError, ("encoder is", "no states")
    ),
    "a bridge from a number": Bad(bridge(3, ost.GRU(2, 3)), ost.ConfigError, ("encoder is 3",)),
    "a bridge to widths that are none": Bad(
        bridge(ost.GRU(2, 3), {"h": 3}), ost.ConfigError, ("decoder has 3 for the state 'h'",)
    ),
    "a bridge to a width of 0": Bad(bridge({"h": [2]}, {"h": [0]}), ost.ConfigError, ("decoder['h'] is 0",)),
    "a bridge of an unknown method": Bad(
        bridge({"h": [2]}, {"h": [2]}, method="copies"), ost.ConfigError, ("method",)
    ),
    "a bridge of an unknown activation": Bad(
        bridge({"h": [2]}, {"h": [2]}, activation="tan"), ost.ConfigError, ("activation",)
    ),
    "a copy with an activation": Bad(
        bridge({"h": [2]}, {"h": [2]}, method="copy", activation="relu"),
        ost.ConfigError,
        ("changes nothing",),
    ),
    "a copy to another size": Bad(
        bridge(ost.GRU(2, 3, bidirectional=True), ost.GRU(2, 4), method="copy"),
        ost.ConfigError,
        ("'h' of layer 0", "6 in the encoder (3 + 3)", "hidden_size=6", "method='dense'"),
    ),
    "a copy to another number of layers": Bad(
        bridge(ost.GRU(2, 3, 3), ost.GRU(2, 3, 2), method="copy"),
        ost.ConfigError,
        ("3 states 'h'", "2 layers", "method='dense'"),
    ),
    "a copy of a state that is not there": Bad(
        bridge(ost.GRU(2, 3), ost.LSTM(2, 3), method="copy"), ost.ConfigError, ("no state 'c'", "'h'")
    ),
    "a bridge called with another layer": Bad(
        lambda: ost.Bridge(ost.GRU(3, 2), decoder())(ost.GRU(3, 5)(X)),
        ost.ShapeError,
        ("{'h': [5]}", "expected {'h': [2]}"),
    ),
    "a bridge called with a sequence": Bad(
        lambda: ost.Bridge(ost.GRU(3, 2), decoder())(X), ost.ShapeError, ("no final states",)
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_refused_with_a_typed_error(name: str) -> None:
    BAD[name].check()


def test_a_bridge_has_the_dtype_of_its_decoder() -> None:
    encoder, decoder = (ost.GRU(2, 3, dtype=dtype) for dtype in ("float32", "float64"))
    assert ost.Bridge(encoder, decoder).dtype == np.float64
    assert ost.Bridge(decoder, encoder).dtype == np.float32
    assert ost.Bridge({"h": [2]}, {"h": [3]}).dtype == np.float32
    assert ost.Bridge(encoder, {"h": [3]}, dtype="float64").dtype == np.float64
    # a graph of float64 needs no other word
    source, words = (ost.Input(name, size=2, axis=name) for name in ("source", "words"))
    encoder = ost.GRU(2, 3, dtype="float64")
    decoded = decoder(words, initial_state=ost.Bridge(encoder, decoder)(encoder(source)))
    assert ost.Graph(decoded).dtype == np.float64
