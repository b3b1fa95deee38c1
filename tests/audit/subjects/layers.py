"""Layers, with all their options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import ostinato as ost
from tests.audit.form import Call, Refused
from tests.audit.subjects.shared import IDS, F, N, T, X
from tests.audit.subjects.trainer import pair


def layer(kind: Any, *first: Any) -> Callable[..., Any]:
    """The result of a layer, for options and sizes: name of its parameters, and a training step."""

    def result(**options: Any) -> Any:
        sizes = (
            {"input_size": F, "hidden_size": 4}
            if kind is not ost.Dense
            else {"input_size": F, "output_size": 4}
        )
        made = kind(*first, **{**sizes, **options})
        width, rows_first = made.input_size, made.batch_first is not False
        shape = (N, T, width) if rows_first else (T, N, width)
        x = np.random.default_rng(3).normal(size=shape).astype(made.dtype)
        run = made.run(x, training=True, seed=1)
        return sorted(made.state_dict()), run.outputs, run.final_state, rows_first

    return result


class Centers(ost.Loss):
    """The squared distance to a learned center."""

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        """The center."""
        return {"center": ost.Param((size.output, 1), init="xavier_uniform")}

    def step(self, y: Any, target: Any, p: Any) -> Any:
        """The distance."""
        return ost.ops.sum(ost.ops.square(y - ost.ops.reshape(p.center, y.shape) - target))


class Distances(Centers):
    """The distance to a center that starts elsewhere."""

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        """The center."""
        return {"center": ost.Param((size.output, 1), init="zeros")}


def criterion(**options: Any) -> Any:
    """The result of a training step."""
    losses = {"centers": Centers(), "distances": Distances()}
    loss = losses[options.pop("loss", "centers")]
    made = ost.Criterion(loss, options.pop("input_size", F), **options)
    x = np.ones((N, T, made.input_size), made.dtype)
    value, grads = made.value_and_grad(x, x, loss=loss)
    return value, np.asarray(grads.arena), made.state_dict()


def embedded(**options: Any) -> Any:
    made = ost.Embedding(**{"num_embeddings": 7, "embedding_dim": 4, **options})
    return made.run(IDS % made.input_size).outputs, made.input_size


def tied(**options: Any) -> Any:
    table = ost.Embedding(5, F)
    made = ost.Sequential(
        table, ost.GRU(F, F), ost.Dense(F, 5, **{"tied_to": table} if options["tied_to"] else {})
    )
    return sorted(made.parameters())


def both_ways(**options: Any) -> Any:
    made = ost.Bidirectional(**{"forward": ost.GRU(F, 4), **options})
    return made.run(X).outputs, sorted(made.state_dict())


def stack(*layers: Any, **options: Any) -> Any:
    made = ost.Sequential(*(layers or (ost.GRU(F, 4), ost.Dense(4, 2))), **options)
    return made.run(X).outputs


def graph(**options: Any) -> Any:
    x = ost.Input("x", size=F)
    made = ost.Graph(**{"outputs": {"a": ost.Dense(F, 2)(x), "b": ost.GRU(F, 2)(x)}, **options})
    return made.run({"x": X} if len(made.inputs) > 1 else X).outputs


def one_output() -> Any:
    x = ost.Input("x", size=F)
    return ost.Dense(F, 2)(x)


def port(**options: Any) -> Any:
    symbol = ost.Input(**{"name": "x", "size": F, **options})
    made = ost.Embedding(8, 2) if options.get("ids") else ost.Dense(options.get("size") or F, 2)
    return dict(ost.Graph(outputs=made(symbol)).inputs)


RECURRENT = {
    "regularizers": pair("regularizers", [], [ost.Zoneout(0.5)]),
    "init": pair("init", None, "zeros"),
    "dtype": pair("dtype", "float32", "float64"),
    "residual": pair("residual", False, True, hidden_size=F),
}
LAYERS = [
    Call("LSTM", ost.LSTM, layer(ost.LSTM), {**RECURRENT}),
    Call("GRU", ost.GRU, layer(ost.GRU), {**RECURRENT, "reset": pair("reset", "after", "before")}),
    Call("RNN", ost.RNN, layer(ost.RNN), {**RECURRENT}),
    Call(
        "Recurrent",
        ost.Recurrent,
        lambda **options: layer(ost.Recurrent, options.pop("cell", "gru"))(**options),
        {
            **RECURRENT,
            "cell": pair("cell", "gru", "lstm"),
            "cell_options": Refused({"unknown": 1}, "no option 'unknown'"),
        },
    ),
    Call(
        "Dense",
        ost.Dense,
        lambda **options: tied(**options) if "tied_to" in options else layer(ost.Dense)(**options),
        {
            "regularizers": pair("regularizers", [], [ost.Dropout(0.5)]),
            "tied_to": pair("tied_to", False, True),
            "dtype": pair("dtype", "float32", "float64"),
        },
    ),
    Call(
        "Criterion",
        ost.Criterion,
        criterion,
        {
            "loss": pair("loss", "centers", "distances"),
            "input_size": pair("input_size", F, F + 1),
            "regularizers": pair("regularizers", [], [ost.L2(0.5)]),
            "dtype": pair("dtype", "float32", "float64"),
        },
    ),
    Call("Embedding", ost.Embedding, embedded, {"dtype": pair("dtype", "float32", "float64")}),
    Call(
        "Bidirectional",
        ost.Bidirectional,
        both_ways,
        {
            "forward": ({"forward": ost.GRU(F, 4, seed=1)}, {"forward": ost.GRU(F, 4, seed=2)}),
            "backward": ({"backward": ost.GRU(F, 4, seed=1)}, {"backward": ost.GRU(F, 4, seed=2)}),
        },
    ),
    Call("Sequential", ost.Sequential, lambda **o: stack(**o), {"seed": pair("seed", None, 5)}),
    Call(
        "Graph",
        ost.Graph,
        graph,
        {"outputs": ({}, {"outputs": one_output()}), "seed": pair("seed", None, 5)},
    ),
    Call(
        "Input",
        ost.Input,
        port,
        {
            "name": pair("name", "x", "y"),
            "ids": ({}, {"size": None, "ids": 8}),
            "axis": pair("axis", "time", "row"),
        },
    ),
]
