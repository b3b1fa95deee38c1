"""The default curriculum."""

from __future__ import annotations

import numpy as np

from ostinato.checks import flag
from ostinato.strategy import Curriculum, Lesson, Moment
from ostinato.strategy.batch import Array


class AllRows(Curriculum):
    """Every row in every epoch at its full length, in a new order each time unless `shuffle` is False.

    The order depends on the run's seed and the epoch alone. Batches of an iterable keep their order.
    """

    name = "all"

    examples = ({}, {"shuffle": False})

    def __init__(self, *, shuffle: bool = True) -> None:
        """Choose whether rows are shuffled."""
        self.shuffle = flag("curriculum 'all'", "shuffle", shuffle)

    def lesson(self, when: Moment, lengths: Array | None) -> Lesson:
        """Return all rows."""
        if lengths is None:
            return Lesson()
        rows = len(lengths)
        return Lesson(when.rng("curriculum all").permutation(rows) if self.shuffle else np.arange(rows))
