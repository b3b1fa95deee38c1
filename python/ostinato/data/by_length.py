"""Batches of rows of nearly equal length."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ostinato import checks
from ostinato.attribute_guard import AttributeGuard
from ostinato.brief import call
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.sequences.arrays import as_integers

Array = npt.NDArray[Any]


class ByLength(AttributeGuard):
    """Divides rows into batches: `by_length(lengths)` gives positions in `lengths` (N,) per batch.

    Pools of `pool` batches are sorted by length, longest first, and divided; the batches of a pool are in the
    order of their first rows, so that shuffled rows make shuffled batches. `Trainer.fit` accepts it as
    `batch_size`: the curriculum then decides the order of rows, and the trainer can resume it.

    batch_size: the largest number of rows of a batch. max_steps: the largest product of rows and longest row
    of a batch: long rows are in smaller batches. pool: 1 does not sort; None sorts all rows: the least
    padding, but nearly the same neighbors in every epoch. drop_last: leave out the last rows if they do not
    fill a batch (a trainer leaves them out in training, and measures all rows); not with max_steps, whose
    batches have no fixed size. Raises ConfigError, for a row longer than max_steps too.
    """

    _fixed = ("batch_size", "max_steps", "pool", "drop_last")

    def __init__(
        self,
        batch_size: int = 32,
        *,
        max_steps: int | None = None,
        pool: int | None = 50,
        drop_last: bool = False,
    ) -> None:
        owner = "ByLength"
        self.batch_size = checks.whole(owner, "batch_size", batch_size, at_least=1)
        self.max_steps = (
            None if max_steps is None else checks.whole(owner, "max_steps", max_steps, at_least=1)
        )
        self.pool = None if pool is None else checks.whole(owner, "pool", pool, at_least=1)
        self.drop_last = checks.flag(owner, "drop_last", drop_last)
        if self.drop_last and max_steps is not None:
            raise ConfigError(f"{owner}: drop_last is True, but with max_steps no batch has a size to fill")

    def __repr__(self) -> str:
        settings = {"max_steps": self.max_steps, "pool": self.pool, "drop_last": self.drop_last or None}
        return call(self, self.batch_size, **settings)

    def __call__(self, lengths: Array) -> list[Array]:
        """Batches of positions in `lengths`. Raises ConfigError for a row longer than max_steps."""
        lengths = as_integers("ByLength: lengths", lengths)
        if lengths.ndim != 1 or (lengths < 0).any():
            raise ShapeError(f"ByLength: lengths is {shown(lengths)}; expected (N,) integers of at least 0")
        longest = int(lengths.max(initial=0))
        if self.max_steps is not None and longest > self.max_steps:
            raise ConfigError(f"ByLength: max_steps is {self.max_steps}, but a row has {longest} steps")
        count = len(lengths)
        if self.drop_last:
            count -= count % self.batch_size
        size = max(1, count) if self.pool is None else self.pool * self.batch_size
        batches: list[Array] = []
        for start in range(0, count, size):
            places = np.arange(start, min(start + size, count))
            if size > self.batch_size:
                places = places[np.argsort(-lengths[places], kind="stable")]
            batches += sorted(self._cut(places, lengths), key=lambda batch: int(batch.min()))
        return batches

    def _cut(self, places: Array, lengths: Array) -> list[Array]:
        """The positions in order, divided where a batch is full."""
        batches, start, longest = [], 0, 0
        for at, place in enumerate(places):
            longest = max(longest, int(lengths[place]))
            count = at - start + 1
            full = self.max_steps is not None and count * longest > self.max_steps
            if full or count > self.batch_size:
                batches.append(places[start:at])
                start, longest = at, int(lengths[place])
        return [*batches, places[start:]]
