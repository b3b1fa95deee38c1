"""A loss of one's own, and the trainer's with a weight."""

from __future__ import annotations

from ostinato import Batch
from ostinato.strategy import Core, Slopes


def mixed(core: Core, batch: Batch, loss: float, slopes: Slopes, likelihood: float) -> tuple[float, Slopes]:
    """loss + likelihood * the loss of the targets, and its gradients; without a call if the weight is 0."""
    if not likelihood:
        return loss, slopes
    of_targets, more = core.value_and_grad(batch)
    more.arena[:] = slopes.arena + likelihood * more.arena
    return loss + likelihood * of_targets, more
