"""`WithEnd`: the likelihood of numbers, and of the end of a sequence."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np

from ostinato.errors import ConfigError
from ostinato.losses import GaussianNLL
from ostinato.losses.loss import Loss
from ostinato.ops import Value, softplus
from ostinato.sequences.arrays import Array

SMALLEST: Final = 1e-4
"""The smallest variance, in the units of scaled numbers."""


class WithEnd(Loss):
    """-log N(t; m, v), summed over the features, minus the log-probability of whether the step is the last.

    y (2 F + 1,): F means, the logarithms of F variances, and the logit of the end. Target (F + 1,): F
    numbers, and 1 for the last step of a sequence or 0. Source: the likelihood of Graves 2013, "Generating
    sequences with recurrent neural networks", eq. 26, with one component.
    """

    name = "with_end"
    examples: ClassVar = ({},)

    def __init__(self) -> None:
        """Choose the smallest variance."""
        self.normal = GaussianNLL(full=True, smallest=SMALLEST)

    def target_size(self, width: int) -> int:
        """F + 1. Raises ConfigError for an even number of outputs."""
        if width < 3 or width % 2 == 0:
            raise ConfigError(f"loss 'with_end': the output has {width} features; expected 2 F + 1")
        return (width - 1) // 2 + 1

    def step(self, y: Value, target: Value) -> Value:
        """Return the loss of one step."""
        features = int(target.shape[0]) - 1
        numbers = self.normal.step(y[: 2 * features], target[:features]) * float(features)
        logit, last = y[2 * features], target[features]
        return numbers + softplus(logit) - last * logit


def deviations(outputs: Array) -> Array:
    """The standard deviations of one step, (K,)."""
    width = len(outputs) // 2
    found: Array = np.sqrt(np.maximum(np.exp(outputs[width : 2 * width]), SMALLEST))
    return found


def density(outputs: Array, targets: Array) -> float:
    """The log-density of scaled numbers and their end: minus the loss of `WithEnd`, summed over the steps."""
    outputs, targets = outputs.astype(np.float64), targets.astype(np.float64)
    width = targets.shape[1] - 1
    log_variance = np.maximum(outputs[:, width : 2 * width], np.log(SMALLEST))
    error = targets[:, :width] - outputs[:, :width]
    normal = -0.5 * (log_variance + error**2 * np.exp(-log_variance) + np.log(2 * np.pi)).sum()
    logit = outputs[:, -1]
    ends = np.logaddexp(0.0, logit) - targets[:, -1] * logit
    return float(normal - ends.sum())
