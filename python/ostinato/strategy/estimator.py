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

    Each piece of a batch makes one update of the parameters. By default a batch is one piece.
    """

    role: ClassVar[str] = "estimator"
    samples: ClassVar[bool] = False
    """Whether it learns from what the network writes itself: ids that the network predicts and is fed.

    Its loss is then its own, such as minus the reward: the trainer derives no metric from it.
    """

    target: ClassVar[str] = "output"
    """The targets that the conformance kit gives it: "output" for numbers, "index" for ids of classes."""

    def pieces(self, batch: Batch) -> Iterable[Batch]:
        """Divide a batch into pieces that make one update each, in order; the same pieces at every call."""
        return (batch,)

    def estimate(self, core: Core, batch: Batch) -> tuple[float, Slopes]:
        """Return the loss over a piece, and gradients."""
        raise ConfigError(f"estimator {shown(self.name)} has no estimate; write estimate(self, core, batch)")
