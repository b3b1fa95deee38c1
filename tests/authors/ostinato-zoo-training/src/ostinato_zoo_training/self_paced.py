"""The self-paced curriculum."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import Curriculum, Lesson


class SelfPaced(Curriculum):
    """The rows with the smallest loss, more of them in each epoch; all of them while no loss is known.

    Source: Kumar et al. 2010, "Self-paced learning for latent variable models".
    """

    name = "self_paced"

    def __init__(self, start: float = 0.5, more: float = 0.1) -> None:
        self.start, self.more = start, more

    def lesson(self, when: Any, lengths: Any, losses: Any = None) -> Lesson:
        if lengths is None:
            return Lesson()
        count = max(1, round(min(1.0, self.start + self.more * when.epoch) * len(lengths)))
        easy = np.arange(len(lengths)) if losses is None else np.argsort(losses, kind="stable")[:count]
        return Lesson(when.rng("self_paced").permutation(easy))
