"""Squared error of small errors, absolute error of large ones."""

from __future__ import annotations

from ostinato import checks
from ostinato.losses.loss import Loss
from ostinato.ops import Value, abs, mean, minimum


class Huber(Loss):
    """The mean over the features of e^2 / 2 if e = |y - t| is at most delta, else of delta (e - delta / 2).

    y and target (F,). delta: above 0, in the units of the target. Raises ConfigError.
    Source: Huber 1964, "Robust estimation of a location parameter".
    """

    examples = ({}, {"delta": 0.5})

    def __init__(self, *, delta: float = 1.0) -> None:
        """Choose the error from which on the loss is linear."""
        self.delta = checks.number("loss 'huber'", "delta", delta, above=0.0)

    def step(self, y: Value, target: Value) -> Value:
        """Return the loss of one step, at least 0."""
        error = abs(y - target)
        small = minimum(error, self.delta)
        return mean(0.5 * small * small + self.delta * (error - small))
