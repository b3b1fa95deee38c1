"""What every loss is."""

from __future__ import annotations

from typing import ClassVar

from ostinato.errors import ConfigError
from ostinato.ops import Value
from ostinato.options import Configured


class Loss(Configured):
    """A per-step loss as an equation: one number from the output y (F,) and the target of one time step.

    Derive from it and write `step`. Networks sum it over the valid time steps, or average it (their
    `reduction`). `target` says what a target is: "output", numbers of the output's shape, or "index", an id.
    """

    kind: ClassVar[str] = "loss"
    target: ClassVar[str] = "output"

    def step(self, y: Value, target: Value) -> Value:
        """Return the loss of one step, one number."""
        raise ConfigError(f"loss {self.name!r} has no step; write step(self, y, target) -> one number")
