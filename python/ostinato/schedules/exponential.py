"""Exponential decay."""

from __future__ import annotations

from ostinato.checks import number
from ostinato.schedules.schedule import Schedule
from ostinato.strategy.moment import Moment


class Exponential(Schedule):
    """start * decay^epoch."""

    examples = ({"decay": 0.9},)

    def __init__(self, decay: float) -> None:
        """Take `decay` above 0, by epoch; else raise ConfigError."""
        self.decay = number("schedule 'exponential'", "decay", decay, above=0)

    def __call__(self, start: float, when: Moment) -> float:
        """Return the value in the epoch of `when`."""
        return float(start * self.decay**when.epoch)
