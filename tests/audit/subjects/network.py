"""Calls of networks."""

from __future__ import annotations

from typing import Any

import numpy as np

import ostinato as ost
from ostinato.network.stream import Stream
from tests.audit.form import Call, Refused
from tests.audit.subjects.shared import LENGTHS, MASK, RESETS, STATE, WEIGHTS, F, N, X, Y, net
from tests.audit.subjects.trainer import pair


def ran(**options: Any) -> Any:
    """All that a run returns, and in training the gradients of its inputs."""
    run = net().run(options.pop("x", X), **options)
    slopes = None
    if options.get("training"):
        slopes = run.backward(run.outputs, d_penalty=None if run.penalty is None else 1.0).inputs
    return run.outputs, run.final_state, run.lengths, slopes


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
            "input_gradient": pair("input_gradient", True, False),
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
            "input_gradient": pair("input_gradient", True, False, training=True),
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
    report = made.load_state_dict(mapping, strict)
    return report, np.asarray(made.arena)
