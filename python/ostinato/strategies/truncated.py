"""Truncated backpropagation through time."""

from __future__ import annotations

from collections.abc import Iterable

from ostinato.checks import whole
from ostinato.errors import ConfigError
from ostinato.network.through_time import TruncatedBPTT
from ostinato.strategy import Batch, Core, Estimator, Slopes


class Truncated(Estimator):
    """Truncated backpropagation: every k1 steps, back at most k2 steps. See `TruncatedBPTT`.

    k2 is k1 if it is not given. By default a batch makes one update, with the gradients of all its windows
    together. With `update_every`, the parameters are updated after every `update_every` steps of the batch,
    and the state is carried over to the next piece: the usual way to train on very long rows. It must be a
    multiple of k1, so that windows of k1 steps stay whole. Raises ConfigError.
    """

    name = "truncated"

    examples = ({"k1": 3}, {"k1": 2, "k2": 5}, {"k1": 2, "update_every": 4})

    def __init__(self, k1: int, k2: int | None = None, *, update_every: int | None = None) -> None:
        """Choose the windows, and how often the parameters are updated."""
        self.way = TruncatedBPTT(k1, k1 if k2 is None else k2)
        self.update_every = update_every
        if update_every is not None:
            owner = "estimator 'truncated'"
            if whole(owner, "update_every", update_every, at_least=1) % k1:
                raise ConfigError(
                    f"{owner}: update_every is {update_every}; expected a multiple of k1 = {k1}"
                )

    def pieces(self, batch: Batch) -> Iterable[Batch]:
        """Divide the batch every `update_every` steps."""
        if self.update_every is None or batch.steps <= self.update_every:
            return (batch,)
        starts = range(0, batch.steps, self.update_every)
        return (batch.window(start, start + self.update_every) for start in starts)

    def estimate(self, core: Core, batch: Batch) -> tuple[float, Slopes]:
        """Return the loss and the truncated gradients."""
        return core.value_and_grad(batch, through_time=self.way)
