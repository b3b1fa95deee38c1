"""Objects with the attributes that may be set."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import ostinato as ost
from ostinato import data as ost_data
from ostinato.network.stream import Stream
from ostinato.training.progress import Progress
from tests.audit.form import Thing
from tests.audit.subjects.named import first_example, named
from tests.audit.subjects.shared import ROWS, STATE, F, X, Y, net
from tests.audit.subjects.trainer import Doubles


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
