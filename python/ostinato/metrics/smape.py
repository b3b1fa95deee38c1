"""Symmetric percentage error."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ostinato.errors import ShapeError
from ostinato.metrics.metric import Metric
from ostinato.ops import Value, abs, mean, where
from ostinato.sequences.arrays import as_numbers


class SMAPE(Metric):
    """The mean of 200 |y - t| / (|y| + |t|) over features and steps, in percent, from 0 to 200.

    y and target (F,). Where y and t are both 0 the error is 0.
    Source: Makridakis and Hibon 2000, "The M3-Competition".
    """

    better: ClassVar[str] = "lower"

    def step(self, y: Value, target: Value) -> Value:
        """Return the mean over the features."""
        size = abs(y) + abs(target)
        return mean(200.0 * abs(y - target) / where(size > 0, size, 1.0))


def smape(forecasts: Any, truth: Any) -> float:
    """The mean of 200 |y - t| / (|y| + |t|) over arrays of one shape, in percent.

    NaN in truth does not count. Raises ShapeError, DTypeError.
    """
    y, t = as_numbers("smape: forecasts", forecasts), as_numbers("smape: truth", truth)
    if y.shape != t.shape:
        raise ShapeError(f"smape: forecasts is {y.shape}, truth {t.shape}; expected the same shape")
    known = ~np.isnan(t)
    measured: Any = SMAPE().step(y[known], t[known]) if known.any() else np.nan
    return float(measured)
