"""`WithEnd`: the likelihood of numbers, and of the end of a sequence."""

from __future__ import annotations

from typing import ClassVar, Final

from ostinato.errors import ConfigError
from ostinato.losses import GaussianNLL
from ostinato.losses.loss import Loss
from ostinato.ops import Value, softplus

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
