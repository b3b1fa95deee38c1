"""What is audited: each call with its result, and each object with the attributes that may be set.

A row is needed only where no simple number shows the use of an argument. Arguments come from signatures: one
that nothing shows the use of is a failure.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import ostinato as ost
from ostinato import data as ost_data
from ostinato.network.stream import Stream
from ostinato.plugins.registry import registry
from ostinato.schedules import Schedule
from ostinato.training.progress import Progress
from tests.audit.form import Call, Refused, Thing

N, T, F = 6, 5, 3
rng = np.random.default_rng(0)
X = rng.normal(size=(N, T, F)).astype("float32")
Y = rng.normal(size=(N, T, F)).astype("float32")
IDS = rng.integers(0, F, (N, T))
LENGTHS = np.array([5, 3, 4, 1, 2, 5])
MASK = rng.random((N, T)) < 0.7
WEIGHTS = rng.random((N, T)).astype("float32")
RESETS = rng.random((N, T)) < 0.3
STATE = {"h": rng.normal(size=(1, N, F)).astype("float32")}
ROWS = [row[:n] for row, n in zip(X, LENGTHS, strict=True)]


def net(**options: Any) -> ost.Network:
    """A GRU with noise, whose state has the width of its input."""
    return ost.GRU(F, F, regularizers=[ost.Dropout(0.3)], **options)


def history(trainer: ost.Trainer) -> Any:
    """All that a training leaves."""
    return trainer.history.rows, np.asarray(trainer.net.arena), trainer.optimizer.state_dict()


# Trainer, fit, evaluate.


class Doubles:
    """A callback that doubles gradients."""

    @ost.hookimpl
    def ostinato_after_backward(self, grads):
        grads.arena[...] *= 2


def trained(**options: Any) -> Any:
    lengths = options.pop("lengths", None)
    made = ost.Trainer(options.pop("net", None) or net(), **{"loss": "mse", **options})
    made.fit(X, Y, epochs=2, batch_size=4, validation=(X, Y), lengths=lengths)
    return history(made), made.evaluate(X, Y)


def fitted(**options: Any) -> Any:
    arguments = {"data": X, "targets": Y, "epochs": 2, **options}
    made = ost.Trainer(net(), loss="mse", metrics=["mae"])
    data, targets = arguments.pop("data"), arguments.pop("targets")
    if "resume" in arguments:
        made.fit(data, targets, epochs=1)
    with contextlib.redirect_stderr(io.StringIO()) as out:
        made.fit(data, targets, **arguments)
    return history(made), bool(out.getvalue())


def evaluated(**options: Any) -> Any:
    arguments = {"data": X, "targets": Y, **options}
    return ost.Trainer(net(), loss="mse").evaluate(
        arguments.pop("data"), arguments.pop("targets"), **arguments
    )


def pair(name: str, one: Any, other: Any, **both: Any) -> Any:
    """Two sets of arguments."""
    return {**both, name: one}, {**both, name: other}


def by_rows(lengths: Any) -> Any:
    """Batches of one row."""
    return [[n] for n in range(len(lengths))]


TRAINER = [
    Call(
        "Trainer",
        ost.Trainer.__init__,
        trained,
        {
            "net": ({"net": ost.RNN(F, F)}, {"net": ost.LSTM(F, F)}),
            "loss": pair("loss", "mse", ost.weighted("mse", 2.0)),
            "optimizer": pair("optimizer", "adam", ost.SGD(0.1)),
            "schedule": pair("schedule", None, "cosine"),
            "strategies": pair("strategies", [], [ost.strategies.AllRows(shuffle=False)]),
            "through_time": pair("through_time", None, ost.TruncatedBPTT(1, 1)),
            "clip_norm": pair("clip_norm", None, 1e-3, optimizer=ost.SGD(0.1)),
            "reduction": pair("reduction", "mean", "sum"),
            "metrics": pair("metrics", [], ["mae"]),
            "callbacks": pair("callbacks", [], [Doubles()], optimizer=ost.SGD(0.1)),
        },
    ),
    Call(
        "Trainer.fit",
        ost.Trainer.fit,
        fitted,
        {
            "data": pair("data", X, X[::-1]),
            "targets": pair("targets", Y, -Y),
            "batch_size": pair("batch_size", 2, by_rows),
            "lengths": pair("lengths", None, LENGTHS),
            "weights": pair("weights", None, WEIGHTS),
            "mask": pair("mask", None, MASK),
            "validation": pair("validation", None, (X, Y)),
            "resume": pair("resume", True, False),
            "progress": pair("progress", True, False),
        },
    ),
    Call(
        "Trainer.fit of batches",
        ost.Trainer.fit,
        lambda **options: fitted(**{"data": [ost.Batch(X, Y)], "targets": None, **options}),
        {
            "data": pair("data", [(X, Y)], [(X, -Y)]),
            "targets": Refused({"targets": Y}, ""),
            "batch_size": Refused(3, "batch_size is 3, but the data is an iterable of batches"),
            "lengths": Refused(LENGTHS, "lengths requires x and targets"),
            "weights": Refused(WEIGHTS, "weights requires x and targets"),
            "mask": Refused(MASK, "mask requires x and targets"),
            "validation": pair("validation", None, [(X, Y)]),
            "progress": pair("progress", True, False, data=[(X, Y)]),
            "training_metrics": Refused(True, "training_metrics is True, but the data"),
            "resume": pair("resume", True, False, data=[(X, Y)]),
        },
    ),
    Call(
        "Trainer.fit of lists of rows",
        ost.Trainer.fit,
        lambda **options: fitted(**{"data": ROWS, "targets": ROWS, **options}),
        {
            "data": pair("data", ROWS, [-row for row in ROWS]),
            "targets": pair("targets", ROWS, [-row for row in ROWS]),
            "batch_size": pair("batch_size", 2, ost_data.ByLength(2)),
            "lengths": Refused(LENGTHS, "each of which has its own"),
            "weights": pair("weights", None, [row[:, 0] ** 2 for row in ROWS]),
            "mask": pair("mask", None, [row[:, 0] > -1 for row in ROWS]),
            "validation": pair("validation", None, (ROWS, ROWS)),
            "progress": pair("progress", True, False),
            "resume": pair("resume", True, False),
        },
    ),
    Call(
        "Trainer.evaluate",
        ost.Trainer.evaluate,
        evaluated,
        {
            "data": pair("data", X, -X),
            "targets": pair("targets", Y, -Y),
            "batch_size": Refused({"data": [(X, Y)], "targets": None, "batch_size": 2}, "batch_size is 2"),
            "lengths": pair("lengths", None, LENGTHS),
            "weights": pair("weights", None, WEIGHTS),
            "mask": pair("mask", None, MASK),
        },
    ),
]


# Batches.


def batch(**fields: Any) -> Any:
    """A training on one batch after another that it may carry on; and what `evaluate` says of it."""
    first = ost.Batch(X, Y)
    one = ost.Batch(**{"x": X, "targets": Y, **fields})
    made = ost.Trainer(net(), loss="mse")
    told = made.evaluate([first, one])
    made.fit([first, one], epochs=1)
    return told, history(made)


PLACES = np.arange(N) + 50  # names of rows in messages
BAD = X.copy()
BAD[2, 1, 1] = np.nan


BATCH = [
    Call(
        "Batch",
        ost.Batch,
        batch,
        {
            "x": pair("x", X, -X),
            "targets": pair("targets", Y, -Y),
            "lengths": pair("lengths", None, LENGTHS),
            "weights": pair("weights", None, WEIGHTS),
            "carries": pair("carries", False, True),
            "resets": pair("resets", None, RESETS),
            "state": pair("state", None, STATE),
            "truth": Refused(MASK, "only a strategy of the role 'feeding'"),
            "sample": Refused(ost.Sample(), "only a strategy of the role 'feeding'"),
            "seed": Refused(3, "write Trainer(net, seed=...)"),
            "batch_first": Refused(False, "the network takes (N, T, ...)"),
            "places": Refused({"places": PLACES, "x": BAD}, "row 52"),
            "axes": Refused(ost.Axes(outputs={"output": "row"}), "omit axes"),
            "mask": pair("mask", None, MASK),
        },
    ),
    Call(
        "Batch, state and carries",
        lambda state: None,
        lambda state: batch(state=state, carries=True),
        {"state": Refused({"state": STATE}, "omit state to continue")},
    ),
    Call(
        "Lesson",
        ost.Lesson,
        lambda **fields: trained(strategies=[_Gives(ost.Lesson(**fields))]),
        {
            "rows": pair("rows", None, np.array([1, 0, 2])),
            "steps": pair("steps", None, 2),
        },
    ),
]


class _Gives(ost.Curriculum):
    """One lesson always."""

    def __init__(self, one: Any = None) -> None:
        self.one = one

    def lesson(self, when: Any, lengths: Any) -> Any:
        return self.one


# Networks.


def ran(**options: Any) -> Any:
    """All that a run returns."""
    run = net().run(options.pop("x", X), **options)
    return run.outputs, run.final_state, run.lengths


def noisy(**options: Any) -> Any:
    return ran(**{"training": True, "seed": 1, **options})


def slopes(**options: Any) -> Any:
    """The loss and all gradients."""
    arguments = {"x": X, "targets": Y, "loss": "mse", "seed": 1, **options}
    value, grads = net().value_and_grad(arguments.pop("x"), arguments.pop("targets"), **arguments)
    return value, grads.arena, grads.inputs, grads.initial_state, grads.final_state


def loss_value(**options: Any) -> Any:
    arguments = {"x": X, "targets": Y, "loss": "mse", **options}
    return net().loss_value(arguments.pop("x"), arguments.pop("targets"), **arguments)


def backward(**options: Any) -> Any:
    made = ost.GRU(F, F, regularizers=[ost.ActivationPenalty(0.1)])
    run = made.run(X, training=True, seed=1)
    grads = run.backward(**{"d_outputs": Y, "d_penalty": 1.0, **options})
    return grads.arena, grads.inputs


def streamed(**options: Any) -> Any:
    stream = net().stream(N)
    stream.step(X[:, 0])
    out = options.get("out")
    result = stream.step(**{"x": X[:, 1], **options})
    return result, stream.state, None if out is None else out


SEQUENCE = {
    "lengths": pair("lengths", None, LENGTHS),
    "mask": pair("mask", None, MASK),
    "state": pair("state", None, STATE),
    "resets": pair("resets", None, RESETS),
}
TARGETS = {
    "x": pair("x", X, -X),
    "targets": pair("targets", Y, -Y),
    "loss": pair("loss", "mse", ost.MSE(half=True)),
    "reduction": pair("reduction", "mean", "sum"),
    "weights": pair("weights", None, WEIGHTS),
}
NETWORK = [
    Call(
        "Network.run",
        ost.Network.run,
        noisy,
        {
            "x": pair("x", X, -X),
            "training": ({"training": True}, {"training": False, "seed": None}),
            "regularize": ({}, {"regularize": False, "seed": None}),
            **SEQUENCE,
        },
    ),
    Call(
        "Network.run without training",
        ost.Network.run,
        ran,
        {
            "x": pair("x", X, -X),
            "first_step": ({"training": True, "seed": 1}, {"training": True, "seed": 1, "first_step": 9}),
            "seed": Refused(1, "nothing is random without training=True"),
            "training": ({"training": True}, {"training": False}),
            "regularize": pair("regularize", True, False, training=True),
            **SEQUENCE,
        },
    ),
    Call(
        "Network.value_and_grad",
        ost.Network.value_and_grad,
        slopes,
        {
            **TARGETS,
            **SEQUENCE,
            "through_time": pair("through_time", None, ost.TruncatedBPTT(1, 1)),
            "input_gradient": pair("input_gradient", True, False),
            "regularize": ({}, {"regularize": False, "seed": None}),
        },
    ),
    Call("Network.loss_value", ost.Network.loss_value, loss_value, {**TARGETS, **SEQUENCE}),
    Call(
        "Run.backward",
        ost.Run.backward,
        backward,
        {
            "d_outputs": pair("d_outputs", Y, -Y),
            "d_final_state": pair("d_final_state", None, STATE),
            "d_penalty": pair("d_penalty", 1.0, 0.0),
        },
    ),
    Call(
        "Network.stream",
        ost.Network.stream,
        lambda **o: net().stream(**o).state,
        {
            "rows": Refused({"rows": {"age": np.ones((1, 2))}}, "rows"),
            "memory": Refused({"memory": X}, "memory"),
            "lengths": Refused({"lengths": [1]}, "lengths"),
        },
    ),
    Call(
        "Network.stream with values of rows",
        lambda rows: None,
        lambda rows: _with_rows().stream(1, rows=rows).step(X[:1, 0]),
        {"rows": pair("rows", {"age": np.ones((1, 2))}, {"age": np.zeros((1, 2))})},
    ),
    Call(
        "Stream.step",
        Stream.step,
        streamed,
        {
            "x": pair("x", X[:, 1], X[:, 2]),
            "resets": pair("resets", None, RESETS[:, 0]),
            "out": ({}, {"out": np.zeros((N, F), "float32")}),
        },
    ),
    Call("Network.explain", ost.Network.explain, lambda **o: net().explain(**o), {}),
    Call(
        "Network.training_memory",
        ost.Network.training_memory,
        lambda **o: net().training_memory(**o),
        {"loss": pair("loss", None, "mse")},
    ),
    Call("Network.plans", ost.Network.plans, lambda **o: net().plans(**o), {}),
    Call(
        "Network.load_state_dict",
        ost.Network.load_state_dict,
        lambda **o: _loaded(**o),
        {
            "mapping": pair("mapping", ost.Dense(2, 2).state_dict(), ost.Dense(2, 2, seed=1).state_dict()),
            "strict": Refused({"mapping": {}, "strict": True}, "missing"),
        },
    ),
]


def _with_rows() -> ost.Network:
    x, age = ost.Input("x", size=F), ost.Input("age", size=2, axis="row")
    hidden = ost.GRU(F, 3)(x)
    return ost.Graph(outputs=ost.Dense(5, 2)(ost.concat(hidden, ost.repeat(age, hidden))))


def _loaded(mapping: Any = None, strict: bool = True) -> Any:
    made = ost.Dense(2, 2)
    told = made.load_state_dict(mapping, strict)
    return told, np.asarray(made.arena)


# Layers.


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


# Data.


def batches(**options: Any) -> Any:
    arguments = {"x": X, "targets": Y, "batch_size": 4, **options}
    made = ost_data.Batches(**arguments)
    fields = ("x", "targets", "lengths", "weights", "mask", "places", "axes")
    return [[getattr(one, name) for name in fields] for one in (*made, *made)]


DATA = [
    Call(
        "data.Batches",
        ost_data.Batches,
        batches,
        {
            "x": pair("x", X, -X),
            "targets": pair("targets", Y, -Y),
            "lengths": pair("lengths", None, LENGTHS),
            "weights": pair("weights", None, WEIGHTS),
            "mask": pair("mask", None, MASK),
            "max_steps": pair("max_steps", None, 5),
            "pool": pair("pool", 50, 1, lengths=LENGTHS, batch_size=2, shuffle=False),
            "per": ({"targets": Y}, {"targets": Y, "per": "sequence"}),
            "net": Refused({"net": net(batch_first=False)}, "make it with batch_first=True"),
        },
    ),
    Call(
        "data.ByLength",
        ost_data.ByLength,
        lambda **o: ost_data.ByLength(**{"batch_size": 2, **o})(LENGTHS[:5]),
        {"max_steps": pair("max_steps", None, 5), "pool": pair("pool", 1, None)},
    ),
    Call(
        "data.Streams",
        ost_data.Streams,
        lambda **o: [
            (one.x, one.targets)
            for one in ost_data.Streams(**{"ids": np.arange(20), "rows": 2, "steps": 3, **o})
        ],
        {"ids": pair("ids", np.arange(20), np.arange(10))},
    ),
    Call(
        "data.pack",
        ost_data.pack,
        lambda **o: _packed(**o),
        {"x": pair("x", X, -X), "lengths": pair("lengths", None, LENGTHS)},
    ),
]


def _packed(**options: Any) -> Any:
    one = ost_data.pack(**{"x": X, **options})
    return one.data, one.batch_sizes, one.sorted_indices


# Optimizers, schedules, strategies, losses, metrics, regularizers, cells: all that have a name.


def stepped(make: Callable[..., Any]) -> Callable[..., Any]:
    def result(**options: Any) -> Any:
        made = make(**{"lr": 0.1, **options})
        params = {"weight": np.arange(4.0), "bias": np.ones(2)}
        for n in range(3):
            made.step(params, {name: np.cos(one + n) for name, one in params.items()})
        return params

    return result


GROUPS = pair("groups", None, {"bias": {"weight_decay": 0.5}})


def course(make: Callable[..., Any], required: dict[str, Any]) -> Callable[..., Any]:
    def result(**options: Any) -> Any:
        made = make(**{**required, **options})
        values = []
        for epoch in range(12):
            when = ost.Moment(epoch, 4 * epoch, epoch / 12)
            values.append(made(0.5, when))
            if isinstance(made, Schedule):
                loss = 1.0 / (1 + min(epoch, 3)) - (0.004 * epoch if epoch > 5 else 0.0)
                made.observe({"loss": loss, "val_loss": 1 + epoch % 3, "val_rmse": 2.0 + epoch})
        return values

    return result


REQUIRED: dict[str, dict[str, Any]] = {
    "exponential": {"decay": 0.9},
    "step": {"every": 2},
    "time_based": {"decay": 0.1},
    "warm_up": {"steps": 9},
    "plateau": {"patience": 1},
    "truncated": {"k1": 1},
    "curriculum/length": {"start": 2},
    "reinforce/reinforce": {"end": 0, "max_length": 4},
    "reinforce/minimum_risk": {"end": 0, "max_length": 4, "sharpness": 0.5},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "adam": {"groups": GROUPS},
    "sgd": {"groups": GROUPS, "nesterov": pair("nesterov", False, True, momentum=0.5)},
    "plateau": {
        "metric": pair("metric", "loss", "val_loss"),
        "mode": pair("mode", "min", "max", metric="val_rmse"),
        "min_delta": pair("min_delta", 0.0, 0.9, metric="loss", patience=2),
    },
    "warm_up": {"then": pair("then", None, ost.schedules.Exponential(0.5))},
    "truncated": {
        "k1": pair("k1", 1, 2),
        "k2": pair("k2", 1, 3),
        "update_every": pair("update_every", None, 2),
    },
    "curriculum/length": {
        "longer": pair("longer", "cut", "wait"),
        "order": pair("order", "shuffled", "short_first"),
    },
    "sampling/scheduled_sampling": {
        "decay": pair("decay", "linear", "exponential", k=0.5),
    },
    "reinforce/reinforce": {
        "reward": pair("reward", "edit", "exact"),
        "end": pair("end", 0, 1),
        "max_length": pair("max_length", 4, 2),
        "baseline": pair("baseline", "none", "greedy"),
        "momentum": pair("momentum", 0.9, 0.1, baseline="running"),
    },
    "reinforce/minimum_risk": {
        "reward": pair("reward", "edit", "exact"),
        "end": pair("end", 0, 1),
        "max_length": pair("max_length", 4, 2),
    },
    "dropout": {"where": pair("where", "input", "output")},
    "skip_connection": {"state": Refused("c", "'c'")},
    "temporal_activation_penalty": {"state": Refused("c", "'c'")},
    "regularizers/norm_stabilizer": {"state": Refused("c", "'c'")},
    "weight_drop": {"weights": pair("weights", "weight_ih*", "weight_hh*")},
    "regularizers/spectral_norm": {"weights": pair("weights", "weight_ih*", "weight_hh*")},
    "regularizers/weight_norm": {"weights": pair("weights", "weight_ih*", "weight_hh*")},
    "gru": {"reset": pair("reset", "before", "after")},
    "ctc": {"blank": pair("blank", 0, 2, labels=2)},
    "checkpointed": {"budget": Refused("nothing", "budget")},
}


def strategy(make: Callable[..., Any], required: dict[str, Any]) -> Callable[..., Any]:
    def result(**options: Any) -> Any:
        made = make(**{**required, **options})
        if made.role == "feeding" or getattr(made, "samples", False):
            return written(made)
        return trained(strategies=[made], metrics=["mae"], lengths=LENGTHS)

    return result


def written(strategy: Any) -> Any:
    """A training of a network that is fed the ids it predicts."""
    net = ost.Sequential(ost.Embedding(F, 4), ost.GRU(4, 4), ost.Dense(4, F))
    made = ost.Trainer(net, loss="cross_entropy", strategies=[strategy])
    made.fit(IDS[:, :-1], IDS[:, 1:], epochs=4, batch_size=4, lengths=np.minimum(LENGTHS, T - 1))
    return history(made), net.arena.copy()


def loss_of(make: Callable[..., Any]) -> Callable[..., Any]:
    def result(**options: Any) -> Any:
        made = make(**options)
        labels = np.ones((N, getattr(made, "labels", 1)), int)
        targets = {"index": IDS, "labels": labels}.get(made.target, Y)
        return net().value_and_grad(X, targets, loss=made, seed=1)[1].arena

    return result


def regularized(make: Callable[..., Any], required: dict[str, Any]) -> Callable[..., Any]:
    def result(**options: Any) -> Any:
        made = ost.GRU(F, F, 2, regularizers=[make(**{**required, **options})])
        value, grads = made.value_and_grad(X, Y, loss="mse", seed=1)
        return value, np.asarray(grads.arena), sorted(made.parameters())

    return result


def cell(name: str) -> Callable[..., Any]:
    def result(**options: Any) -> Any:
        made = ost.Recurrent(name, 4, 4, **options)
        x = np.random.default_rng(3).normal(size=(2, 3, 4)).astype("float32")
        return made.run(x).outputs, sorted(made.state_dict())

    return result


def initialized(make: Callable[..., Any], required: dict[str, Any]) -> Callable[..., Any]:
    return lambda **options: ost.RNN(4, 4, init=make(**{**required, **options})).state_dict()


def attended(make: Callable[..., Any], required: dict[str, Any]) -> Callable[..., Any]:
    return lambda **options: attention(scorer=make(**{**required, **options}))


def attention(**options: Any) -> Any:
    sizes = {"scorer": "additive", "query_size": 4, "memory_size": 4, **options}
    made = ost.Attention(sizes.pop("scorer"), **sizes)
    draw = np.random.default_rng(5).normal
    query = draw(size=(2, 3, made.query_size)).astype(made.dtype)
    run = made.run(query, draw(size=(2, 6, made.memory_size)).astype(made.dtype))
    return run.context, run.weights


def named(kind: str) -> list[tuple[str, Any]]:
    """Everything of a kind that has a name, and what makes it."""
    return [
        (one.shown, one.spec.factory)
        for one in registry.entries()
        if one.kind == kind and "local/" not in one.shown
    ]


def first_example(factory: Any) -> dict[str, Any]:
    """Options with which it can be made."""
    examples = getattr(factory, "examples", ({},))
    return dict(examples[0]) if examples else {}


def kinds() -> list[Call]:
    """A call for each name of the registry."""
    found: list[Call] = []
    for kind, results in (
        ("optimizer", lambda name, make: stepped(make)),
        ("schedule", lambda name, make: course(make, REQUIRED.get(name, first_example(make)))),
        ("strategy", lambda name, make: strategy(make, REQUIRED.get(name, first_example(make)))),
        ("loss", lambda name, make: loss_of(make)),
        ("regularizer", lambda name, make: regularized(make, first_example(make))),
        ("cell", lambda name, make: cell(name)),
        ("initializer", lambda name, make: initialized(make, first_example(make))),
        ("scorer", lambda name, make: attended(make, first_example(make))),
    ):
        for name, make in named(kind):
            found.append(Call(f"{kind} {name}", make, results(name, make), OPTIONS.get(name, {})))
    return found


# Callbacks.


def stopped(**options: Any) -> Any:
    """A run of a bad learning rate, with a callback that stops it."""
    made = ost.Trainer(
        net(), loss="mse", optimizer=ost.SGD(0.5), metrics=["rmse"], callbacks=[ost.EarlyStopping(**options)]
    )
    made.fit(X, Y, epochs=8, validation=(-X, Y))
    return history(made)


def checkpoints(**options: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / options.pop("path", "a")
        made = ost.Trainer(net(), loss="mse", callbacks=[ost.Checkpoints(path, **options)])
        made.fit(X, Y, epochs=5, batch_size=2)
        again = ost.Trainer(net(), loss="mse")
        if not path.exists():
            return [one.name for one in Path(folder).iterdir()]
        again.load(path)
        return path.name, again.run.step


def printed(**options: Any) -> Any:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        ost.Trainer(net(), loss="mse", callbacks=[Progress(**options)]).fit(X, Y, epochs=1)
    return out.getvalue().rpartition("  ")[0]


CALLBACKS = [
    Call(
        "EarlyStopping",
        ost.EarlyStopping,
        stopped,
        {
            "metric": pair("metric", "val_loss", "loss", patience=1),
            "patience": pair("patience", 1, 4, metric="val_loss", mode="max"),
            "min_delta": pair("min_delta", 0.0, 0.5, patience=2, metric="loss"),
            "mode": pair("mode", "min", "max", patience=1, metric="loss"),
            "restore_best": pair("restore_best", True, False, metric="loss", mode="max", patience=2),
        },
    ),
    Call(
        "Checkpoints",
        ost.Checkpoints,
        checkpoints,
        {
            "path": pair("path", "a", "b"),
            "every_epochs": pair("every_epochs", 2, 3),
            "every_steps": pair("every_steps", 4, 7),
            "best": ({}, {"best": "loss", "mode": "max"}),
            "mode": pair("mode", "min", "max", best="loss"),
        },
    ),
    Call(
        "Progress",
        Progress,
        printed,
        {
            "figures": pair("figures", None, lambda run, metrics: "figures"),
            "done": pair("done", None, lambda run: 0.25),
        },
    ),
]

OTHER = [
    Call(
        "Optimizer.step",
        ost.Optimizer.step,
        lambda **o: _one_step(**o),
        {
            "params": ({"params": {"a": np.ones(2)}}, {"params": {"a": np.zeros(2)}}),
            "grads": pair("grads", {"a": np.ones(2)}, {"a": np.zeros(2)}),
            "clip_norm": pair("clip_norm", None, 0.1),
        },
    ),
    Call(
        "weighted",
        ost.weighted,
        lambda **o: net().value_and_grad(
            X, Y, loss=ost.weighted(**{"loss": "mse", "scale": 1.0, **o}), seed=1
        )[0],
        {"loss": pair("loss", "mse", ost.MSE(half=True))},
    ),
    Call(
        "Attention",
        ost.Attention,
        attention,
        {
            "scorer": pair("scorer", "additive", "multiplicative"),
            "dtype": pair("dtype", "float32", "float64"),
            "options": Refused({"unknown": 1}, "no option 'unknown'"),
        },
    ),
    Call(
        "TruncatedBPTT",
        ost.TruncatedBPTT,
        lambda **o: slopes(through_time=ost.TruncatedBPTT(**{"k1": 1, "k2": 3, **o})),
        {},
    ),
]


def _one_step(**options: Any) -> Any:
    arguments = {"params": {"a": np.arange(2.0)}, "grads": {"a": np.ones(2)}, **options}
    params = {name: one.copy() for name, one in arguments.pop("params").items()}
    return ost.SGD(0.1).step(params, arguments.pop("grads"), **arguments), params


def calls() -> list[Call]:
    """Everything with arguments."""
    return [*TRAINER, *BATCH, *NETWORK, *LAYERS, *DATA, *CALLBACKS, *OTHER, *kinds()]


# Attributes.


def _trainer() -> ost.Trainer:
    return ost.Trainer(net(), loss="mse", optimizer=ost.SGD(0.1, momentum=0.5), callbacks=[Doubles()])


def option(name: str, value: Any) -> Callable[[Any], tuple[Any, Any]]:
    """Steps of an optimizer before and after an option is set."""

    def differ(made: ost.Optimizer) -> tuple[Any, Any]:
        def steps(one: ost.Optimizer) -> Any:
            params = {"weight": np.arange(4.0), "bias": np.ones(2)}
            for n in range(3):
                one.step(params, {key: np.cos(value + n) for key, value in params.items()})
            return params

        plain = steps(type(made)(**made.options))
        setattr(made, name, value)
        return plain, steps(made)

    return differ


def _noise(made: ost.Network) -> tuple[Any, Any]:
    before = made.run(X, training=True).outputs
    made.noise_calls = 7
    return before, made.run(X, training=True).outputs


def _metadata(made: ost.Network) -> tuple[Any, Any]:
    """What the model file says."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for metadata in ({}, {"labels": ["a"]}):
            made.metadata = metadata
            made.save(Path(folder) / "model")
            found.append(dict(ost.load(Path(folder) / "model").metadata))
    return found[0], found[1]


def _state(stream: Stream) -> tuple[Any, Any]:
    before = stream.step(X[:1, 0])
    stream.state = {"h": STATE["h"][:, :1]}
    return before, stream.step(X[:1, 0])


def _epoch_of_data(made: Any) -> tuple[Any, Any]:
    before = [one.x for one in ost_data.Batches(ROWS, ROWS, batch_size=2)]
    made.epoch = 5
    return before, [one.x for one in made]


OPTIMIZERS = {
    "sgd": (
        lambda: ost.SGD(0.1, momentum=0.5),
        {
            "lr": 0.5,
            "momentum": 0.9,
            "nesterov": True,
            "weight_decay": 0.1,
            "decoupled_decay": 0.1,
            "groups": {"bias": {"weight_decay": 0.5}},
        },
    ),
    "adam": (
        lambda: ost.Adam(0.1),
        {
            "lr": 0.5,
            "betas": (0.5, 0.5),
            "eps": 0.1,
            "weight_decay": 0.1,
            "decoupled_decay": 0.1,
            "recurrent_decay": 0.1,
            "groups": {"bias": {"weight_decay": 0.5}},
        },
    ),
}


def things() -> list[Thing]:
    """Everything with attributes that a user sees."""
    run = ost.GRU(F, F)
    found = [
        Thing("Trainer", _trainer),
        Thing("Network", net, {"noise_calls": _noise, "metadata": _metadata}),
        Thing(
            "layer of a network",
            lambda: ost.Sequential(net(), ost.Dense(F, 2))[0],
            {"noise_calls": _noise, "metadata": _metadata},
        ),
        Thing("Batch", lambda: ost.Batch(X, Y)),
        Thing("Packed", lambda: ost_data.pack(ROWS)),
        Thing("Lesson", ost.Lesson),
        Thing("Moment", ost.Moment),
        Thing("Gradients", lambda: run.value_and_grad(X, Y, loss="mse")[1]),
        Thing("Stream", lambda: run.stream(1), {"state": _state}),
        Thing("data.Batches", lambda: ost_data.Batches(ROWS, ROWS, batch_size=2), {"epoch": _epoch_of_data}),
        Thing("data.ByLength", ost_data.ByLength),
        Thing("data.Streams", lambda: ost_data.Streams(np.arange(20), 2, 3)),
        Thing("data.Alphabet", lambda: ost_data.Alphabet("abc")),
        Thing("Checkpoints", lambda: ost.Checkpoints("a")),
        Thing("Progress", Progress),
        Thing("weighted", lambda: ost.weighted("mse", 2.0)),
    ]
    for name, (make, values) in OPTIMIZERS.items():
        own = {key: option(key, value) for key, value in values.items() if key in make().options}
        found.append(Thing(f"optimizer {name}", make, own))
    for kind in ("loss", "metric", "regularizer", "cell"):
        for name, factory in named(kind):
            found.append(
                Thing(
                    f"{kind} {name}", lambda factory=factory: factory(**first_example(factory)), authors=True
                )
            )
    return found
