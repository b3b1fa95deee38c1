"""Weighted quantile loss."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ostinato.metrics.of_quantiles import _OfQuantiles
from ostinato.ops import Value, abs, concat, mean, reshape


class WQL(_OfQuantiles):
    """2 sum of the pinball losses / sum |t| over all valid steps, the mean over the quantiles, from 0.

    y (F * Q,) and target (F,) as in the loss "pinball", whose `quantiles` these are. With the median alone it
    is sum |y - t| / sum |t|. Raises ConfigError.
    Source: Salinas et al. 2020, "DeepAR", section 4.2, where it is called rho-risk.
    """

    name = "wql"
    better: ClassVar[str] = "lower"
    examples = ({}, {"quantiles": (0.5,)})

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
