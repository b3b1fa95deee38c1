"""Callbacks, and what is left."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import ostinato as ost
from ostinato.training.progress import Progress
from tests.audit.form import Call, Refused
from tests.audit.subjects.named import attention
from tests.audit.subjects.network import slopes
from tests.audit.subjects.shared import X, Y, history, net
from tests.audit.subjects.trainer import pair


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


def logged(**options: Any) -> Any:
    """The names and the content of the files of a CSVLog."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / options.pop("path", "a")
        ost.Trainer(net(), loss="mse", callbacks=[ost.CSVLog(path, **options)]).fit(X, Y, epochs=2)
        return [(one.name, one.read_text(encoding="utf-8")) for one in Path(folder).iterdir()]


def drawn(**options: Any) -> Any:
    """The folders of a TensorBoard, and how often its files name what they hold."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / options.pop("log_dir", "a")
        made = ost.Trainer(net(), loss="mse", callbacks=[ost.TensorBoard(path, **options)])
        made.fit(X, Y, epochs=2, batch_size=2)
        (file,) = path.iterdir()
        content = file.read_bytes()
        held = content[content.index(b"units") :][:20] if b"units" in content else b""
        return path.name, content.count(b"update/loss"), content.count(b"parameters/"), held


def printed(**options: Any) -> Any:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        ost.Trainer(net(), loss="mse", callbacks=[Progress(**options)]).fit(X, Y, epochs=1)
    return out.getvalue().rpartition("  ")[0]


class Limit:
    """A trial that is given up when a metric is above 0.5."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def report(self, value: float, step: int) -> None:
        self.values.append(value)

    def should_prune(self) -> bool:
        return self.values[-1] > 0.5


def pruned(**options: Any) -> Any:
    """What a trial is given."""
    trial = options.pop("trial", Limit)()
    made = ost.Trainer(net(), loss="mse", metrics=["rmse"], callbacks=[ost.Pruning(trial, **options)])
    made.fit(X, Y, epochs=2, validation=(-X, Y))
    return history(made), trial.values


CALLBACKS = [
    Call(
        "Pruning",
        ost.Pruning,
        pruned,
        {
            "trial": pair("trial", Limit, type("Never", (Limit,), {"should_prune": lambda self: False})),
            "metric": pair("metric", "val_loss", "loss"),
        },
    ),
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
    Call("CSVLog", ost.CSVLog, logged, {"path": pair("path", "a", "b")}),
    Call(
        "TensorBoard",
        ost.TensorBoard,
        drawn,
        {
            "log_dir": pair("log_dir", "a", "b"),
            "update_every": pair("update_every", 1, 2),
            "histogram_every": pair("histogram_every", 0, 1),
            "hyper_parameters": pair("hyper_parameters", {"units": 3}, {"units": 4}),
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
