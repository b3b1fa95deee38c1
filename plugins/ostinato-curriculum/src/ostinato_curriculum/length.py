"""Short sequences first."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import ConfigError, Curriculum, Lesson, Moment


class LengthCurriculum(Curriculum):
    """At most `T_epoch = min(longest, start + epoch * increment)` steps of each sequence, epochs from 0.

    longest: T_max; None takes the longest row of the data. longer: the treatment of a row with more steps,
    "cut" to its first T_epoch or "wait" for a later epoch. order: "shuffled", or "short_first" for rows from
    the shortest to the longest within each epoch, those of one length shuffled.

    Data that comes as an iterable of batches can only be cut. Raises ConfigError. Source: Bengio et al.
    2009, "Curriculum learning".
    """

    name = "length"

    def __init__(
        self,
        start: int = 10,
        increment: int = 10,
        *,
        longest: int | None = None,
        longer: str = "cut",
        order: str = "shuffled",
    ) -> None:
        for argument, value in (("start", start), ("increment", increment), ("longest", longest)):
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise self._error(f"{argument} is {value!r}; expected an integer from 1")
        if longer not in ("cut", "wait"):
            raise self._error(f"longer is {longer!r}; expected 'cut' or 'wait'")
        if order not in ("shuffled", "short_first"):
            raise self._error(f"order is {order!r}; expected 'shuffled' or 'short_first'")
        self.start, self.increment, self.longest = start, increment, longest
        self.longer, self.order = longer, order

    def steps(self, epoch: int, longest: int | None) -> int:
        """T_epoch, for data whose longest row has `longest` steps."""
        reached = self.start + epoch * self.increment
        limits = [limit for limit in (self.longest, longest) if limit is not None]
        return min([reached, *limits])

    def lesson(self, when: Moment, lengths: Any) -> Lesson:
        """Return the rows of the epoch, and how many steps of them."""
        if lengths is None:
            if self.longer == "wait" or self.order == "short_first":
                raise self._error(
                    "batches of an iterable can only be cut, in their own order; "
                    "give arrays, or longer='cut' and order='shuffled'"
                )
            return Lesson(steps=self.steps(when.epoch, None))
        steps = self.steps(when.epoch, int(lengths.max(initial=0)))
        rows = when.rng("curriculum length").permutation(len(lengths))
        if self.longer == "wait":
            rows = rows[lengths[rows] <= steps]
            if len(lengths) and not len(rows):
                raise self._error(
                    f"epoch {when.epoch} has rows of at most {steps} steps, and the "
                    f"shortest has {lengths.min()}; use a larger start, or longer='cut'"
                )
        if self.order == "short_first":
            rows = rows[np.argsort(np.minimum(lengths[rows], steps), kind="stable")]
        return Lesson(rows, steps)

    def _error(self, message: str) -> ConfigError:
        return ConfigError(f"curriculum {self.name!r}: {message}")
