"""Bad calls of graphs with several axes and bridges: each is refused with its error class and a hint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import _core
from ostinato.io.model import KEY
from tests.bad import Bad

S, T = ost.Input("s", size=3, axis="source"), ost.Input("t", size=2, axis="target")
U, R = ost.Input("u", size=2, axis="target"), ost.Input("r", size=4, axis="row")
X, IDS = ost.Input("x", size=3), ost.Input("k", ids=4, axis="row")

x = {"s": np.zeros((2, 5, 3)), "t": np.zeros((2, 4, 2))}
LENGTHS = {"source": [5, 0], "target": [1, 4]}


def net(**more: Any) -> ost.Graph:
    """A teacher-forced decoder that starts from the end of an encoder."""
    y = ost.GRU(3, 4)(S)
    h = ost.GRU(2, 4)(T, initial_state=ost.final_states(y))
    return ost.Graph({"y": h, **more})


def run(**arguments: Any) -> Any:
    return net().run(x, **arguments)


def train(way: Any) -> Any:
    targets = {"y": np.zeros((2, 4, 4))}
    return net().value_and_grad(x, targets, loss={"y": "mse"}, lengths=LENGTHS, through_time=way)


def start(value: Any, layer: ost.Network | None = None) -> Any:
    return (layer or ost.GRU(2, 4))(T, initial_state={"h": value})


class Started(ost.Layer):
    """A layer that starts from the end of another."""

    input_size: int

    def build(self, x: ost.Symbol) -> ost.Symbol:
        """Return the output."""
        return ost.GRU(2, 4)(x, initial_state=ost.final_states(ost.GRU(2, 4)(x)))


BOTH = ("'source'", "'target'", "other lengths", "reduce one", "the same axis")

TABLE = {
    # Sequences of two axes.
    "concat of two axes": Bad(lambda: ost.concat(S, T), ost.ShapeError, ("concat", *BOTH)),
    "add of two axes": Bad(
        lambda: ost.add(ost.Dense(3, 2)(S), T), ost.ShapeError, ("add", *BOTH, "ost.last, first, mean")
    ),
    "concat of an axis and a row": Bad(lambda: ost.concat(S, R), ost.ShapeError, ("ost.repeat(row, like)",)),
    # Lengths.
    "an array of lengths for two axes": Bad(
        lambda: run(lengths=[5, 0]),
        ost.ConfigError,
        ("lengths is a list", "several axes", "lengths={'target': ..., 'source': ...}"),
    ),
    "lengths of an unknown axis": Bad(
        lambda: run(lengths={"sourse": [5, 0]}), ost.ConfigError, ("'sourse'", "did you mean 'source'")
    ),
    "lengths of rows": Bad(
        lambda: run(lengths={"row": [5, 0]}), ost.ConfigError, ("'row'", "have no steps", "leave it out")
    ),
    "lengths of an input's name": Bad(
        lambda: run(lengths={"s": [5, 0]}), ost.ConfigError, ("the axis 's'", "target, source")
    ),
    "lengths by an axis that is not there": Bad(
        lambda: ost.Graph(ost.GRU(3, 4)(X)).run(np.zeros((2, 5, 3)), lengths={"source": [5, 5]}),
        ost.ConfigError,
        ("'source'", "time"),
    ),
    "lengths beyond the steps of an axis": Bad(
        lambda: run(lengths={"source": [5, 5], "target": [5, 5]}),
        ost.ShapeError,
        ("lengths['target'][0] is 5", "0 to 4", "steps of t"),
    ),
    "lengths of other rows": Bad(
        lambda: run(lengths={"target": [1, 2, 3]}), ost.ShapeError, ("lengths['target'] is (3,)", "(2,)")
    ),
    "lengths of floats": Bad(
        lambda: run(lengths={"target": [1.0, 2.0]}), ost.DTypeError, ("lengths['target']", "integers")
    ),
    "lengths with a list of rows": Bad(
        lambda: net().run({**x, "s": list(x["s"])}, lengths=LENGTHS),
        ost.ConfigError,
        ("lengths['source'] is given", "s is a list of rows"),
    ),
    # Inputs.
    "two axes of other rows": Bad(
        lambda: net().run({**x, "s": np.zeros((3, 5, 3))}),
        ost.ShapeError,
        ("s has 3 rows", "expected 2", "as t has"),
    ),
    "two sequences of one axis with other lengths": Bad(
        lambda: net(u=ost.Dense(2, 2)(U)).run(
            {"s": x["s"], "t": list(x["t"]), "u": [x["t"][0], x["t"][1, :1]]}
        ),
        ost.ShapeError,
        ("u[1] has 1 steps", "t[1] has 4"),
    ),
    "two sequences of one axis with other steps": Bad(
        lambda: net(u=ost.Dense(2, 2)(U)).run({**x, "u": np.zeros((2, 5, 2))}),
        ost.ShapeError,
        ("u is (2, 5, 2)", "t has 2 rows of 4 steps"),
    ),
    "a target on the other axis": Bad(
        lambda: net().value_and_grad(x, {"y": np.zeros((2, 5, 4))}, loss={"y": "mse"}),
        ost.ShapeError,
        ("targets is (2, 5, 4)", "t has 2 rows of 4 steps"),
    ),
    # What is defined for one axis only.
    "resets": Bad(
        lambda: run(resets=np.zeros((2, 5), bool)),
        ost.ConfigError,
        ("resets", "'target', 'source'", "row of its own"),
    ),
    "an array as mask of two axes": Bad(
        lambda: run(mask=np.ones((2, 5), bool)),
        ost.ConfigError,
        ("mask is a ndarray", "several axes", "mask={'target': ..., 'source': ...}"),
    ),
    "a mask of an input": Bad(
        lambda: run(mask={"s": np.ones((2, 5), bool)}),
        ost.ConfigError,
        ("mask has the axis 's'", "not inputs"),
    ),
    "a mask of the other axis's steps": Bad(
        lambda: run(mask={"source": np.ones((2, 4), bool)}),
        ost.ShapeError,
        ("mask['source'] is (2, 4)", "s has 2 rows of 5 steps"),
    ),
    "a mask of numbers": Bad(
        lambda: run(mask={"target": np.ones((2, 4))}), ost.DTypeError, ("mask['target']", "astype(bool)")
    ),
    "a first step": Bad(lambda: run(first_step=3), ost.ConfigError, ("first_step", "'source'", "expected 0")),
    "truncated BPTT": Bad(
        lambda: train(ost.TruncatedBPTT(2, 2)),
        ost.ConfigError,
        ("through_time", "several axes (target, source)", "CheckpointedBPTT"),
    ),
    "a stream": Bad(lambda: net().stream(), ost.ConfigError, ("memory is missing", "memory={'s': ...}")),
    "a recurrent layer on values of rows": Bad(
        lambda: ost.GRU(4, 2)(R), ost.ShapeError, ("recurrent", "one value per row", "ost.repeat(row, like)")
    ),
    "a stream of a bridge": Bad(
        lambda: ost.Graph(ost.GRU(3, 4)(X, initial_state=ost.final_states(ost.GRU(3, 4)(X)))).stream(),
        ost.ConfigError,
        ("a final state depends on all steps", "step by step"),
    ),
    "an analysis": Bad(
        lambda: ost.analysis.gradient_flow(
            ost.Graph(ost.concat(ost.last(ost.GRU(3, 4)(S)), ost.last(ost.GRU(2, 4)(T)))),
            x,
            d_outputs=np.ones((2, 8)),
        ),
        ost.ConfigError,
        ("several axes ('source', 'target')", "one axis"),
    ),
    # Final states.
    "the final state of an input": Bad(
        lambda: ost.final_state(S, "h"), ost.ConfigError, ("input 's'", "not the output of a layer")
    ),
    "the final states of a reduction": Bad(
        lambda: ost.final_states(ost.last(S)), ost.ConfigError, ("last", "not the output of a layer")
    ),
    "the final states of a layer without states": Bad(
        lambda: ost.final_states(ost.Dense(3, 2)(S)), ost.ConfigError, ("Dense", "a layer with states")
    ),
    "an unknown state": Bad(
        lambda: ost.final_state(ost.GRU(3, 4)(S), "c"), ost.ConfigError, ("GRU(3, 4)", "no state 'c'", "'h'")
    ),
    "a final state of two directions": Bad(
        lambda: ost.final_state(ost.GRU(3, 4, bidirectional=True)(S), "h"),
        ost.ConfigError,
        ("2 states 'h'", "place, 0 to 1", "ost.concat(ost.final_states(y)['h'])"),
    ),
    "a place beyond the last": Bad(
        lambda: ost.final_state(ost.GRU(3, 4)(S), "h", 1), ost.ConfigError, ("place is 1", "0 to 0")
    ),
    "the final state of an array": Bad(
        lambda: ost.final_state(x["s"], "h"),  # type: ignore[arg-type]
        ost.ConfigError,
        ("y is an array of", "expected a symbol"),
    ),
    # Initial states.
    "an initial state of another size": Bad(
        lambda: start(ost.last(T)), ost.ShapeError, ("'h' has 2 features", "expected 4")
    ),
    "an initial state that is a sequence": Bad(
        lambda: start(ost.Dense(3, 4)(S)), ost.ShapeError, ("'h' is a sequence", "ost.final_state")
    ),
    "an initial state of ids": Bad(
        lambda: start(IDS), ost.ShapeError, ("'h' has ids", "expected 4 features")
    ),
    "an initial state that is an array": Bad(
        lambda: start(np.zeros((2, 4))),
        ost.ConfigError,
        ("initial_state['h']", "1 of this state", "a symbol"),
    ),
    "an initial state without a name": Bad(
        lambda: ost.GRU(2, 4)(T, initial_state=R),  # type: ignore[arg-type]
        ost.ConfigError,
        ("initial_state is a Symbol", "a dict", "final_states"),
    ),
    "an initial state by position": Bad(
        lambda: ost.GRU(2, 4)(T, {"h": R}), ost.DTypeError, ("a symbol and a dict", "initial_state=")
    ),
    "a state of symbols": Bad(
        lambda: ost.GRU(2, 4)(T, state={"h": R}), ost.ConfigError, ("a symbol and state", "initial_state=")
    ),
    "an unknown initial state": Bad(
        lambda: ost.GRU(2, 4)(T, initial_state={"c": R}), ost.ConfigError, ("no state 'c'", "'h'")
    ),
    "an initial state of a Dense": Bad(
        lambda: start(R, ost.Dense(2, 4)), ost.ConfigError, ("Dense(2, 4)", "no state 'h'", "none")
    ),
    "one initial state for two layers": Bad(
        lambda: start(R, ost.GRU(2, 4, 2)),
        ost.ConfigError,
        ("2 of this state", "layers * directions", "a list of 2 symbols"),
    ),
    "an initial state that starts inside the layer": Bad(
        lambda: Started(2)(T, initial_state={"1.h": R}),
        ost.ConfigError,
        ("'1.h'", "a value inside Started(2)", "leave it out"),
    ),
    "an initial state with an array": Bad(
        lambda: ost.GRU(2, 4)(x["t"], initial_state={"h": R}), ost.ConfigError, ("an array", "write state=")
    ),
    "a state that starts from a value": Bad(
        lambda: run(state={"0.h": np.zeros((1, 2, 4)), "1.h": np.zeros((1, 2, 4))}),
        ost.ConfigError,
        ("'1.h'", "starts from a value of the graph", "leave it out"),
    ),
    "a missing state": Bad(lambda: run(state={}), ost.ConfigError, ("lacks '0.h'", "['0.h']")),
    "an analysis of a bridge": Bad(
        lambda: ost.analysis.jacobians(
            ost.Graph(ost.GRU(3, 4)(X, initial_state=ost.final_states(ost.GRU(3, 4)(X)))), np.zeros((1, 5, 3))
        ),
        ost.ConfigError,
        ("starts from a value of the graph", "by itself"),
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_bad_call_raises_a_typed_error_that_says_what_to_do(name: str) -> None:
    TABLE[name].check()


# Edits of the nodes of `net` in a file: input t, input s, layer 0, final h, layer 1.
EDITS: dict[str, tuple[int, dict[str, Any], tuple[str, ...]]] = {
    "a final state of an input": (3, {"parts": [0]}, ("not the output of a layer",)),
    "a final state of two layers": (3, {"parts": [2, 2]}, ("not exactly one layer",)),
    "a final state of no layer": (3, {"parts": []}, ("not exactly one layer",)),
    "a final state without a name": (3, {"states": []}, ("not exactly one layer",)),
    "an unknown final state": (3, {"states": [["c", 0]]}, ("no state 'c'",)),
    "a final state beyond the last": (3, {"states": [["h", 1]]}, ("place is 1",)),
    "a place that is negative": (3, {"states": [["h", -1]]}, ("the state ['h', -1]",)),
    "a place that is true": (3, {"states": [["h", True]]}, ("the state ['h', True]",)),
    "a state that is a text": (3, {"states": ["h"]}, ("the state 'h'",)),
    "states that are no list": (3, {"states": {"h": 0}}, ("states is {'h': 0}", "a list")),
    "an initial state without its part": (4, {"parts": [0]}, ("a layer of 1 parts",)),
    "an initial state of a sequence": (4, {"parts": [0, 0]}, ("a sequence",)),
    "an unknown initial state": (4, {"states": [["c", 0]]}, ("no state 'c'",)),
    "an initial state at another place": (4, {"states": [["h", 1]]}, ("in another order",)),
    "an initial state twice": (4, {"parts": [0, 3, 3], "states": [["h", 0], ["h", 0]]}, ("another order",)),
    "more initial states than there are": (
        *(4, {"parts": [0, 3, 3], "states": [["h", 0], ["h", 1]]}),
        ("1 of this state",),
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_bridge_that_save_would_not_write_is_a_format_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    net().save(path)
    metadata, tensors = _core.load_model(str(path))
    description = json.loads(metadata[KEY])
    nodes = description["network"]["nodes"]
    assert [node["op"] for node in nodes] == ["input", "input", "layer", "final", "layer"]
    place, changed, says = EDITS[name]
    nodes[place].update(changed)
    _core.save_model(str(path), {KEY: json.dumps(description)}, list(tensors.items()))
    with pytest.raises(ost.FormatError) as caught:
        ost.load(path)
    for words in says:
        assert words in str(caught.value)
