"""The role that chooses what is learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ostinato.errors import ConfigError
from ostinato.strategy.batch import Array
from ostinato.strategy.moment import Moment
from ostinato.strategy.strategy import Strategy


@dataclass(frozen=True)
class Lesson:
    """What an epoch is made of.

    rows: the rows to learn from, in this order, as integers into the data; None leaves the data as it comes.
    steps: at most so many steps of each row, from its beginning; None means all of them.
    """

    rows: Array | None = None
    steps: int | None = None


class Curriculum(Strategy):
    """Which data, at which length, in which order. Derive from it and write `lesson`."""

    role: ClassVar[str] = "curriculum"

    def lesson(self, when: Moment, lengths: Array | None) -> Lesson:
        """Say what the epoch that begins is made of.

        lengths: (N,) the steps of each row; None where the data is an iterable of batches, whose rows nobody
        knows beforehand (a lesson then can set `steps` only).
        """
        raise ConfigError(f"curriculum {self.name!r} has no lesson; write lesson(self, when, lengths)")
