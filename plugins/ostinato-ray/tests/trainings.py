"""What the tests train, in a module that workers do not need: its functions are pickled by value."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

import ostinato as ost


def data() -> tuple[Any, Any, Any]:
    """13 rows: batches of 6, 6 and 1, whose last one has shards without rows; some rows have no steps."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(13, 7, 3)).astype("float32")
    y = rng.normal(size=(13, 7, 5)).astype("float32")
    return x, y, np.array([7, 0, 3, 7, 1, 0, 5, 6, 7, 2, 4, 7, 3])


class At(ost.Callback):
    """Does something at the end of update `step`."""

    def __init__(self, step: int, act: Any) -> None:
        self.step, self.act = step, act

    @ost.hookimpl
    def ostinato_batch_end(self, run: ost.TrainingRun, step: int) -> None:
        if step == self.step:
            self.act()


def train(
    strategy: str, checkpoint: str | None = None, resume: str | bool = False, act: Any = None
) -> tuple[int, list[dict[str, float]]]:
    """A checksum of the parameters, and the history, of 4 epochs of 3 updates."""
    regularizers = [ost.Dropout(0.3), ost.L2(0.01)]
    net = ost.Sequential(ost.Recurrent("lstm", 3, 5, regularizers=regularizers), ost.Dense(5, 5))
    x, y, lengths = data()
    callbacks: list[Any] = [At(7, act or (lambda: None))]
    if checkpoint is not None:
        callbacks.append(ost.Checkpoints(checkpoint, every_steps=2))
    trainer = ost.Trainer(net, loss="mse", strategies=[strategy], callbacks=callbacks)
    fit = {"lengths": lengths, "epochs": 4, "batch_size": 6, "progress": False}
    trainer.fit(x, y, resume=resume, **fit)
    return zlib.crc32(net.arena.tobytes()), trainer.history.rows
