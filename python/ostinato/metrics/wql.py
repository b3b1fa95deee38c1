"""Weighted quantile loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ostinato.losses.pinball import Pinball
from ostinato.metrics.metric import Metric
from ostinato.ops import Value, abs, concat, mean, reshape


class WQL(Metric):
    """2 sum of the pinball losses / sum |t| over all valid steps, the mean over the quantiles, from 0.

    y (F * Q,) and target (F,) as of the loss "pinball", whose `quantiles` these are. With the median alone it
    is sum |y - t| / sum |t|. Raises ConfigError.
    Source: Salinas et al. 2020, "DeepAR", section 4.2, where it is called rho-risk.
    """

    name = "wql"
    better: ClassVar[str] = "lower"
    examples = ({}, {"quantiles": (0.5,)})

    def __init__(self, *, quantiles: Sequence[float] = (0.1, 0.5, 0.9)) -> None:
        """Choose the quantiles of the outputs."""
        self._pinball = Pinball(quantiles=quantiles)
        self.quantiles = self._pinball.quantiles

    def target_size(self, width: int) -> int:
        """The features F for `width` outputs. Raises ConfigError if they are no multiple of Q."""
        return self._pinball.target_size(width)

    def step(self, y: Value, target: Value) -> Value:
        """Return the mean pinball loss, twice, and the mean size of the target."""
        parts = (2.0 * self._pinball.step(y, target), mean(abs(target)))
        return concat(*(reshape(one, (1,)) for one in parts))

    def finish(self, mean: Any) -> float:
        """Return their quotient; without any target, infinity if there is a loss, else 0."""
        lost, size = map(float, mean)
        if size == 0:
            return np.inf if lost else 0.0
        return lost / size
