"""The role that chooses between truth and prediction."""

from __future__ import annotations

from typing import ClassVar

from ostinato.errors import ConfigError, shown
from ostinato.strategy.batch import Batch
from ostinato.strategy.moment import Moment
from ostinato.strategy.strategy import Strategy


class Feeding(Strategy):
    """The input of a network that predicts its own next input while it is trained.

    Derive from it and write `feed`, which returns the batch with its `truth` set: (N, T) booleans for the
    whole batch, rows first, on the axis of the output; True where x is the input. `sample` may be set too:
    how the predictions are chosen. It is called once per batch; `Core.fed` reads the mask.
    """

    role: ClassVar[str] = "feeding"

    def feed(self, batch: Batch, when: Moment) -> Batch:
        """Return the batch to run."""
        raise ConfigError(f"feeding {shown(self.name)} has no feed; write feed(self, batch, when)")
