"""Negative log-likelihood of the negative binomial distribution: counts."""

from __future__ import annotations

from typing import Final

from ostinato.errors import ConfigError
from ostinato.losses.loss import Loss
from ostinato.ops import Value, clip, exp, lgamma, logaddexp, maximum, mean, split, stop_gradient

FURTHEST: Final = 8.0
"""For larger logarithms of r, lgamma(r) - lgamma(t + r) loses too many digits in float32."""


class NegativeBinomialNLL(Loss):
    """The mean over the features of -log p(t) of a count with mean m and variance m + m^2 / r.

    y (2 F,): the logarithms of F means, then the logarithms of F numbers r: the larger r, the nearer to a
    Poisson distribution. Target (F,): counts, 0, 1, 2, ...; a negative number counts as 0. Logarithms of r
    beyond -8 and 8 count as these, but keep their gradient, so the variance is at least m + m^2 / 2981.

        lgamma(r) + lgamma(t + 1) - lgamma(t + r) + r log(1 + m / r) + t log(1 + r / m)

    It is -log_prob of PyTorch's NegativeBinomial with total_count r and probs m / (m + r). Raises ConfigError
    for an odd number of outputs. Source: Salinas et al. 2020, "DeepAR", section 3.1, with alpha = 1 / r.
    """

    name = "negative_binomial_nll"

    def target_size(self, width: int) -> int:
        """Half of the outputs. Raises ConfigError for an odd number."""
        if width % 2:
            raise ConfigError(
                f"loss 'negative_binomial_nll': the output has {width} features; expected an even number: "
                "logarithms of means, then of r"
            )
        return width // 2

    def step(self, y: Value, target: Value) -> Value:
        """Return the loss of one step, at least 0."""
        log_mean, log_r = split(y, 2)
        log_r = log_r + stop_gradient(clip(log_r, -FURTHEST, FURTHEST) - log_r)
        target = maximum(target, 0.0)
        r = exp(log_r)
        both = logaddexp(log_mean, log_r)
        ways = lgamma(r) + lgamma(target + 1.0) - lgamma(target + r)
        return mean(ways + r * (both - log_r) + target * (both - log_mean))
