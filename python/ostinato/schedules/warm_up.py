"""Linear warm-up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ostinato.checks import whole
from ostinato.errors import ConfigError, shown
from ostinato.schedules.schedule import Schedule
from ostinato.strategy.moment import Moment


class WarmUp(Schedule):
    """Rises linearly to the value of `then` (by default `start`) over the first `steps` updates.

        (step + 1) / steps * then(start, when)    while step + 1 < steps

    `then` is another schedule or function of (start, when). Source: Goyal et al. 2017, section 2.2.
    """

    name = "warm_up"

    examples = ({"steps": 25},)

    def __init__(self, steps: int, then: Callable[[float, Moment], float] | None = None) -> None:
        """Take `steps` of at least 1; else raise ConfigError."""
        self.steps = whole("schedule 'warm_up'", "steps", steps, at_least=1)
        if then is not None and not callable(then):
            raise ConfigError(
                f"schedule 'warm_up': then is {shown(then)}; expected a schedule, a function or None"
            )
        self.then = then

    def __call__(self, start: float, when: Moment) -> float:
        """Return the value of this update."""
        top = start if self.then is None else self.then(start, when)
        return min((when.step + 1) / self.steps, 1.0) * top

    @property
    def watched(self) -> tuple[str, ...]:
        """The metrics that `then` reads."""
        return self.then.watched if isinstance(self.then, Schedule) else ()

    def begin(self, better: Mapping[str, str]) -> None:
        """Pass the directions on to `then`."""
        if isinstance(self.then, Schedule):
            self.then.begin(better)

    def observe(self, metrics: Mapping[str, float]) -> None:
        """Pass the metrics on to `then`."""
        if isinstance(self.then, Schedule):
            self.then.observe(metrics)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of `then`."""
        return self.then.state_dict() if isinstance(self.then, Schedule) else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of `then`."""
        if isinstance(self.then, Schedule):
            self.then.load_state_dict(state)
        else:
            super().load_state_dict(state)
