"""What metrics of quantiles share: outputs and targets as in the loss "pinball"."""

from __future__ import annotations

from collections.abc import Sequence

from ostinato.losses.pinball import Pinball
from ostinato.metrics.metric import Metric


class _OfQuantiles(Metric):
    """y (F * Q,) and target (F,), for the Q `quantiles` of each number. Raises ConfigError."""

    def __init__(self, *, quantiles: Sequence[float] = (0.1, 0.5, 0.9)) -> None:
        """Choose the quantiles of the outputs."""
        self._pinball = Pinball(quantiles=quantiles)
        self.quantiles = self._pinball.quantiles

    def target_size(self, width: int) -> int:
        """The features F for `width` outputs. Raises ConfigError if they are no multiple of Q."""
        return self._pinball.target_size(width)
