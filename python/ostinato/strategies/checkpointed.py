"""Exact gradients within a byte budget."""

from __future__ import annotations

from ostinato.network.through_time import CheckpointedBPTT
from ostinato.strategy import Batch, Core, Estimator, Slopes


class Checkpointed(Estimator):
    """The gradients of full BPTT, bit-identical, in bounded memory. See `CheckpointedBPTT`.

    budget: bytes, text such as "64MB" or "5%", or "sqrt". Raises ConfigError for an unreadable one.
    """

    name = "checkpointed"

    def __init__(self, budget: int | str = "sqrt") -> None:
        """Choose the budget."""
        self.way = CheckpointedBPTT(budget)

    def estimate(self, core: Core, batch: Batch) -> tuple[float, Slopes]:
        """Return the loss and its exact gradients."""
        return core.value_and_grad(batch, through_time=self.way)
