"""The coefficient of determination and the correlation, from moments of outputs and targets."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ostinato.metrics.metric import Metric


class _Moments(Metric):
    """The number of steps, and for each feature the sums of t, t^2, y, y^2, y t and (y - t)^2."""

    better: ClassVar[str] = "higher"

    def row(self, outputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> Any:
        """Return (1 + 6F,)."""
        y, t = outputs.astype(np.float64), np.broadcast_to(targets, outputs.shape).astype(np.float64)
        sums = [t, t**2, y, y**2, y * t, (y - t) ** 2]
        return np.concatenate([[len(y)], *(one.sum(0) for one in sums)])

    def finish(self, mean: Any) -> float:
        """Return the mean over the features."""
        per_step = np.reshape(mean[1:] / mean[0], (6, -1))
        return float(np.mean([self._of(*feature) for feature in per_step.T]))

    @abstractmethod
    def _of(self, t: float, tt: float, y: float, yy: float, yt: float, error: float) -> float:
        """The measure of one feature, from means over all steps."""


class R2(_Moments):
    """1 - sum (y - t)^2 / sum (t - mean t)^2 over all valid steps, averaged over features. y, target (F,).

    1 is a perfect prediction, 0 that of the mean. A feature whose target is constant counts 1 if the
    prediction is exact, else 0. A step with the weight 0 does not count, other weights count as 1.
    """

    name = "r2"

    def _of(self, t: float, tt: float, y: float, yy: float, yt: float, error: float) -> float:
        spread = tt - t * t
        if spread <= 1e-12 * tt:
            return float(error <= 1e-12 * tt)
        return 1.0 - error / spread


class Correlation(_Moments):
    """Pearson's correlation -1..1 of output and target over all valid steps, averaged over features.

    y, target (F,). A feature that is constant counts 0. A step with the weight 0 does not count, other
    weights count as 1.
    """

    def _of(self, t: float, tt: float, y: float, yy: float, yt: float, error: float) -> float:
        spreads = (tt - t * t) * (yy - y * y)
        return float((yt - y * t) / np.sqrt(spreads)) if spreads > 1e-24 * tt * yy else 0.0
