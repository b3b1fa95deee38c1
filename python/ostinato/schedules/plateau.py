"""A smaller value after epochs without progress."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ostinato.checks import count, mapping, number, whole
from ostinato.direction import Direction
from ostinato.errors import ConfigError, shown
from ostinato.schedules.schedule import Schedule
from ostinato.strategy.moment import Moment
from ostinato.suggest import did_you_mean


class Plateau(Schedule):
    """start * factor^n; n grows by 1 after each `patience` epochs in which `metric` did not improve.

    A value improves if it is lower (`mode="min"`) or higher ("max") than the best so far by more than
    `min_delta`. With "auto", the `better` of the metric decides; a loss is better if it is lower.
    """

    examples = ({}, {"metric": "loss", "patience": 2, "factor": 0.5})

    def __init__(
        self,
        metric: str = "val_loss",
        factor: float = 0.1,
        patience: int = 5,
        *,
        min_delta: float = 0.0,
        mode: str = "auto",
    ) -> None:
        """Choose the metric and its limits; raise ConfigError for a value out of its range."""
        owner = "schedule 'plateau'"
        self._direction = Direction(owner, metric, mode)
        self.metric, self.mode = metric, mode
        self.factor = number(owner, "factor", factor, above=0)
        self.patience = whole(owner, "patience", patience, at_least=1)
        self.min_delta = number(owner, "min_delta", min_delta, at_least=0)
        self.best = math.nan
        self.waited = self.drops = 0

    def __call__(self, start: float, when: Moment) -> float:
        """Return the current value."""
        return float(start * self.factor**self.drops)

    @property
    def watched(self) -> tuple[str, ...]:
        """The metric."""
        return (self.metric,)

    def begin(self, better: Mapping[str, str]) -> None:
        """Take the direction of the metric; raise ConfigError if it is unknown and `mode` is "auto"."""
        self._direction.resolve(better)

    def observe(self, metrics: Mapping[str, float]) -> None:
        """Compare the metric with the best value; raise ConfigError if it is not measured."""
        if self.metric not in metrics:
            raise ConfigError(
                f"schedule 'plateau': {shown(self.metric)} is not measured; "
                f"{did_you_mean(self.metric, metrics, 'measured')} (val_... needs validation=)"
            )
        value = metrics[self.metric]
        if self._direction.improves(value, self.best, self.min_delta):
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited == self.patience:
            self.waited, self.drops = 0, self.drops + 1

    def state_dict(self) -> dict[str, Any]:
        """Return the best value (NaN if there is none), the epochs waited, and n."""
        return {"best": self.best, "waited": self.waited, "drops": self.drops}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state; raise ConfigError for the state of another schedule."""
        owner = "schedule 'plateau'"
        mapping(owner, "state", state, "the result of state_dict()")
        if set(state) != {"best", "waited", "drops"}:
            raise ConfigError(f"{owner}: the state is {shown(dict(state))}; expected best, drops, waited")
        if not isinstance(state["best"], float):
            raise ConfigError(f"{owner}: best of the state is {shown(state['best'])}; expected a number")
        waited = count(owner, "waited of the state", state["waited"], at_least=0)
        self.drops = count(owner, "drops of the state", state["drops"], at_least=0)
        self.best, self.waited = state["best"], waited
