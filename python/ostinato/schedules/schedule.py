"""The base class of schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ostinato import checks
from ostinato.errors import ConfigError, shown
from ostinato.options import Configured
from ostinato.strategy.moment import Moment


class Schedule(Configured):
    """A number that changes in the course of training. Derive from this class and write `__call__`.

    A schedule without a state can also be a plain function (start, when). A schedule with a state writes
    `state_dict` and `load_state_dict` too.
    """

    kind: ClassVar[str] = "schedule"
    _live_options: ClassVar[bool] = True

    def __call__(self, start: float, when: Moment) -> float:
        """Return the value at the moment `when`; `start` is the initial value."""
        raise ConfigError(f"schedule {shown(self.name)} has no value; write __call__(self, start, when)")

    @property
    def watched(self) -> tuple[str, ...]:
        """The metrics that `observe` reads. A run that does not measure them is an error before it starts."""
        return ()

    def begin(self, better: Mapping[str, str]) -> None:
        """Receive, before a run, what is better of each measured column: "lower", "higher", "" if unknown.

        Raise ConfigError for a column that the schedule cannot use.
        """

    def observe(self, metrics: Mapping[str, float]) -> None:
        """Receive the metrics at the end of an epoch, such as "loss" and "val_loss"."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the result of `state_dict`; raise ConfigError for anything else."""
        owner = f"schedule {self.name!r}"
        if checks.mapping(owner, "state", state, "the result of state_dict()"):
            raise ConfigError(f"{owner} keeps no state; got {shown(state)}")
