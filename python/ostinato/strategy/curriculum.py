"""The role that chooses the data of an epoch."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, shown
from ostinato.sequences.arrays import as_array
from ostinato.strategy.batch import Array
from ostinato.strategy.moment import Moment
from ostinato.strategy.strategy import Strategy


@dataclass(frozen=True, eq=False)
class Lesson:
    """The data of an epoch.

    rows: the rows to learn from, in this order, as integers into the data; None leaves the data as it is.
    steps: the largest number of steps of each row, from its start; None means all of them.
    """

    rows: Array | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if self.steps is not None:
            checks.count("Lesson", "steps", self.steps, at_least=0)
        if self.rows is not None:
            rows = as_array("Lesson: rows", self.rows)
            if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
                raise ConfigError(
                    f"Lesson: rows is {shown(self.rows)}; expected integers (n,), positions in the data"
                )
            object.__setattr__(self, "rows", rows.astype(np.int64))


class Curriculum(Strategy):
    """Chooses the data, its length and its order. Derive from it and write `lesson`.

    `lesson` may have a third argument, `losses`: (N,) float64, the loss of each row at the start of the
    epoch, per valid step, in inference mode; NaN for a row without a valid step. With several outputs it is
    the sum of theirs. It costs a forward pass over the data in each epoch; without the argument, there is
    none. None if the data is an iterable of batches.
    """

    role: ClassVar[str] = "curriculum"

    def lesson(self, when: Moment, lengths: Array | None) -> Lesson:
        """Choose the data of the epoch that starts.

        lengths: (N,) the steps of each row, on all axes of sequences together; None if the data is an
        iterable of batches, whose rows are unknown beforehand (a lesson can then set `steps` only).
        """
        raise ConfigError(f"curriculum {shown(self.name)} has no lesson; write lesson(self, when, lengths)")

    @property
    def reads_losses(self) -> bool:
        """Whether its `lesson` has an argument `losses`."""
        return "losses" in inspect.signature(self.lesson).parameters

    def next_lesson(self, when: Moment, lengths: Array | None, losses: Array | None = None) -> Lesson:
        """`lesson`, with the arguments that it has."""
        if not self.reads_losses:
            return self.lesson(when, lengths)
        lesson: Callable[..., Lesson] = self.lesson
        return lesson(when, lengths, losses=losses)
