"""Full backpropagation through time."""

from __future__ import annotations

from ostinato.network.through_time import FullBPTT
from ostinato.strategy import Batch, Core, Estimator, Slopes


class Full(Estimator):
    """Backpropagation through every time step of the batch; one update for each batch. See `FullBPTT`."""

    name = "full"

    def estimate(self, core: Core, batch: Batch) -> tuple[float, Slopes]:
        """Return the loss and its exact gradients."""
        return core.value_and_grad(batch, through_time=FullBPTT())
