"""Less, when there is no progress."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ostinato.checks import choice, number, whole
from ostinato.errors import ConfigError
from ostinato.schedules.schedule import Schedule
from ostinato.strategy.moment import Moment
from ostinato.suggest import did_you_mean


class Plateau(Schedule):
    """start * factor^n, where n counts the times that `patience` epochs went by without a better `metric`.

    Better is lower (`mode="min"`) or higher ("max") by more than `min_delta` than the best so far.
    """

    examples = ({}, {"metric": "loss", "patience": 2, "factor": 0.5})

    def __init__(
        self,
        metric: str = "val_loss",
        *,
        factor: float = 0.1,
        patience: int = 5,
        min_delta: float = 0.0,
        mode: str = "min",
    ) -> None:
        """Choose what is watched; raise ConfigError for a value out of its range."""
        owner = "schedule 'plateau'"
        self.metric = metric
        self.factor = number(owner, "factor", factor, above=0)
        self.patience = whole(owner, "patience", patience, at_least=1)
        self.min_delta = number(owner, "min_delta", min_delta, at_least=0)
        self.mode = choice(owner, "mode", mode, ("min", "max"))
        self.best = math.inf if mode == "min" else -math.inf
        self.waited = self.drops = 0

    def __call__(self, start: float, when: Moment) -> float:
        """Return the value of now."""
        return float(start * self.factor**self.drops)

    @property
    def watched(self) -> tuple[str, ...]:
        """The metric."""
        return (self.metric,)

    def observe(self, metrics: Mapping[str, float]) -> None:
        """Compare the metric with the best; raise ConfigError when it is not measured."""
        if self.metric not in metrics:
            raise ConfigError(
                f"schedule 'plateau': {self.metric!r} is not measured; "
                f"{did_you_mean(self.metric, metrics, 'measured')} (val_... needs validation=)"
            )
        value = metrics[self.metric]
        gain = self.best - value if self.mode == "min" else value - self.best
        if gain > self.min_delta:
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited == self.patience:
            self.waited, self.drops = 0, self.drops + 1

    def state_dict(self) -> dict[str, Any]:
        """Return the best value, the epochs waited, and n."""
        return {"best": self.best, "waited": self.waited, "drops": self.drops}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state; raise ConfigError when it is another schedule's."""
        if set(state) != {"best", "waited", "drops"}:
            raise ConfigError(
                f"schedule 'plateau': the state has {sorted(state)}; expected best, drops, waited"
            )
        self.best, self.waited, self.drops = float(state["best"]), int(state["waited"]), int(state["drops"])
