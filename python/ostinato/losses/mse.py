"""Squared error."""

from __future__ import annotations

from ostinato.checks import flag
from ostinato.losses.loss import Loss
from ostinato.ops import Value, mean, square, sum


class MSE(Loss):
    """Squared error of one step.

    By default the mean over the features, `mean((y - t)^2)`: averaged over time steps this is PyTorch's
    MSELoss. With `half=True` half the sum over the features, `sum((y - t)^2) / 2`, that is L_t = 1/2
    ||y - t||^2, whose gradient is y - t. y and target (F,).
    """

    examples = ({}, {"half": True})

    def __init__(self, *, half: bool = False) -> None:
        """Choose half the sum of squares instead of their mean."""
        self.half = flag("loss 'mse'", "half", half)

    def step(self, y: Value, target: Value) -> Value:
        """Return the loss of one step, at least 0."""
        error = square(y - target)
        return 0.5 * sum(error) if self.half else mean(error)
