"""Negative log-likelihood of a normal distribution whose mean and variance are outputs."""

from __future__ import annotations

import math

from ostinato import checks
from ostinato.errors import ConfigError
from ostinato.losses.loss import Loss
from ostinato.ops import Value, exp, maximum, mean, split, square, stop_gradient


class GaussianNLL(Loss):
    """The mean over the features of (log v + (t - m)^2 / v) / 2, with the mean m and the variance v.

    y (2 F,): F means, then the logarithms of F variances, so that every output is a variance. Target (F,).
    `full` adds the constant log(2 pi) / 2 to each feature. Variances below `smallest` count as `smallest`,
    but keep their gradient, so that they can grow. It is PyTorch's GaussianNLLLoss of m, t and v.

    smallest: above 0, in the units of the variance. Raises ConfigError, also for an odd number of outputs.
    Source: Nix and Weigend 1994, "Estimating the mean and variance of the target probability distribution".
    """

    name = "gaussian_nll"
    examples = ({}, {"full": True, "smallest": 1e-3})

    def __init__(self, *, full: bool = False, smallest: float = 1e-6) -> None:
        """Choose whether to add the constant, and the smallest variance."""
        self.full = checks.flag("loss 'gaussian_nll'", "full", full)
        self.smallest = checks.number("loss 'gaussian_nll'", "smallest", smallest, above=0.0)

    def target_size(self, width: int) -> int:
        """Half of the outputs. Raises ConfigError for an odd number."""
        if width % 2:
            raise ConfigError(
                f"loss 'gaussian_nll': the output has {width} features; expected an even number, means and "
                "then logarithms of variances"
            )
        return width // 2

    def step(self, y: Value, target: Value) -> Value:
        """Return the loss of one step."""
        center, log_variance = split(y, 2)
        floor = math.log(self.smallest)
        log_variance = log_variance + stop_gradient(maximum(log_variance, floor) - log_variance)
        loss = 0.5 * mean(log_variance + square(target - center) * exp(-log_variance))
        return loss + 0.5 * math.log(2.0 * math.pi) if self.full else loss
