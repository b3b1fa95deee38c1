"""The role that chooses the data of an epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ostinato.errors import ConfigError, shown
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


class Curriculum(Strategy):
    """Chooses the data, its length and its order. Derive from it and write `lesson`."""

    role: ClassVar[str] = "curriculum"

    def lesson(self, when: Moment, lengths: Array | None) -> Lesson:
        """Choose the data of the epoch that starts.

        lengths: (N,) the steps of each row; None if the data is an iterable of batches, whose rows are
        unknown beforehand (a lesson can then set `steps` only).
        """
        raise ConfigError(f"curriculum {shown(self.name)} has no lesson; write lesson(self, when, lengths)")
