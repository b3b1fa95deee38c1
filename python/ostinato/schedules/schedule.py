"""What every schedule is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ostinato.errors import ConfigError
from ostinato.options import Configured
from ostinato.strategy.moment import Moment


class Schedule(Configured):
    """A number in the course of training. Derive from it and write `__call__`.

    A schedule that only depends on its arguments may as well be a function of them. One that remembers
    something writes `state_dict` and `load_state_dict` too.
    """

    kind: ClassVar[str] = "schedule"

    def __call__(self, start: float, when: Moment) -> float:
        """Return the value at `when` of what was `start` at first."""
        raise ConfigError(f"schedule {self.name!r} has no value; write __call__(self, start, when)")

    @property
    def watched(self) -> tuple[str, ...]:
        """Names of what `observe` must find; a run that does not measure them is refused before it starts."""
        return ()

    def observe(self, metrics: Mapping[str, float]) -> None:
        """Hear what was measured at the end of an epoch, such as "loss" and "val_loss"."""

    def state_dict(self) -> dict[str, Any]:
        """What is to be found again in a checkpoint."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned; raise ConfigError for anything else."""
        if state:
            raise ConfigError(f"schedule {self.name!r} keeps no state; got {', '.join(map(repr, state))}")
