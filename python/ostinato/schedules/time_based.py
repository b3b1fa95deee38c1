"""Time-based decay."""

from __future__ import annotations

from ostinato.checks import number
from ostinato.schedules.schedule import Schedule
from ostinato.strategy.moment import Moment


class TimeBased(Schedule):
    """start / (1 + decay * epoch)."""

    name = "time_based"

    examples = ({"decay": 0.1},)

    def __init__(self, decay: float) -> None:
        """Take `decay` of at least 0, by epoch; else raise ConfigError."""
        self.decay = number("schedule 'time_based'", "decay", decay, at_least=0)

    def __call__(self, start: float, when: Moment) -> float:
        """Return the value in the epoch of `when`."""
        return start / (1 + self.decay * when.epoch)
