"""Trainings with everything in them that has a state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import ostinato as ost
from ostinato import ops
from ostinato.data import Batches
from ostinato.schedules import Plateau, WarmUp
from tests.training.tasks import ragged_lengths, running_sum

X, TARGETS = running_sum(rows=8, steps=6)
LENGTHS = ragged_lengths(rows=8, steps=6)


class Counts:
    """Has a state that every hook changes, and changes what is learned by it."""

    def __init__(self) -> None:
        self.seen = np.zeros(8, dtype=np.int64)

    @ost.hookimpl
    def ostinato_run_start(self, run):
        self.seen[...] = 0

    @ost.hookimpl
    def ostinato_epoch_start(self, run, epoch):
        self.seen[1] += 1
        if epoch == 1:
            run.net.unfreeze("0.*")

    @ost.hookimpl
    def ostinato_batch_start(self, run, step, batch):
        self.seen[2] += 1

    @ost.hookimpl(wrapper=True)
    def ostinato_train_step(self, run):
        self.seen[3] += 1
        result = yield
        self.seen[3] += 10
        return result

    @ost.hookimpl
    def ostinato_after_backward(self, grads):
        self.seen[4] += 1
        if self.seen[4] % 2:
            grads.arena[:] *= 0.5

    @ost.hookimpl
    def ostinato_batch_end(self, run, metrics):
        self.seen[5] += 1
        run.net.arena[0] += 0.125 * self.seen[5]  # a hook may write parameters
        run.optimizer.weight_decay = 0.01 * self.seen[5]  # and options

    @ost.hookimpl
    def ostinato_epoch_end(self, run, epoch, metrics):
        self.seen[6] += 1
        run.net.run(X, training=True)  # and draw noise

    @ost.hookimpl
    def ostinato_save(self):
        return {"seen": self.seen}

    @ost.hookimpl
    def ostinato_load(self, state):
        self.seen = state["seen"]


class Ends:
    """Changes the parameters when the run ends."""

    @ost.hookimpl
    def ostinato_run_end(self, run):
        run.net.arena[1] += 1.0


class Moves(ost.Curriculum):
    """An order of rows that depends on the lessons before."""

    def __init__(self):
        self.turns = 0

    def lesson(self, when, lengths):
        self.turns += 1
        return ost.Lesson(np.roll(np.arange(len(lengths)), self.turns), steps=3 + self.turns)

    def state_dict(self):
        return {"turns": self.turns}

    def load_state_dict(self, state):
        self.turns = state["turns"]


class Averages(ost.Estimator):
    """Half the gradient of this batch and half of the one before."""

    def __init__(self):
        self.before = None

    def pieces(self, batch):
        return (batch.window(0, 3), batch.window(3, batch.steps)) if batch.steps > 3 else (batch,)

    def estimate(self, core, batch):
        loss, grads = core.value_and_grad(batch)
        own = np.asarray(grads.arena).copy()
        if self.before is not None:
            grads.arena[...] = 0.5 * own + 0.5 * self.before
        self.before = own
        return loss, grads

    def state_dict(self):
        return {"before": self.before}

    def load_state_dict(self, state):
        self.before = state["before"]


class Near(ost.Metric):
    """The share of steps with small errors."""

    better = "higher"

    def step(self, y, target):
        return ops.where(ops.max(ops.abs(y - target)) < 1.0, 1.0, 0.0)


class Task(NamedTuple):
    """A trainer, its `fit`, and data with a state."""

    trainer: ost.Trainer
    fit: Callable[[bool], Any]
    data: tuple[Any, ...] = ()


def _net() -> ost.Network:
    net = ost.Sequential(ost.GRU(2, 3, regularizers=[ost.Dropout(0.3)]), ost.Dense(3, 2))
    net.freeze("0.*")
    return net


def rows(folder: Path) -> Task:
    """Rows in memory, with a state in every part of the training."""
    trainer = ost.Trainer(
        _net(),
        loss="mse",
        optimizer=ost.Adam(1e-2, groups={"1.*": {"lr": 2e-2}}),
        schedule=WarmUp(3, then=Plateau("val_near", patience=1, factor=0.5)),
        strategies=[Moves(), Averages()],
        clip_norm=1.0,
        metrics=["rmse", Near],
        callbacks=[
            Counts(),
            ost.EarlyStopping("val_near", patience=9),
            ost.Checkpoints(folder / "rows", every_steps=3),
            Ends(),
        ],
    )
    options = {"epochs": 2, "batch_size": 4, "lengths": LENGTHS, "validation": (X, TARGETS, LENGTHS)}
    return Task(trainer, lambda resume: trainer.fit(X, TARGETS, resume=resume, **options))


def batches(folder: Path) -> Task:
    """Data with a state of its own, in training and in validation; carried states; SGD over the arena."""
    lists = [[row[:n] for row, n in zip(a, LENGTHS, strict=True)] for a in (X, TARGETS)]
    data = Batches(*lists, batch_size=4, pool=2, seed=1), Batches(*lists, batch_size=3, pool=2, seed=2)
    trainer = ost.Trainer(
        _net(),
        loss="mse",
        optimizer=ost.SGD(0.1, momentum=0.9),
        schedule=lambda start, when: start / (1 + when.step),
        through_time=ost.TruncatedBPTT(2, 2),
        callbacks=[Counts(), ost.EarlyStopping(patience=9), ost.Checkpoints(folder / "batches")],
    )
    return Task(
        trainer, lambda resume: trainer.fit(data[0], epochs=2, validation=data[1], resume=resume), data
    )


def several(folder: Path) -> Task:
    """Two outputs, and a second `fit` of a trainer that has learned already."""
    x = ost.Input("x", size=2)
    hidden = ost.GRU(2, 3)(x)
    net = ost.Graph(outputs={"a": ost.Dense(3, 2)(hidden), "b": ost.Dense(3, 2)(hidden)})
    targets = {"a": TARGETS, "b": -TARGETS}
    trainer = ost.Trainer(
        net, loss={"a": "mse", "b": ost.weighted("mse", 0.5)}, metrics={"a": ["mae"]}, callbacks=[Counter()]
    )
    trainer.fit(X, targets, epochs=1)
    return Task(trainer, lambda resume: trainer.fit(X, targets, epochs=2, batch_size=5, resume=resume))


def plain(folder: Path) -> Task:
    """Nothing but the library's own parts: the step of an update is its last part, and nothing is copied."""
    trainer = ost.Trainer(
        ost.Sequential(ost.GRU(2, 3, regularizers=[ost.Dropout(0.3)]), ost.Dense(3, 2)),
        loss="mse",
        optimizer=ost.Adam(1e-2, groups={"1.*": {"lr": 2e-2}}),
        schedule=WarmUp(3, then=Plateau("val_loss", patience=1)),
        metrics=["rmse"],
        callbacks=[ost.EarlyStopping(patience=9), ost.Checkpoints(folder / "plain", every_steps=2)],
    )
    options = {"epochs": 2, "batch_size": 4, "validation": (X, TARGETS)}
    return Task(trainer, lambda resume: trainer.fit(X, TARGETS, resume=resume, **options))


class Counter:
    """A callback of epochs with a state."""

    def __init__(self) -> None:
        self.epochs = 0

    @ost.hookimpl
    def ostinato_epoch_end(self, epoch):
        self.epochs += epoch + 1

    @ost.hookimpl
    def ostinato_save(self):
        return {"epochs": self.epochs}

    @ost.hookimpl
    def ostinato_load(self, state):
        self.epochs = state["epochs"]


class Stops:
    """Ends a run after its third update."""

    @ost.hookimpl
    def ostinato_batch_end(self, run, step):
        if step == 2:
            run.stop("enough")


def _small() -> ost.Trainer:
    return ost.Trainer(
        _net(),
        loss="mse",
        schedule=Plateau("loss", patience=1),
        strategies=[Moves()],
        callbacks=[Counts(), ost.EarlyStopping("loss"), Stops()],
    )


def resumed(folder: Path) -> Task:
    """A run that goes on in the middle of an epoch."""
    trainer = _small()
    trainer.fit(X, TARGETS, epochs=2, batch_size=4)
    return Task(trainer, lambda resume: trainer.fit(X, TARGETS, epochs=3, batch_size=4, resume=True))


def loaded(folder: Path) -> Task:
    """The same from a file, in a trainer that has learned something else."""
    first, trainer, path = _small(), _small(), folder / "loaded"
    first.fit(X, TARGETS, epochs=2, batch_size=4)
    first.save(path)
    trainer.fit(X, -TARGETS, epochs=1)
    options = {"epochs": 3, "batch_size": 4}
    return Task(trainer, lambda resume: trainer.fit(X, TARGETS, resume=resume or path, **options))


TASKS: dict[str, Callable[[Path], Task]] = {
    one.__name__: one for one in (rows, batches, several, plain, resumed, loaded)
}
