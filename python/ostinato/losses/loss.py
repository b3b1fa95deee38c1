"""The base class of losses."""

from __future__ import annotations

from typing import ClassVar

from ostinato.errors import ConfigError, shown
from ostinato.ops import Value
from ostinato.options import Configured


class Loss(Configured):
    """A per-step loss as an equation: one number from the output y (F,) and the target of one time step.

    Derive from this class and write `step`. Networks average or sum it over the valid time steps (argument
    `reduction`). `target` is the kind of targets: "output" for numbers of the output's shape, "index" for
    ids.
    """

    kind: ClassVar[str] = "loss"
    target: ClassVar[str] = "output"

    def step(self, y: Value, target: Value) -> Value:
        """Return the loss of one step, one number."""
        raise ConfigError(f"loss {shown(self.name)} has no step; write step(self, y, target) -> one number")
