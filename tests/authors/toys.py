"""What a plugin does in training: one small task for each kind, and its first and last numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import ostinato as ost
from ostinato.plugins.registry import registry
from tests.authors.rows import Row

EPOCHS = 15
# Options without which a task of 2 inputs and 32 units has no such cell.
OPTIONS: Mapping[str, dict[str, Any]] = {"conv_lstm": {"places": 2}, "cornn": {"time_step": 0.5}}
# The kinds of targets of losses and metrics; numbers by default.
LABELS, CLASSES = ("ctc_loss",), ("focal", "label_smoothing", "crf_loss", "perplexity2", "token_f1", "bleu2")


def data(steps: int = 20) -> tuple[Any, Any]:
    """Inputs (256, T, 2), and their running sum divided by 5."""
    x = np.random.default_rng(0).normal(size=(256, steps, 2)).astype("float32")
    return x, np.cumsum(x, axis=1) / 5


def network(cell: str = "lstm", outputs: int = 2, inputs: int = 2, **options: Any) -> ost.Network:
    """32 units and a layer on top."""
    return ost.Sequential(ost.Recurrent(cell, inputs, 32, **options), ost.Dense(32, outputs))


def fitted(net: ost.Network, x: Any, y: Any, loss: Any = "mse", epochs: int = EPOCHS, **more: Any) -> str:
    """The loss of the first epoch and of the last."""
    given = {"optimizer": ost.Adam(1e-2), "clip_norm": 1.0, "seed": 1, **more}
    history = ost.Trainer(net, loss=loss, **given).fit(x, y, epochs=epochs, progress=False)
    return f"{history[0]['loss']:.3f} -> {history[-1]['loss']:.4f}"


def of_cell(row: Row) -> str:
    """The running sum; with elapsed times, the sum of the inputs times them."""
    x, y = data()
    name = row.name.partition("/")[2]
    if name == "cfc":
        times = np.random.default_rng(1).uniform(0.1, 1.0, (256, 20, 1)).astype("float32")
        return fitted(
            network(row.name, 2, 3), np.concatenate([x, times], -1), np.cumsum(x * times, axis=1) / 5
        )
    if name == "coverage_cell":
        source, words = ost.Input("source", size=3, axis="source"), ost.Input("x", size=2)
        net = ost.Graph(ost.Dense(32, 3)(ost.Recurrent(row.name, 2, 32)(words, source=source)))
        memory = np.random.default_rng(2).normal(size=(256, 20, 3)).astype("float32")
        return fitted(net, {"source": memory, "x": x}, memory)  # walk along a memory
    return fitted(network(row.name, **OPTIONS.get(name, {})), x, y)


def of_loss(row: Row) -> str:
    """The running sum, classes of its signs, or labels without their places."""
    name = row.name.partition("/")[2]
    x, y = data()
    if name in LABELS:
        labels = np.random.default_rng(3).integers(1, 5, (256, 8))
        labels[:, 4:] = -1
        codes = np.repeat(np.eye(5, dtype="float32")[np.maximum(labels[:, :4], 0)], 5, axis=1)
        return fitted(network(outputs=5, inputs=5), codes, labels, row.name)
    if name in CLASSES:
        if name == "crf_loss":
            holds = ost.Criterion(row.name, 2)
            return fitted(ost.Sequential(network(), holds), x, (y[..., 0] > 0).astype(int), row.name)
        return fitted(network(), x, (y[..., 0] > 0).astype(int), row.name)
    if name == "triplet":
        return fitted(network(outputs=6), x, np.zeros((256, 20, 6), "float32"), row.name)
    wide = 3 if name == "quantiles" else 2
    return fitted(network(outputs=wide), x, y[..., :1] if wide == 3 else y, row.name)


def of_metric(row: Row) -> str:
    """The metric after the first epoch and after the last."""
    x, y = data()
    ids = (y[..., 0] > 0).astype(int)
    trainer = ost.Trainer(network(), loss="cross_entropy", optimizer=ost.Adam(1e-2), metrics=[row.name])
    history = trainer.fit(x, ids, epochs=EPOCHS, validation=(x, ids), progress=False)
    (column,) = (one for one in history.names if one.startswith("val_") and one != "val_loss")
    return f"{column} {history[0][column]:.3f} -> {history[-1][column]:.4f}"


def of_strategy(row: Row) -> str:
    """The running sum; for an estimator that samples, ids to copy."""
    if "reinforce" in row.name:
        ids = np.tile(np.arange(10) % 4, (64, 1))
        net = ost.Sequential(ost.Embedding(4, 16), ost.GRU(16, 32), ost.Dense(32, 4))
        words = np.concatenate([np.zeros((64, 1), int), ids[:, :-1]], axis=1)
        return fitted(net, words, ids, "cross_entropy", 60, strategies=[row.name])
    return fitted(network(), *data(), strategies=[row.name])


def of_callback(row: Row) -> str:
    """The running sum, with the callback by name."""
    return fitted(network(), *data(), callbacks=[row.name])


def of_schedule(row: Row) -> str:
    """The largest learning rate and the last."""
    x, y = data()
    trainer = ost.Trainer(network(), loss="mse", optimizer=ost.Adam(1e-3), schedule=row.name)
    rates = trainer.fit(x, y, epochs=EPOCHS, progress=False)["lr"]
    return f"lr {max(rates):.4f} -> {rates[-1]:.6f}"


def of_optimizer(row: Row) -> str:
    """The running sum, at a learning rate that suits it."""
    rate = {"lion2": 1e-3}.get(row.name.partition("/")[2], 1e-2)
    optimizer = registry.choose("optimizer", row.name, ost.Optimizer, {"lr": rate}).made
    return fitted(network(), *data(), optimizer=optimizer)


def of_regularizer(row: Row) -> str:
    """The running sum with an LSTM."""
    return fitted(network(regularizers=[row.name]), *data())


def of_scorer(row: Row) -> str:
    """Walk along a memory: query t is to find entry t; the first entry is marked."""
    memory = np.random.default_rng(2).normal(size=(64, 12, 8)).astype("float32")
    memory[:, :, 0] = 4 * np.eye(12)[0]
    queries = np.tile(np.random.default_rng(3).normal(size=(12, 4)).astype("float32"), (64, 1, 1))
    attention, adam = ost.Attention(row.name, 4, 8), ost.Adam(2e-2)
    history = []
    for _ in range(600):
        run = attention.run(queries, memory)
        error = run.context - memory
        adam.step(attention.parameters(), run.backward(2 * error / error.size).params)
        history.append(float(np.mean(error**2)))
    return f"{history[0]:.3f} -> {history[-1]:.4f}"


TOYS: Mapping[str, Callable[[Row], str]] = {
    "cell": of_cell,
    "loss": of_loss,
    "metric": of_metric,
    "strategy": of_strategy,
    "schedule": of_schedule,
    "callback": of_callback,
    "optimizer": of_optimizer,
    "regularizer": of_regularizer,
    "scorer": of_scorer,
}
