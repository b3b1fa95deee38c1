"""The argument of a run's hooks: its position, its network, and two requests."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ostinato.attribute_guard import AttributeGuard
from ostinato.brief import call
from ostinato.errors import ShapeError
from ostinato.foreign import names
from ostinato.network import Network
from ostinato.optimizers import Optimizer
from ostinato.strategy import Batch, Lesson, Moment
from ostinato.training.gathered import Gathered
from ostinato.training.history import History
from ostinato.training.totals import Totals


@dataclass(frozen=True)
class Position:
    """The position in the training; replaced as a whole: an interrupt finds the old one or the new one.

    epoch: whole epochs done; step: updates done; batch: whole batches of this epoch done; piece: pieces done
    of the batch after them; waiting: pieces since the last update, which it has no part of.
    """

    epoch: int = 0
    step: int = 0
    batch: int = 0
    piece: int = 0
    waiting: int = 0

    def after_update(self) -> Position:
        """The position after one more piece, and the update that it ends."""
        return replace(self, step=self.step + 1, piece=self.piece + 1, waiting=0)

    def without_update(self) -> Position:
        """The position after one more piece that waits for an update."""
        return replace(self, piece=self.piece + 1, waiting=self.waiting + 1)

    def after_batch(self) -> Position:
        """The position at the start of the next batch."""
        return replace(self, batch=self.batch + 1, piece=0)


@dataclass
class TrainingRun(AttributeGuard):
    """The training of one network, from its first update to its last, over all calls of `fit`.

    net, optimizer, seed: what is trained, and how; start_lr: the learning rate at the very start, from which
    the schedule starts. position, totals, lesson, carried: the position, the sums and the lesson of this
    epoch, and the state that the next piece may carry over; gathered: the gradients that wait for an update.
    history: the epochs so far. first and last: the epochs between which this `fit` runs; data: the state of
    data that has one, at the start of the epoch; seen: what identifies the rows in memory of this `fit`;
    current: the last batch of an iterable; expected: what identifies the batch with which the run continues;
    batches: of this epoch, 0 if unknown. stopped: why it ends early, "" if it does not; done_early: whether
    `ostinato_should_stop` ended it. others_measure:
    whether a plugin may add to the metrics of an epoch. chief: whether this process writes files and prints,
    as one of several that train together does. whole: whether `carried` has the rows of all processes;
    False in their `fit`. scheduled: the learning rate that the schedule set last.

    Hooks may call `stop` and `save`. Setting another attribute than these raises AttributeError.
    """

    _foreign_names = names.RUN
    _fixed = ("net", "optimizer")
    _instead = "make a new trainer"

    net: Network
    optimizer: Optimizer
    seed: int
    start_lr: float
    position: Position = field(default_factory=Position)
    totals: Totals = field(default_factory=Totals)
    lesson: Lesson | None = None
    data: Any = None
    seen: dict[str, Any] = field(default_factory=dict)
    current: Batch | None = None
    expected: dict[str, int] = field(default_factory=dict)
    carried: Mapping[str, Any] | None = None
    gathered: Gathered | None = None
    history: History = field(default_factory=History)
    first: int = 0
    last: int = 0
    batches: int = 0
    stopped: str = ""
    done_early: bool = False
    save_to: tuple[str, ...] = ()
    others_measure: bool = False
    chief: bool = True
    whole: bool = True
    scheduled: float | None = None

    def __repr__(self) -> str:
        where = {"epoch": self.epoch, "step": self.step, "stopped": self.stopped or None}
        return call(self, self.net, self.optimizer, **where)

    @property
    def epoch(self) -> int:
        """Number of whole epochs done."""
        return self.position.epoch

    @property
    def step(self) -> int:
        """Number of updates done."""
        return self.position.step

    @property
    def waiting(self) -> int:
        """Number of batches since the last update, which wait for the next one; see `accumulate`."""
        return self.position.waiting

    @property
    def when(self) -> Moment:
        """The current moment."""
        part = self.position.batch / self.batches if self.batches else 0.0
        wanted = max(self.last - self.first, 1)
        done = min((self.position.epoch - self.first + part) / wanted, 1.0)
        return Moment(self.position.epoch, self.position.step, done, self.seed, self.position.waiting)

    def stop(self, reason: str) -> None:
        """End the run after the current batch or epoch."""
        self.stopped = reason or "stopped"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a checkpoint as soon as all hooks of this batch, or epoch, have been called.

        Only then do the states of all plugins belong to the same moment. Several plugins may ask for files
        of their own.
        """
        self.save_to = tuple(dict.fromkeys((*self.save_to, os.fspath(path))))

    def starting(self, batch: Batch) -> Batch:
        """A batch with the state from which it starts: its own, or that of the batch before if it carries on.

        Raises ShapeError for another number of rows than before.
        """
        if not batch.carries:
            return batch
        for value in (self.carried or {}).values():
            if value.shape[1] != batch.rows:
                raise ShapeError(
                    f"batch {self.position.batch} has carries=True and {batch.rows} rows, the batch before "
                    f"had {value.shape[1]}; give rows that have ended the length 0"
                )
        return batch.replace(state=self.carried)

    def begin(self, epochs: int, resume: bool) -> None:
        """Set the goal of a `fit`: `epochs` more; if resumed, as many since the last `fit` started."""
        self.stopped, self.done_early, self.save_to = "", False, ()
        if not resume:
            if self.position.batch or self.position.piece:  # The rest of an epoch is skipped.
                self.next_epoch()
            self.current, self.expected = None, {}
            self.lesson, self.batches = None, 0  # An epoch without an update begins again.
            self.first = self.position.epoch
            # What an estimator of the library gathers does not outlive its epoch.
            self.gathered = None
        self.last = self.first + epochs

    def next_epoch(self) -> None:
        """Finish this epoch."""
        self.position = Position(self.position.epoch + 1, self.position.step)
        self.totals, self.lesson, self.carried, self.batches = Totals(), None, None, 0
        self.gathered = None
        self.current, self.expected = None, {}
