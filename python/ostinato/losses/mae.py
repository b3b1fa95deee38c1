"""Absolute error."""

from __future__ import annotations

from ostinato.losses.loss import Loss
from ostinato.ops import Value, abs, mean


class MAE(Loss):
    """mean(|y - t|) over the features of one step, PyTorch's L1Loss. y and target (F,).

    The gradient of a feature whose output equals the target is 0.
    """

    name = "mae"

    def step(self, y: Value, target: Value) -> Value:
        """Return the loss of one step, at least 0."""
        return mean(abs(y - target))
