"""Calls of a trainer."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import ostinato as ost
from ostinato import data as ost_data
from tests.audit.form import Call, Refused
from tests.audit.subjects.shared import LENGTHS, MASK, ROWS, WEIGHTS, F, X, Y, history, net


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


OF_DATA = {
    "x": pair("x", X, -X),
    "targets": pair("targets", Y, -Y),
    "lengths": pair("lengths", None, LENGTHS),
    "weights": pair("weights", None, WEIGHTS),
    "mask": pair("mask", None, MASK),
}
"""What every form of data has."""


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
            "accumulate": pair("accumulate", 1, 2),
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
