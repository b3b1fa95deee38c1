"""The estimator of `Trainer(through_time=...)` for a variant of BPTT that has no strategy of its own."""

from __future__ import annotations

from ostinato.network.through_time import ThroughTime
from ostinato.strategy import Batch, Core, Estimator, Slopes


class Propagation(Estimator):
    """Backpropagation through time by a variant of BPTT; one update for each batch."""

    name = "through_time"

    def __init__(self, through_time: ThroughTime) -> None:
        """Choose the variant."""
        self.through_time = through_time

    def estimate(self, core: Core, batch: Batch) -> tuple[float, Slopes]:
        """Return the loss and the gradients of the variant."""
        return core.value_and_grad(batch, through_time=self.through_time)
