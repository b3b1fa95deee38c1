"""Negative log-likelihood of Student's t distribution: errors with heavy tails."""

from __future__ import annotations

import math

from ostinato import checks
from ostinato.errors import ConfigError
from ostinato.losses.loss import Loss
from ostinato.ops import Value, exp, lgamma, log, maximum, mean, softplus, split, square, stop_gradient


class StudentTNLL(Loss):
    """The mean over the features of -log p(t) of Student's t with location m, scale s and degrees v.

    y (3 F,): F locations, then the logarithms of F scales, then F numbers r with v = 2 + softplus(r), so that
    the variance s^2 v / (v - 2) is finite. Target (F,). With z = (t - m) / s:

        (v + 1) / 2 log(1 + z^2 / v) + log s + log(v pi) / 2 + lgamma(v / 2) - lgamma((v + 1) / 2)

    It is -log_prob of PyTorch's StudentT. Scales below `smallest` count as `smallest`, but keep their
    gradient, so that they can grow.

    smallest: above 0, in the units of the target. Raises ConfigError, also if the outputs are not a multiple
    of 3.
    Source: Lange et al. 1989, "Robust statistical modeling using the t distribution".
    """

    name = "student_t_nll"
    examples = ({}, {"smallest": 0.1})

    def __init__(self, *, smallest: float = 1e-3) -> None:
        """Choose the smallest scale."""
        self.smallest = checks.number("loss 'student_t_nll'", "smallest", smallest, above=0.0)

    def target_size(self, width: int) -> int:
        """A third of the outputs. Raises ConfigError if that is no whole number."""
        if width % 3:
            raise ConfigError(
                f"loss 'student_t_nll': the output has {width} features; expected a multiple of 3: "
                "locations, logarithms of scales, and degrees of freedom"
            )
        return width // 3

    def step(self, y: Value, target: Value) -> Value:
        """Return the loss of one step."""
        location, log_scale, raw = split(y, 3)
        log_scale = log_scale + stop_gradient(maximum(log_scale, math.log(self.smallest)) - log_scale)
        degrees = 2.0 + softplus(raw)
        z = (target - location) * exp(-log_scale)
        half = 0.5 * degrees
        tails = (half + 0.5) * log(1.0 + square(z) / degrees)
        constant = lgamma(half) - lgamma(half + 0.5) + 0.5 * log(degrees * math.pi)
        return mean(tails + log_scale + constant)
