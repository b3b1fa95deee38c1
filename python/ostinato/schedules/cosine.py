"""Cosine annealing."""

from __future__ import annotations

import math

from ostinato.checks import number
from ostinato.schedules.schedule import Schedule
from ostinato.strategy.moment import Moment


class Cosine(Schedule):
    """From start to `floor` * start along half a cosine, by the completed share of the training.

        start * (floor + (1 - floor) * (1 + cos(pi * done)) / 2)

    Source: Loshchilov and Hutter 2017, eq. 5, without restarts.
    """

    examples = ({}, {"floor": 0.1})

    def __init__(self, floor: float = 0.0) -> None:
        """Take `floor` of at least 0, a share of the start; else raise ConfigError."""
        self.floor = number("schedule 'cosine'", "floor", floor, at_least=0)

    def __call__(self, start: float, when: Moment) -> float:
        """Return the value at this share of the training."""
        return start * (self.floor + (1 - self.floor) * (1 + math.cos(math.pi * min(when.done, 1.0))) / 2)
