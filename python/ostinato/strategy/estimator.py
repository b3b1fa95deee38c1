"""The role that computes the gradient of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ostinato.errors import ConfigError, shown
from ostinato.strategy.batch import Batch
from ostinato.strategy.core import Core, Slopes
from ostinato.strategy.strategy import Strategy


class Estimator(Strategy):
    """How a batch becomes a gradient. Derive from it and write `estimate`.

    Each piece of a batch makes one update of the parameters, unless `estimate` returns None. By default a
    batch is one piece.
    """

    role: ClassVar[str] = "estimator"
    samples: ClassVar[bool] = False
    """Whether it learns from what the network writes itself: ids that the network predicts and is fed.

    Its loss is then its own, such as minus the reward, and a mean over the rows that have a step: the trainer
    derives no metric from it, and weights batches by these rows. If it also `uses_loss`, a mean over steps,
    each update is of one batch: a trainer refuses `accumulate`.
    """

    target: ClassVar[str] = "output"
    """The targets that the conformance kit gives it: "output" for numbers, "index" for ids of classes."""

    waits: ClassVar[bool] = False
    """Whether `estimate` may return None: no update yet."""

    @property
    def uses_loss(self) -> bool:
        """Whether `estimate` uses the trainer's loss of the batch that a `Feeding` has prepared.

        By default it does unless it `samples`. If not, no feeding has an effect, and a trainer refuses all
        but teacher forcing.
        """
        return not self.samples

    def pieces(self, batch: Batch) -> Iterable[Batch]:
        """Divide a batch into pieces that make one update each, in order; the same pieces at every call."""
        return (batch,)

    def estimate(self, core: Core, batch: Batch) -> tuple[float, Slopes] | None:
        """Return the loss over a piece, and gradients; with `waits`, None for no update yet.

        What it has seen until then is a state of its own: `state_dict` and `load_state_dict`. With `waits`,
        `batch.is_last` is True for the last piece of an epoch.
        """
        raise ConfigError(f"estimator {shown(self.name)} has no estimate; write estimate(self, core, batch)")
