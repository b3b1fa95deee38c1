"""Decay in steps."""

from __future__ import annotations

from ostinato.checks import number, whole
from ostinato.schedules.schedule import Schedule
from ostinato.strategy.moment import Moment


class Step(Schedule):
    """start * factor^floor(epoch / every)."""

    examples = ({"every": 3}, {"every": 2, "factor": 0.5})

    def __init__(self, every: int, factor: float = 0.1) -> None:
        """Take `every`, whole epochs from 1, and `factor` above 0; else raise ConfigError."""
        self.every = whole("schedule 'step'", "every", every, at_least=1)
        self.factor = number("schedule 'step'", "factor", factor, above=0)

    def __call__(self, start: float, when: Moment) -> float:
        """Return the value in the epoch of `when`."""
        return float(start * self.factor ** (when.epoch // self.every))
