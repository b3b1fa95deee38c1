"""The table of bad graphs: each line is refused with its error class, and the message names the thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import _core
from tests.bad import Bad

X, Y, S = ost.Input("x", size=3), ost.Input("y", size=3), ost.Input("s", size=2, axis="row")
IDS, ROW_IDS = ost.Input("w", ids=5), ost.Input("k", ids=5, axis="row")

x, s = np.zeros((2, 5, 3)), np.zeros((2, 2))
GIVEN = {"x": x, "y": x, "s": s}
TARGETS = {"tags": np.zeros((2, 5, 2)), "mood": np.zeros((2, 3))}
LOSSES = {"tags": "mse", "mood": "mse"}


def net() -> ost.Graph:
    """Two sequences and a value of rows; an output on each axis."""
    h = ost.GRU(3, 4)(ost.add(X, Y))
    return ost.Graph({"tags": ost.Dense(4, 2)(h), "mood": ost.Dense(6, 3)(ost.concat(ost.last(h), S))})


def one() -> ost.Graph:
    return ost.Graph(ost.GRU(3, 4)(X))


def rows() -> ost.Graph:
    return ost.Graph(ost.Dense(2, 3)(S))


def run(**changed: Any) -> Any:
    return net().run({**GIVEN, **changed})


def train(**changed: Any) -> Any:
    given = {"x": GIVEN, "targets": TARGETS, "loss": LOSSES, **changed}
    return net().value_and_grad(given.pop("x"), given.pop("targets"), **given)


def backward(d_outputs: Any, graph: Callable[[], ost.Graph] = net) -> Any:
    return graph().run(GIVEN if graph is net else x, training=True).backward(d_outputs)


def owned() -> ost.Network:
    layer = ost.GRU(3, 4)
    ost.Sequential(layer)
    return layer


def inside_and_whole() -> ost.Graph:
    chain = ost.Sequential(ost.GRU(3, 4))
    return ost.Graph({"whole": chain(X), "inside": chain[0](X)})


TABLE = {
    # Inputs by name.
    "an unknown input": Bad(lambda: run(z=x), ost.ConfigError, ("x has the name 'z'", "x, y, s")),
    "an input misspelled": Bad(
        lambda: net().run({"x": x, "yy": x, "s": s}), ost.ConfigError, ("'yy'", "did you mean 'y'")
    ),
    "a missing input": Bad(lambda: net().run({"x": x, "s": s}), ost.ConfigError, ("no 'y'", "'x', 'y', 's'")),
    "no inputs": Bad(lambda: net().run({}), ost.ConfigError, ("no 'x'", "'x', 'y', 's'")),
    "a name that is a number": Bad(lambda: net().run({0: x}), ost.ConfigError, ("name 0", "x, y, s")),
    "an array for several inputs": Bad(
        lambda: net().run(x), ost.DTypeError, ("x is a ndarray", "a dict of 'x', 'y', 's'")
    ),
    "a list for several inputs": Bad(lambda: net().run([x, x, s]), ost.DTypeError, ("a list", "a dict of")),
    "nothing for several inputs": Bad(lambda: net().run(None), ost.DTypeError, ("NoneType", "a dict of")),
    "a dict where an array belongs": Bad(lambda: run(y={"y": x}), ost.DTypeError, ("y is a dict",)),
    "another name for the only input": Bad(lambda: one().run({"y": x}), ost.ConfigError, ("'y'", "x")),
    "a dict of another name to a layer": Bad(
        lambda: ost.GRU(3, 4).run({"text": x}), ost.ConfigError, ("'text'", "x")
    ),
    "a list of rows with an array": Bad(
        lambda: run(y=[x[0], x[1, :3]]),
        ost.ShapeError,
        ("y is a list of rows of different lengths", "x is an array", "both as lists of rows"),
    ),
    "packed rows with an array": Bad(
        lambda: run(y=ost.data.pack([x[0], x[1, :3]])), ost.ShapeError, ("y is packed", "x is an array")
    ),
    # Calls in the words of other frameworks.
    "inputs of a graph": Bad(
        lambda: ost.Graph(inputs=X, outputs=X),
        ost.ConfigError,
        ("no argument 'inputs'", "it finds the inputs", "ost.Graph(tags)"),
    ),
    "inputs and outputs in order": Bad(
        lambda: ost.Graph(X, X),
        ost.ConfigError,
        ("too many", "it finds the inputs"),
    ),
    "a graph of nothing": Bad(lambda: ost.Graph(), ost.ConfigError, ("'outputs'", "ost.Graph(")),
    "outputs misspelled": Bad(
        lambda: ost.Graph(output=X),
        ost.ConfigError,
        ("did you mean 'outputs'",),
    ),
    "a shape of an input": Bad(
        lambda: ost.Input(shape=(None, 3)),
        ost.ConfigError,
        ("no argument 'shape'", "ost.Input('x', size=3)"),
    ),
    "a dtype of an input": Bad(
        lambda: ost.Input("x", size=3, dtype="int32"),
        ost.ConfigError,
        ("no argument 'dtype'", "ids=20"),
    ),
    "an input given no name": Bad(lambda: ost.Input(size=3), ost.ConfigError, ("'name'", "ost.Input('x'")),
    "an axis of concat": Bad(
        lambda: ost.concat(X, Y, axis=-1),
        ost.ConfigError,
        ("no argument 'axis'", "ost.concat(a, b)"),
    ),
    # Shapes of inputs.
    "two sequences of other rows": Bad(
        lambda: run(y=np.zeros((3, 5, 3))),
        ost.ShapeError,
        ("y is (3, 5, 3)", "(2, 5, 3)", "x has 2 rows of 5 steps"),
    ),
    "two sequences of other steps": Bad(
        lambda: run(y=np.zeros((2, 6, 3))), ost.ShapeError, ("y is (2, 6, 3)", "x has 2 rows of 5 steps")
    ),
    "a sequence of another width": Bad(
        lambda: run(y=np.zeros((2, 5, 4))), ost.ShapeError, ("y is (2, 5, 4)", "(2, 5, 3)")
    ),
    "lists of other lengths": Bad(
        lambda: run(x=[x[0], x[1, :3]], y=[x[0], x[1, :2]]), ost.ShapeError, ("y[1] has 2", "x[1] has 3")
    ),
    "lists of other rows": Bad(
        lambda: run(x=[x[0], x[1, :3]], y=[x[0]]), ost.ShapeError, ("y has 1 rows", "x has 2")
    ),
    "a value of other rows": Bad(
        lambda: run(s=np.zeros((3, 2))), ost.ShapeError, ("s is (3, 2)", "(2, 2)", "for each row")
    ),
    "a value of rows with steps": Bad(
        lambda: run(s=np.zeros((2, 5, 2))), ost.ShapeError, ("s is (2, 5, 2)", "one value for each row")
    ),
    "a value of rows of integers": Bad(
        lambda: run(s=np.zeros((2, 2), int)), ost.DTypeError, ("s has dtype int64",)
    ),
    "lengths of a network without sequences": Bad(
        lambda: rows().run(s, lengths=[1, 1]), ost.ConfigError, ("lengths", "no input", "expected None")
    ),
    "a mask of a network without sequences": Bad(
        lambda: rows().run(s, mask=np.ones((2, 1), bool)),
        ost.ConfigError,
        ("mask", "no input", "expected None"),
    ),
    "resets of a network without sequences": Bad(
        lambda: rows().run(s, resets=np.zeros((2, 1), bool)),
        ost.ConfigError,
        ("resets", "no input", "expected None"),
    ),
    "a number for a value of rows": Bad(lambda: rows().run(1.0), ost.ShapeError, ("s is ()", "each row")),
    "lengths that name their input": Bad(
        lambda: ost.Graph(ost.Embedding(5, 3)(IDS)).run(np.array([[1]]), lengths=[2]),
        ost.ShapeError,
        ("lengths[0] is 2", "the steps of w"),
    ),
    "an id above the table": Bad(
        lambda: ost.Graph(ost.Embedding(5, 3)(IDS)).run([[0, 5]]),
        ost.ConfigError,
        ("w holds the id 5", "row 0, step 1", "0 to 4"),
    ),
    "an id of a row above the table": Bad(
        lambda: ost.Graph(ost.Embedding(5, 3)(ROW_IDS)).run([0, 5]),
        ost.ConfigError,
        ("k holds the id 5", "row 1", "0 to 4"),
    ),
    "an id of a row that is negative": Bad(
        lambda: ost.Graph(ost.Embedding(5, 3)(ROW_IDS)).run([-1]), ost.ConfigError, ("k holds the id -1",)
    ),
    "ids of rows as floats": Bad(
        lambda: ost.Graph(ost.Embedding(5, 3)(ROW_IDS)).run([0.0]), ost.DTypeError, ("k has dtype float64",)
    ),
    # Symbols.
    "a symbol as an array": Bad(
        lambda: np.asarray(X), TypeError, ("input 'x'", "no values", "ost.Graph(outputs=...).run(...)")
    ),
    "a symbol in NumPy": Bad(lambda: np.tanh(X), TypeError, ("np.tanh", "no array", "ost.apply(")),
    "a slice of nothing": Bad(lambda: X[..., 2:2], ost.ShapeError, ("slice: features 2 to 2 of 3",)),
    "a slice beyond the features": Bad(lambda: ost.slice(X, 1, 4), ost.ShapeError, ("features 1 to 4 of 3",)),
    "a slice from below 0": Bad(lambda: ost.slice(X, -1, 2), ost.ConfigError, ("slice", "start")),
    "a slice of ids": Bad(lambda: ost.slice(IDS, 0, 1), ost.ShapeError, ("slice", "holds ids")),
    "every second feature": Bad(lambda: X[..., ::2], TypeError, ("[..., start:stop] alone",)),
    "one feature": Bad(lambda: X[..., 0], TypeError, ("[..., start:stop] alone",)),
    "a symbol and an array": Bad(
        lambda: np.ones(3) * X, ost.DTypeError, ("mul of a symbol and a ndarray", "a symbol and a number")
    ),
    "a symbol and a text": Bad(lambda: X + "a", ost.DTypeError, ("add of a symbol and a str",)),
    "a product of symbols as of matrices": Bad(lambda: X @ Y, TypeError, ("no matrix", "ost.Dense")),
    "the truth of a symbol": Bad(lambda: bool(X), TypeError, ("neither true nor false",)),
    "operators of other widths": Bad(
        lambda: X * S, ost.ShapeError, ("mul", "input 'x'", "input 's'", "as many features in both")
    ),
    "a slice that ends beyond the features": Bad(
        lambda: ost.slice(X, 1, 9),
        ost.ShapeError,
        ("features 1 to 9 of 3", "a stop of at most 3"),
    ),
    "operators of ids": Bad(lambda: IDS + 1, ost.ShapeError, ("add", "holds ids", "Embedding")),
    "apply of an array": Bad(
        lambda: ost.apply(lambda a, b: a + b, X, x),
        ost.DTypeError,
        ("apply", "ndarray", "expected symbols"),
    ),
    "apply of nothing": Bad(lambda: ost.apply(lambda: 1), ost.ConfigError, ("apply", "at least one")),
    "apply without a function": Bad(lambda: ost.apply(X, Y), ost.DTypeError, ("fn is", "a function")),
    "apply of a function that branches": Bad(
        lambda: ost.apply(lambda a: a if a[0] > 0 else -a, X),
        ost.TraceError,
        ("test_bad_graphs.py", "ops.where"),
    ),
    "apply of a function that returns a constant": Bad(
        lambda: ost.apply(lambda a: 3.0, X), ost.TraceError, ("apply", "computed from its arguments")
    ),
    "apply of a function that returns a matrix": Bad(
        lambda: ost.apply(lambda a: ost.ops.reshape(a, (1, 3)), X), ost.ShapeError, ("(1, 3)", "(n,)")
    ),
    "apply of a function of other values": Bad(
        lambda: ost.apply(lambda a, b: a + b, X), TypeError, ("missing 1 required positional argument",)
    ),
    "a regularizer of states alone": Bad(
        lambda: ost.Zoneout(0.1)(X),
        ost.ConfigError,
        ("Zoneout", "does not stand alone", "regularizers=[Zoneout(p=0.1)]"),
    ),
    "a regularizer called with an array": Bad(
        lambda: ost.Dropout(0.1)(x), ost.DTypeError, ("Dropout", "a ndarray", "Sequential(..., Dropout(0.3)")
    ),
    "two symbols to a layer of one input": Bad(
        lambda: ost.Dense(3, 2)(X, Y), ost.DTypeError, ("Dense(3, 2)", "2 symbols", "ost.concat(a, b)")
    ),
    "a symbol and an array to a layer": Bad(
        lambda: ost.Dense(3, 2)(X, x), ost.DTypeError, ("a symbol and a ndarray", "ost.Input")
    ),
    "two arrays to a layer of one input": Bad(
        lambda: ost.Dense(3, 2)(x, x), ost.DTypeError, ("2 values", "one input, 'x'")
    ),
    "a symbol to run": Bad(lambda: ost.GRU(3, 4).run(X), ost.DTypeError, ("x is", "no values")),
    "symbols in a list to a layer": Bad(lambda: ost.GRU(3, 4)([X, Y]), ost.DTypeError, ("x[0]", "no values")),
    "a layer called with a symbol and arguments": Bad(
        lambda: ost.GRU(3, 4)(X, lengths=[1], training=True),
        ost.ConfigError,
        ("GRU", "lengths, training", "the run of the graph"),
    ),
    "arrays to concat": Bad(
        lambda: ost.concat(x, x), ost.ConfigError, ("concat", "an array of", "expected a symbol")
    ),
    "arrays to add": Bad(lambda: ost.add(x, x), ost.ConfigError, ("add", "an array of", "expected a symbol")),
    "an array to last": Bad(
        lambda: ost.last(x), ost.ConfigError, ("last", "an array of", "expected a symbol")
    ),
    "an array to repeat": Bad(lambda: ost.repeat(s, X), ost.ConfigError, ("repeat", "row is an array of")),
    "nothing to concat": Bad(lambda: ost.concat(), ost.ShapeError, ("concat", "at least one")),
    "ids to concat": Bad(lambda: ost.concat(X, IDS), ost.ShapeError, ("concat", "'w'", "an Embedding")),
    "ids to add": Bad(lambda: ost.add(IDS, IDS), ost.ShapeError, ("add", "'w'", "an Embedding")),
    "ids to reverse": Bad(lambda: ost.reverse(IDS), ost.ShapeError, ("reverse", "'w'", "an Embedding")),
    "ids to last": Bad(lambda: ost.last(IDS), ost.ShapeError, ("last", "'w'", "an Embedding")),
    "ids to repeat": Bad(lambda: ost.repeat(ROW_IDS, X), ost.ShapeError, ("repeat", "'k'", "an Embedding")),
    "ids to Dense": Bad(
        lambda: ost.Dense(5, 3)(IDS), ost.ShapeError, ("Dense(5, 3) takes features", "an Embedding")
    ),
    "ids to a reduction": Bad(lambda: ost.Last()(IDS), ost.ShapeError, ("Last()", "an Embedding")),
    "features to Embedding": Bad(
        lambda: ost.Embedding(5, 3)(X), ost.ShapeError, ("Embedding(5, 3) takes ids below 5", "'x'")
    ),
    "ids above the table of an Embedding": Bad(
        lambda: ost.Embedding(4, 3)(IDS), ost.ShapeError, ("takes ids below 4", "ids below 5")
    ),
    "another width": Bad(lambda: ost.Dense(4, 3)(X), ost.ShapeError, ("takes 4 features", "'x'", "has 3")),
    "adding other widths": Bad(
        lambda: ost.add(X, ost.Dense(3, 4)(X)), ost.ShapeError, ("add: 3 and 4 features",)
    ),
    "adding a value of rows to a sequence": Bad(
        lambda: ost.add(ost.last(X), X), ost.ShapeError, ("add", "ost.repeat(row, like)")
    ),
    "a value of rows with a sequence": Bad(
        lambda: ost.concat(X, S), ost.ShapeError, ("concat", "ost.repeat(row, like)")
    ),
    "more features than can be counted": Bad(
        lambda: ost.concat([ost.Input("big", size=2**30)] * 2), ost.ShapeError, ("2147483648", "at most")
    ),
    "repeating a sequence": Bad(
        lambda: ost.repeat(X, X), ost.ShapeError, ("repeat", "a sequence already", "value of rows")
    ),
    "repeating like a value of rows": Bad(
        lambda: ost.repeat(S, S), ost.ShapeError, ("repeat: like", "'s'", "expected a sequence")
    ),
    "reversing a value of rows": Bad(
        lambda: ost.reverse(S), ost.ShapeError, ("reverse", "'s'", "no time axis", "expected a sequence")
    ),
    "the last step of a value of rows": Bad(lambda: ost.last(S), ost.ShapeError, ("last", "no time axis")),
    "Mean of a value of rows": Bad(lambda: ost.Mean()(S), ost.ShapeError, ("mean", "no time axis")),
    "both ways over a value of rows": Bad(
        lambda: ost.GRU(2, 3, bidirectional=True)(S), ost.ShapeError, ("recurrent", "ost.repeat(row, like)")
    ),
    "an input without a kind": Bad(
        lambda: ost.Input("x"), ost.ConfigError, ("Input 'x'", "either size", "or ids")
    ),
    "an input of two kinds": Bad(lambda: ost.Input("x", size=3, ids=4), ost.ConfigError, ("Input 'x'",)),
    "an axis that is a number": Bad(
        lambda: ost.Input("x", size=3, axis=1),  # type: ignore[arg-type]
        ost.ConfigError,
        ("Input 'x'", "axis is 1", "a text"),
    ),
    "rows misspelled": Bad(
        lambda: ost.Input("x", size=3, axis="Rows"), ost.ConfigError, ("'Rows'", "did you mean 'row'")
    ),
    "an input of no features": Bad(
        lambda: ost.Input("x", size=0), ost.ConfigError, ("Input 'x'", "size is 0", "at least 1")
    ),
    "an input of half a feature": Bad(lambda: ost.Input("x", size=1.5), ost.ConfigError, ("size is 1.5",)),
    "an input without a name": Bad(lambda: ost.Input("", size=3), ost.ConfigError, ("name is ''",)),
    # Graphs.
    "two inputs of one name": Bad(
        lambda: ost.Graph(ost.add(X, ost.Input("x", size=3))), ost.ConfigError, ("two inputs", "'x'")
    ),
    "no outputs": Bad(lambda: ost.Graph({}), ost.ConfigError, ("outputs is {}", "at least one")),
    "outputs in a list": Bad(lambda: ost.Graph([X]), ost.ConfigError, ("outputs is [", "a dict")),
    "a layer as outputs": Bad(
        lambda: ost.Graph(ost.GRU(3, 4)), ost.ConfigError, ("outputs is GRU(3, 4)", "a symbol")
    ),
    "an output that is an array": Bad(
        lambda: ost.Graph({"y": x}),
        ost.ConfigError,
        ("Graph: outputs['y']", "an array of", "expected a symbol"),
    ),
    "an output called 1": Bad(lambda: ost.Graph({1: X}), ost.ConfigError, ("called 1", "a text")),
    "an output without a name": Bad(lambda: ost.Graph({"": X}), ost.ConfigError, ("called ''",)),
    "an output of ids": Bad(
        lambda: ost.Graph({"y": IDS}), ost.ConfigError, ("output 'y'", "'w'", "does not return its ids")
    ),
    "a layer that stands in another network": Bad(
        lambda: ost.Graph(owned()(X)), ost.ConfigError, ("GRU(3, 4) has a place", "load_state_dict")
    ),
    "a layer and what holds it": Bad(inside_and_whole, ost.ConfigError, ("GRU(3, 4) has a place",)),
    "a layer of another dtype": Bad(
        lambda: ost.Graph(ost.Dense(4, 2, dtype="float64")(ost.GRU(3, 4)(X))),
        ost.ConfigError,
        ("dtype is 'float32' in layer '0' and 'float64' in layer '1'",),
    ),
    "a layer with another order of axes": Bad(
        lambda: ost.Graph(ost.GRU(4, 2, batch_first=False)(ost.GRU(3, 4)(X))),
        ost.ConfigError,
        ("batch_first is True in layer '0' and False in layer '1'",),
    ),
    "a graph inside a Sequential": Bad(
        lambda: ost.Sequential(one(), ost.Dense(4, 2)), ost.ConfigError, ("Graph('x'", "is no layer")
    ),
    "a graph both ways": Bad(lambda: ost.Bidirectional(one()), ost.ConfigError, ("is no layer",)),
    "a graph called with a symbol": Bad(lambda: one()(X), ost.ConfigError, ("Graph('x'", "is no layer")),
    "a symbol in a Sequential": Bad(lambda: ost.Sequential(X), ost.DTypeError, ("layer '0'", "Symbol")),
    "Last of a residual both ways": Bad(
        lambda: ost.Sequential(ost.Recurrent("gru", 3, 4, 2, bidirectional=True, residual=True), ost.Last()),
        ost.ShapeError,
        ("last: a residual connection", "both directions", "mean, max or sum"),
    ),
    "Last alone": Bad(lambda: ost.Last().run(x), ost.ConfigError, ("Last()", "no width", "a Sequential")),
    "Last of an array": Bad(lambda: ost.Last()(x), ost.ConfigError, ("Last()", "call it with a symbol")),
    "Last alone in training": Bad(
        lambda: ost.Last().value_and_grad(x, x, loss="mse"), ost.ConfigError, ("Last()", "a Sequential")
    ),
    "Last alone explained": Bad(lambda: ost.Last().explain(), ost.ConfigError, ("Last()", "a Sequential")),
    "Last alone saved": Bad(lambda: ost.Last().save("no/file"), ost.ConfigError, ("Last()",)),
    "Last first": Bad(
        lambda: ost.Sequential(ost.Last(), ost.Dense(3, 2)),
        ost.ConfigError,
        ("begins with Last()", "put a layer before it"),
    ),
    "Last after Last": Bad(
        lambda: ost.Sequential(ost.GRU(3, 4), ost.Last(), ost.Last()),
        ost.ShapeError,
        ("last", "no time axis"),
    ),
    "Last both ways": Bad(
        lambda: ost.Bidirectional(ost.Sequential(ost.GRU(3, 4), ost.Last())),
        ost.ShapeError,
        ("no time axis",),
    ),
    "a stream of several inputs": Bad(
        lambda: ost.Graph(ost.concat(ost.Input("a", size=2), ost.Input("b", size=2))).stream(),
        ost.ConfigError,
        ("one input on the axis of its output", "step by step"),
    ),
    "a stream of Last": Bad(
        lambda: ost.Sequential(ost.GRU(3, 4), ost.Last()).stream(),
        ost.ConfigError,
        ("whose output is a sequence", "step by step"),
    ),
    "outputs set later": Bad(lambda: setattr(net(), "layers", {}), AttributeError, ("'layers' is fixed",)),
    "a penalty of steps on rows": Bad(
        lambda: ost.Graph(ost.Dense(2, 2, regularizers=["activation_penalty"])(S)).run(s, training=True),
        ost.ConfigError,
        ("a step penalty requires a sequence",),
    ),
    # Losses, targets, weights.
    "a target for an output without a loss": Bad(
        lambda: train(loss={"tags": "mse"}),
        ost.ConfigError,
        ("targets has 'mood'", "without a loss", "loss['mood']"),
    ),
    "a loss for an output that is not there": Bad(
        lambda: train(loss={"tag": "mse"}),
        ost.ConfigError,
        ("loss has the name 'tag'", "did you mean 'tags'"),
    ),
    "a target that is missing": Bad(
        lambda: train(targets={"tags": TARGETS["tags"]}),
        ost.ConfigError,
        ("targets has no 'mood'", "which has a loss"),
    ),
    "a target for an output that is not there": Bad(
        lambda: train(targets={**TARGETS, "moods": 0}), ost.ConfigError, ("'moods'", "did you mean 'mood'")
    ),
    "one loss for several outputs": Bad(
        lambda: train(loss="mse"), ost.DTypeError, ("loss is a str", "a dict of 'tags', 'mood'")
    ),
    "no losses": Bad(lambda: train(loss={}), ost.ConfigError, ("loss is an empty dict", "at least one")),
    "a loss that is None": Bad(
        lambda: train(loss={**LOSSES, "tags": None}), ost.DTypeError, ("loss is None",)
    ),
    "an unknown loss": Bad(lambda: train(loss={"tags": "msee"}), ost.ConfigError, ("did you mean 'mse'",)),
    "an array of targets": Bad(
        lambda: train(targets=x), ost.DTypeError, ("targets is a ndarray", "a dict of 'tags', 'mood'")
    ),
    "a target with steps for an output of rows": Bad(
        lambda: train(targets={**TARGETS, "mood": np.zeros((2, 5, 3))}),
        ost.ShapeError,
        ("targets['mood'] is (2, 5, 3)", "(2, 3)", "one value for each row"),
    ),
    "a target id above the outputs of rows": Bad(
        lambda: train(targets={"mood": [0, 3]}, loss={"mood": "cross_entropy"}),
        ost.ConfigError,
        ("targets['mood'] holds the id 3", "row 1", "0 to 2"),
    ),
    "weights by a wrong name": Bad(
        lambda: train(weights={"tag": np.ones((2, 5))}),
        ost.ConfigError,
        ("weights has the name 'tag'", "tags"),
    ),
    "weights of an output without a loss": Bad(
        lambda: train(loss={"tags": "mse"}, targets={"tags": TARGETS["tags"]}, weights={"mood": np.ones(2)}),
        ost.ConfigError,
        ("weights has 'mood'", "without a loss"),
    ),
    "an array of weights": Bad(
        lambda: train(weights=np.ones((2, 5))), ost.DTypeError, ("weights is a ndarray", "a dict of")
    ),
    "weights of steps for an output of rows": Bad(
        lambda: train(weights={"mood": np.ones((2, 5))}),
        ost.ShapeError,
        ("weights['mood'] is (2, 5)", "(2,)"),
    ),
    "weights below 0": Bad(
        lambda: train(weights={"mood": -np.ones(2)}), ost.ConfigError, ("weights['mood'] holds a negative",)
    ),
    "a scale that is no number": Bad(
        lambda: ost.weighted("mse", float("nan")), ost.ConfigError, ("weighted: scale is nan",)
    ),
    "a scale that is a text": Bad(lambda: ost.weighted("mse", "1"), ost.ConfigError, ("scale is '1'",)),
    "a scale of a scale": Bad(
        lambda: train(loss={**LOSSES, "mood": ost.weighted(ost.weighted("mse", 0.5), 0.5)}),
        ost.DTypeError,
        ("loss is Weighted",),
    ),
    "one loss for the memory of several outputs": Bad(
        lambda: net().training_memory(2, 5, loss="mse"), ost.DTypeError, ("loss is a str", "a dict of")
    ),
    # Going back.
    "an array of d_outputs": Bad(
        lambda: backward(TARGETS["tags"]), ost.DTypeError, ("d_outputs is a ndarray", "a dict of")
    ),
    "d_outputs by a wrong name": Bad(
        lambda: backward({"tag": TARGETS["tags"]}), ost.ConfigError, ("d_outputs has the name 'tag'", "tags")
    ),
    "d_outputs with steps for an output of rows": Bad(
        lambda: backward({"mood": np.zeros((2, 5, 3))}), ost.ShapeError, ("d_outputs['mood']", "(2, 3)")
    ),
    "d_outputs of a plain output by another name": Bad(
        lambda: backward({"y": np.zeros((2, 5, 4))}, one), ost.ConfigError, ("'y'", "output")
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_bad_graph_raises_a_typed_error_that_names_the_thing(name: str) -> None:
    TABLE[name].check()


def test_a_layer_that_a_graph_refused_is_free_for_another() -> None:
    layer = ost.GRU(3, 4)
    with pytest.raises(ost.ConfigError):
        ost.Graph({"a": layer(X), "b": owned()(X)})
    assert ost.Graph(layer(X)).run(x).outputs.shape == (2, 5, 4)


@pytest.mark.parametrize("seed", [-1, "3", 1.5])
def test_a_layer_is_free_where_the_seed_of_a_network_is_refused(seed: Any) -> None:
    layer = ost.GRU(3, 4)
    for make in (lambda: ost.Graph(layer(X), seed=seed), lambda: ost.Sequential(layer, seed=seed)):
        with pytest.raises(ost.OstinatoError, match="seed"):
            make()
    assert ost.Sequential(layer).arena.size == ost.Graph(ost.GRU(3, 4)(X)).arena.size


def test_the_core_refuses_a_width_that_does_not_fit_into_a_number() -> None:
    core = _core.Network("float32", True)
    node = core.input("x", "time", 2**20)
    with pytest.raises(ost.OstinatoError):
        for _ in range(50):
            node = core.derive("concat", [node, node])
