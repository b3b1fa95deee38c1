"""Model files of graphs that `save` would not write: each edit is refused by name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import _core
from ostinato.io.model import KEY

X, S, IDS = ost.Input("x", size=3), ost.Input("s", size=2, axis="row"), ost.Input("w", ids=5)
x, s = np.zeros((2, 5, 3)), np.zeros((2, 2))

# Each edit is given the nodes of the graph below, and the whole description.
Edit = Callable[[list[dict[str, Any]], dict[str, Any]], Any]


def saved(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The description and the tensors of a graph with every form of node."""
    h = (gru := ost.GRU(3, 4))(ost.add(X, ost.Embedding(5, 3)(IDS)))
    again = ost.repeat(ost.max(gru(ost.reverse(X))), X)
    mood = ost.Dense(6, 3)(ost.concat(ost.last(h), S))
    ost.Graph({"tags": ost.Dense(4, 2)(h), "mood": mood, "again": again}).save(path)
    metadata, tensors = _core.load_model(str(path))
    return json.loads(metadata[KEY]), tensors


def named(nodes: list[dict[str, Any]], op: str) -> dict[str, Any]:
    """The first node of this op."""
    return next(node for node in nodes if node["op"] == op)


def edit(op: str, /, **changed: Any) -> Edit:
    return lambda nodes, _: named(nodes, op).update(changed)


def graph_edit(**changed: Any) -> Edit:
    return lambda _, description: description["network"].update(changed)


def first_output(**changed: Any) -> Edit:
    return lambda _, description: description["network"]["outputs"][0][1].update(changed)


def doubling(nodes: list[dict[str, Any]], description: dict[str, Any]) -> None:
    """Each node as wide as two of the one before: 2^1020 features."""
    nodes[:] = [{"op": "input", "parts": [], "name": "x", "axis": "time", "size": 2**20}]
    nodes += [{"op": "concat", "parts": [at, at]} for at in range(1000)]
    description["network"].update(layers=[], outputs=[["output", {"node": 1000}]], plain=True)
    description["programs"] = []


def one_name(nodes: list[dict[str, Any]], _: Any) -> None:
    for node in nodes:
        if node["op"] == "input":
            node["name"] = "same"


def nested(_: Any, description: dict[str, Any]) -> None:
    layers = description["network"]["layers"]
    node = {"op": "input", "parts": [], "name": "x", "axis": "time", "ids": 5}
    made = [node, {"op": "layer", "parts": [0], "layer": "0"}]
    outputs = [["output", {"node": 1}]]
    embedding = ["0", layers[0][1]]
    layers[0][1] = {"kind": "graph", "layers": [embedding], "nodes": made, "outputs": outputs, "plain": True}


def deep(_: Any, description: dict[str, Any]) -> None:
    for _ in range(70):
        description["network"] = {"kind": "graph", "layers": [["0", description["network"]]]}


EDITS: dict[str, tuple[Edit, tuple[str, ...]]] = {
    "a part out of range": (edit("add", parts=[0, 99]), ("nodes[3]", "node 99", "the 3 before it")),
    "a part that is negative": (edit("add", parts=[0, -1]), ("nodes[3]", "node -1")),
    "a node of itself": (edit("add", parts=[0, 3]), ("nodes[3]", "node 3")),
    "a node of a later one": (edit("add", parts=[0, 4]), ("nodes[3]", "node 4")),
    "a part that is a text": (edit("add", parts=["0", 2]), ("nodes[3]", "node '0'")),
    "a part that is true": (edit("add", parts=[True, 2]), ("nodes[3]", "node True")),
    "a part that is a float": (edit("add", parts=[0.0, 2]), ("nodes[3]", "node 0.0")),
    "a part that is enormous": (edit("add", parts=[0, 2**80]), ("nodes[3]", "node 1208")),
    "parts that are a text": (edit("add", parts="01"), ("nodes[3].parts is '01'", "a list")),
    "no parts": (lambda nodes, _: named(nodes, "add").pop("parts"), ("nodes[3]", "no 'parts'")),
    "an unknown op": (edit("add", op="mul"), ("nodes[3]", "unknown op 'mul'")),
    "an op of Python": (edit("last", op="__class__"), ("unknown op '__class__'",)),
    "an op that is a number": (edit("add", op=3), ("nodes[3].op is 3", "a text")),
    "an add of one": (edit("add", parts=[0]), ("'add' of 1 parts",)),
    "an add of three": (edit("add", parts=[0, 0, 0]), ("'add' of 3 parts",)),
    "a concat of none": (edit("concat", parts=[]), ("'concat' of 0 parts",)),
    "a last of two": (edit("last", parts=[4, 4]), ("'last' of 2 parts",)),
    "a repeat of one": (edit("repeat", parts=[0]), ("'repeat' of 1 parts",)),
    "a repeat of a sequence": (edit("repeat", parts=[0, 0]), ("repeat", "a sequence already")),
    "a repeat with the steps of a layer": (edit("repeat", parts=[6, 4]), ("not those of an input",)),
    "a layer of two": (edit("layer", parts=[1, 1]), ("a layer of 2 parts",)),
    "a layer of none": (edit("layer", parts=[]), ("a layer of 0 parts",)),
    "a layer that is not there": (edit("layer", layer="9"), ("unknown layer '9'",)),
    "a layer without a name": (lambda nodes, _: named(nodes, "layer").pop("layer"), ("no 'layer'",)),
    "a layer that is a number": (edit("layer", layer=0), ("layer is 0", "a text")),
    "features to an embedding": (edit("layer", parts=[0]), ("takes ids below 5",)),
    "ids to add": (edit("add", parts=[0, 1]), ("add", "ids")),
    "an input with parts": (lambda nodes, _: nodes[1].update(parts=[0]), ("an input of 1 parts",)),
    "an input on another axis": (edit("input", axis="depth"), ("axis 'depth'", "axis 'time'")),
    "an axis without a name": (edit("input", axis=""), ("an axis without a name",)),
    "an input of two kinds": (edit("input", ids=3), ("exactly one of 'size' and 'ids'",)),
    "an input of no kind": (lambda nodes, _: nodes[0].pop("size"), ("exactly one of",)),
    "an input of no features": (edit("input", size=0), ("size is 0",)),
    "an input of negative features": (edit("input", size=-3), ("size is -3",)),
    "an input of enormous features": (edit("input", size=2**70), ("at most 2147483647",)),
    "an input of another width": (edit("input", size=4), ("add: 4 and 3 features",)),
    "an input without a name": (edit("input", name=""), ("name is ''",)),
    "an input of a number as name": (edit("input", name=3), ("name is 3",)),
    "two inputs of one name": (one_name, ("two inputs", "'same'")),
    "ids of an enormous table": (lambda nodes, _: nodes[1].update(ids=2**40), ("at most 2147483647",)),
    "more ids than the table has": (lambda nodes, _: nodes[1].update(ids=6), ("below 5", "below 6")),
    "ids that are a text": (lambda nodes, _: nodes[1].update(ids="5"), ("ids is '5'",)),
    "a key of another op": (edit("add", layer="0"), ("unknown key 'layer'",)),
    "an extra key in a node": (edit("concat", extra=1), ("unknown key 'extra'",)),
    "an extra key in the graph": (graph_edit(extra=1), ("unknown key 'extra'",)),
    "an extra key in an output": (first_output(extra=1), ("unknown key 'extra'",)),
    "a layer that is gone": (lambda _, d: d["network"]["layers"].pop(), ("unknown layer '3'",)),
    "a layer by another name": (
        lambda _, d: d["network"]["layers"][0].__setitem__(0, "a"),
        ("unknown layer '0'",),
    ),
    "a layer more": (
        lambda _, d: d["network"]["layers"].append(["9", {"kind": "last"}]),
        ("layers that no node calls",),
    ),
    "a layer twice": (
        lambda _, d: d["network"]["layers"].append(["9", d["network"]["layers"][0][1]]),
        ("more parameters than the file holds",),
    ),
    "layers in another order": (
        lambda _, d: d["network"]["layers"].reverse(),
        ("layers that no node calls, or by other names",),
    ),
    "layers that are no list": (graph_edit(layers={}), ("layers is {}", "a list")),
    "a graph as a layer": (nested, ("is no layer",)),
    "many graphs around it": (deep, ("64 containers",)),
    "no nodes": (lambda nodes, _: nodes.clear(), ("outputs[0]", "node 5")),
    "nodes that are no list": (graph_edit(nodes={}), ("nodes is {}", "a list")),
    "a node that is a number": (lambda nodes, _: nodes.__setitem__(0, 1), ("nodes[0] is 1",)),
    "a node that nothing reads": (
        lambda nodes, _: nodes.append({"op": "mean", "parts": [0]}),
        ("nodes that no output is made of",),
    ),
    "no outputs": (graph_edit(outputs=[]), ("no outputs",)),
    "an output out of range": (first_output(node=99), ("outputs[0]", "node 99")),
    "an output that is a text": (first_output(node="5"), ("node is '5'",)),
    "an output of ids": (first_output(node=1), ("model description",)),
    "an output twice": (
        lambda _, d: d["network"]["outputs"].append(d["network"]["outputs"][0]),
        ("a name of its own",),
    ),
    "an output without a name": (
        lambda _, d: d["network"]["outputs"][0].__setitem__(0, ""),
        ("called ''",),
    ),
    "a plain output among several": (graph_edit(plain=True), ("plain output",)),
    "plain that is a number": (graph_edit(plain=0), ("plain is 0", "true or false")),
    "no plain": (lambda _, d: d["network"].pop("plain"), ("no 'plain'",)),
    "features that double with each node": (doubling, ("concat: 2147483648 features",)),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_graph_that_save_would_not_write_is_a_format_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    description, tensors = saved(path)
    change, says = EDITS[name]
    change(description["network"]["nodes"], description)
    _core.save_model(str(path), {KEY: json.dumps(description)}, list(tensors.items()))
    with pytest.raises(ost.FormatError) as caught:
        ost.load(path)
    for words in (str(path), *says):
        assert words in str(caught.value)


def test_the_file_that_the_edits_damage_loads(tmp_path: Path) -> None:
    description, _ = saved(tmp_path / "model")
    assert description["network"]["kind"] == "graph"
    assert ost.load(tmp_path / "model").run({"x": x, "w": np.zeros((2, 5), int), "s": s}).outputs[
        "again"
    ].shape == (2, 5, 4)


HOSTILE = """
import json, resource, sys
import ostinato as ost
from ostinato import _core
from ostinato.io.model import KEY

path = sys.argv[1]
node = {"op": "concat", "parts": [0] * 200_000}
nodes = [{"op": "input", "parts": [], "name": "x", "axis": "time", "size": 2**20}, node]
network = {"kind": "graph", "layers": [], "nodes": nodes, "outputs": [["output", {"node": 1}]], "plain": True}
description = {
    "format_version": 1, "ostinato": "0", "dtype": "float32", "network": network, "programs": []
}
_core.save_model(path, {KEY: json.dumps(description)}, [])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    ost.load(path)
except ost.FormatError as error:
    print(error)
# A node of 200,000 parts is 1 MB of text; its objects in Python take some hundred bytes a part.
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000, "kB"
"""


def test_a_hostile_graph_takes_no_more_memory_than_its_text_asks_for(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOSTILE, str(tmp_path / "model")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "concat: 209715200000 features; expected at most 2147483647" in done.stdout
