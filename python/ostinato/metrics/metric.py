"""The base class of metrics."""

from __future__ import annotations

from typing import Any, ClassVar

from ostinato.errors import ConfigError, shown
from ostinato.ops import Value
from ostinato.options import Configured


class Metric(Configured):
    """A measurement in addition to the loss: `finish(mean over the valid steps of step(y, target))`.

    Derive from this class and write `step` in the step language: one number from the output y (F,) and the
    target of one time step. The engine runs it over the valid steps only. `target` is the kind of targets:
    "output" for numbers of the output's shape, "index" for ids. `better` says which values are better,
    "lower" or "higher": `EarlyStopping` and `Plateau` take it from here. "" says nothing.
    """

    kind: ClassVar[str] = "metric"
    target: ClassVar[str] = "output"
    better: ClassVar[str] = ""

    def step(self, y: Value, target: Value) -> Value:
        """Return the number to average."""
        raise ConfigError(f"metric {shown(self.name)} has no step; write step(self, y, target) -> one number")

    def finish(self, mean: Any) -> Any:
        """Return the metric from the mean of `step` over all valid steps, a float."""
        return mean
