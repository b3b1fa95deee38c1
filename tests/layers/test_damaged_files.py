"""Files of layers, functions and regularizers that `save` would not write are format errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import _core, ops
from ostinato.io.model import KEY
from tests.layers.makes import Film, Highway

Edit = Callable[[dict[str, Any]], Any]


def saved(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A graph: a function, a slice, a regularizer, a layer of one and one of two inputs, a Sequential."""
    x, row = ost.Input("x", size=3), ost.Input("row", size=2, axis="row")
    h = ost.Dropout(0.5)(Film(3, 2)(Highway(3)(x), row))
    y = ost.apply(lambda h, row: h * ops.sum(row), h, row)[..., 1:]
    ost.Graph(ost.Sequential(ost.Dense(2, 2), ost.Dropout(0.2))(y)).save(path)
    metadata, tensors = _core.load_model(str(path))
    return json.loads(metadata[KEY]), tensors


def node(op: str, **changed: Any) -> Edit:
    def edit(network: dict[str, Any]) -> None:
        next(one for one in network["nodes"] if one["op"] == op).update(changed)

    return edit


def layer(place: int, **changed: Any) -> Edit:
    return lambda network: network["layers"][place][1].update(changed)


def without(place: int, key: str) -> Edit:
    return lambda network: network["layers"][place][1].pop(key)


def regularized(**changed: Any) -> Edit:
    return lambda network: network["layers"][2][1]["layers"][1][1].update(changed)


EDITS: dict[str, tuple[Edit, tuple[str, ...]]] = {
    "a function of one part": (node("apply", parts=[0]), ("a step of 1 parts",)),
    "a function of other widths": (node("apply", parts=[0, 0]), ("takes as 'row'", "given 3")),
    "a function without a step": (lambda n: node("apply")(n) or n["nodes"][-3].pop("step"), ("no 'step'",)),
    "a function of a program that is not there": (
        node("apply", step={"program": 99, "init": {}}),
        ("the program 99",),
    ),
    "a function with parameters": (
        lambda n: node("apply", step=n["layers"][0][1]["layers"][0][1]["step"])(n),
        ("more parameters than the file holds",),
    ),
    "a slice of two": (node("slice", parts=[0, 0]), ("a slice of 2 parts",)),
    "a slice of three numbers": (node("slice", columns=[0, 1, 2]), ("the features [0, 1, 2]",)),
    "a slice of true": (node("slice", columns=[True, 2]), ("the features [True, 2]",)),
    "a slice of nothing": (node("slice", columns=[1, 1]), ("features 1 to 1 of 3",)),
    "a slice of too much": (node("slice", columns=[0, 2**70]), ("features 0 to",)),
    "a regularizer of two": (node("regularize", parts=[0, 0]), ("a step of 2 parts",)),
    "a layer of two inputs with one part": (
        lambda n: next(one for one in n["nodes"] if one.get("layer") == "1").update(parts=[0]),
        ("a layer of 1 parts",),
    ),
    "a layer with other inputs": (layer(0, inputs=["y"]), ("the inputs ['y']",)),
    "a layer with an input twice": (layer(1, inputs=["x", "x"]), ("the inputs ['x', 'x']",)),
    "a layer with inputs that are numbers": (layer(0, inputs=[3]), ("the inputs [3]",)),
    "a layer with its inputs in another order": (layer(1, inputs=["condition", "x"]), ("takes as",)),
    "a layer of another output": (layer(0, outputs=[["y", {"node": 0}]]), ("layer",)),
    "a layer without its name": (without(0, "name"), ("no 'name'",)),
    "a layer without its class": (without(0, "class"), ("no 'class'",)),
    "a layer without its seed": (without(0, "seed"), ("no 'seed'",)),
    "a layer with a seed below 0": (layer(0, seed=-1), ("seed is -1",)),
    "a layer with options that are a list": (layer(0, options=[]), ("options is []",)),
    "a layer with a provider that is a text": (layer(0, provider="acme"), ("provider",)),
    "a layer with one more key": (layer(0, plain=True), ("unknown key 'plain'",)),
    "a regularizer without steps": (regularized(steps=[]), ("no step of one feature",)),
    "a regularizer without the step of its width": (
        lambda n: n["layers"][2][1]["layers"][1][1]["steps"].pop(),
        ("given 2 features", "steps for 1 features"),
    ),
    "a regularizer with a step of two inputs": (
        lambda n: regularized(steps=[next(o for o in n["nodes"] if o["op"] == "apply")["step"]])(n),
        ("a step of several inputs",),
    ),
    "a regularizer that is a number": (regularized(regularizer=3), ("regularizer is 3",)),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_save_would_not_write_is_a_format_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    description, tensors = saved(path)
    change, says = EDITS[name]
    change(description["network"])
    _core.save_model(str(path), {KEY: json.dumps(description)}, list(tensors.items()))
    with pytest.raises(ost.FormatError) as caught:
        ost.load(path)
    for words in (str(path), *says):
        assert words in str(caught.value)


def test_the_file_that_the_edits_damage_loads(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    net = ost.load(tmp_path / "model")
    assert net({"x": np.ones((2, 4, 3)), "row": np.ones((2, 2))}).shape == (2, 4, 2)
