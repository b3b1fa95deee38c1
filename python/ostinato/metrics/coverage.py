"""How often an interval holds the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato.errors import ShapeError
from ostinato.metrics.of_quantiles import _OfQuantiles
from ostinato.ops import Value, less_equal, mean, reshape
from ostinato.sequences.arrays import as_numbers


class Coverage(_OfQuantiles):
    """The share 0..1 of targets between the outputs of the lowest and of the highest quantile.

    y (F * Q,) and target (F,) as in the loss "pinball", whose `quantiles` these are: with 0.1 and 0.9 a share
    of 0.8 is wanted, and more is not better: `better` is "nearest to 0.8". Wide intervals can have this share
    too; "wql" also measures how narrow they are. Raises ConfigError.
    """

    examples = ({}, {"quantiles": (0.05, 0.95)})

    @property
    def better(self) -> str:  # type: ignore[override]
        """The share between the quantiles, as in "nearest to 0.8"."""
        return f"nearest to {max(self.quantiles) - min(self.quantiles):.12g}"

    def step(self, y: Value, target: Value) -> Value:
        """Return the share of the features."""
        (features,) = target.shape
        levels, count = np.array(self.quantiles), len(self.quantiles)
        ends = [np.eye(count)[int(place)] for place in (levels.argmin(), levels.argmax())]
        outputs = reshape(y, (features, count))
        low, high = (outputs @ end.astype(y.dtype if isinstance(y, np.ndarray) else float) for end in ends)
        return mean(less_equal(low, target) * less_equal(target, high))


def coverage(low: Any, high: Any, truth: Any) -> float:
    """The share 0..1 of numbers of `truth` from `low` to `high`; NaN in truth does not count.

    Arrays of one shape. Raises ShapeError, DTypeError.
    """
    a, b = as_numbers("coverage: low", low), as_numbers("coverage: high", high)
    t = as_numbers("coverage: truth", truth)
    if not a.shape == b.shape == t.shape:
        raise ShapeError(
            f"coverage: low is {a.shape}, high {b.shape}, truth {t.shape}; expected the same shape"
        )
    known = ~np.isnan(t)
    inside = (a <= t) & (t <= b)
    return float(inside[known].mean()) if known.any() else float("nan")
