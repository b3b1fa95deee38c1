"""A network is data: `net.graph()`, its text, and the graph in model files."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import ostinato as ost
from ostinato import _core

GOLDEN = Path(__file__).parents[1] / "golden"


def network(seed=0):
    x, speaker = ost.Input("x", size=3), ost.Input("speaker", size=2, axis="row")
    h = ost.GRU(3, 4, bidirectional=True, seed=seed)(x)
    return ost.Graph({"tags": ost.Dense(8, 5)(h), "mood": ost.Dense(10, 2)(ost.concat(ost.last(h), speaker))})


def test_a_file_of_format_1_loads_with_the_bits_that_it_was_saved_with():
    """Written by the release before graphs were stored; the outputs next to it are that release's."""
    net = ost.load(GOLDEN / "model-format-1.safetensors")
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    np.testing.assert_array_equal(net.run(x).outputs, np.load(GOLDEN / "model-format-1.npy"))


def test_a_graph_is_frozen_and_equal_to_that_of_the_same_make():
    data = network().graph()
    assert data == network(seed=7).graph()
    assert data.hash == network().graph().hash != ost.GRU(3, 4).graph().hash
    assert data.inputs == ("x", "speaker")
    assert list(data.outputs) == ["tags", "mood"]
    assert {node["op"] for node in data.nodes} == {"input", "layer", "reverse", "concat", "last"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.text = ""
    data.nodes.clear()
    assert data.nodes
    name, offset, shape = data.parameters[0]
    net = network()
    size = int(np.prod(shape))
    np.testing.assert_array_equal(net.arena[offset : offset + size].reshape(shape), net.parameters()[name])
    assert [state for state, _ in data.states] == ["0.h", "0.h"]
    assert "tags" in repr(data)


def test_the_graph_of_a_file_is_that_of_its_layers(tmp_path):
    path = tmp_path / "model.safetensors"
    network().save(path)
    metadata, _ = _core.load_model(str(path))
    assert metadata["ostinato.graph"] == ost.load(path).graph().to_json()


def changed(graph):
    graph["graph"]["nodes"][0]["name"] = "other"


def other_place(graph):
    graph["parameters"][0][1] = 16


def no_states(graph):
    graph["states"] = []


@pytest.mark.parametrize("change", [changed, other_place, no_states])
def test_a_graph_that_is_not_that_of_the_layers_is_refused(change, tmp_path):
    path = tmp_path / "model.safetensors"
    net = network()
    net.save(path)
    metadata, tensors = _core.load_model(str(path))
    graph = json.loads(metadata["ostinato.graph"])
    change(graph)
    metadata["ostinato.graph"] = json.dumps(graph, separators=(",", ":"))
    _core.save_model(str(path), metadata, list(tensors.items()))
    with pytest.raises(ost.FormatError, match="not that of its layers"):
        ost.load(path)


@pytest.mark.parametrize("lost", ["ostinato.graph", "ostinato.model"])
def test_a_file_without_one_of_its_descriptions_is_refused(lost, tmp_path):
    path = tmp_path / "model.safetensors"
    network().save(path)
    metadata, tensors = _core.load_model(str(path))
    del metadata[lost]
    _core.save_model(str(path), metadata, list(tensors.items()))
    with pytest.raises(ost.FormatError, match=r"graph is missing|no model"):
        ost.load(path)
