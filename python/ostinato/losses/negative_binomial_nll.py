"""Negative log-likelihood of the negative binomial distribution: counts."""

from __future__ import annotations

import math
from typing import Final

from ostinato.errors import ConfigError
from ostinato.losses.loss import Loss
from ostinato.ops import Value, clip, exp, lgamma, log, logaddexp, maximum, mean, split, stop_gradient, where

FURTHEST: Final = 8.0
"""Of the logarithm of r: beyond it the variance is that of a Poisson distribution, or far above it."""
NEAR: Final = 0.0025
"""The largest square of (a - b) / (a + b) for which log(a / b) is a series: 1e-17 is left."""
SMALL: Final = 16.0
"""Up to it lgamma has digits enough; above it Stirling's series is exact."""
HALF_LOG_TWO_PI: Final = 0.5 * math.log(2.0 * math.pi)


class NegativeBinomialNLL(Loss):
    """The mean over the features of -log p(t) of a count with mean m and variance m + m^2 / r.

    y (2 F,): the logarithms of F means, then the logarithms of F numbers r: the larger r, the nearer to a
    Poisson distribution. Target (F,): counts, 0, 1, 2, ...; a negative number counts as 0. Logarithms of r
    beyond -8 and 8 count as these, but keep their gradient, so the variance is at least m + m^2 / 2981.

        lgamma(r) + lgamma(t + 1) - lgamma(t + r) + r log(1 + m / r) + t log(1 + r / m)

    It is computed by Stirling's series, in which the large terms of large counts cancel before they are
    rounded. It is -log_prob of PyTorch's NegativeBinomial with total_count r and probs m / (m + r). Raises
    ConfigError for an odd number of outputs. Source: Salinas et al. 2020, "DeepAR", section 3.1, with
    alpha = 1 / r.
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
        t, r, m = maximum(target, 0.0), exp(log_r), exp(clip(log_mean, -60.0, 60.0))
        both = logaddexp(log_mean, log_r)
        first = _log_ratio(m + r, t + r, m - t, both - log(t + r))
        second = _log_ratio(
            (t + 1.0) * (m + r), (t + r) * m, r * (t - m) + m + r, log(t + 1.0) - log(t + r) + both - log_mean
        )
        roots = 0.5 * (log(t + 1.0) + log(t + r) - log_r)
        rests = _rest(r) + _rest(t + 1.0) - _rest(t + r)
        return mean(r * first + t * second + roots + rests + (HALF_LOG_TWO_PI - 1.0))


def _log_ratio(above: Value, below: Value, difference: Value, far: Value) -> Value:
    """log(above / below), without cancellation if they are near; far: the same as a sum of logarithms."""
    z = difference / (above + below)
    z2 = clip(z * z, 0.0, NEAR)
    near = 2.0 * z * (1.0 + z2 * (1 / 3 + z2 * (1 / 5 + z2 * (1 / 7 + z2 * (1 / 9 + z2 / 11)))))
    return where(z * z < NEAR, near, far)


def _rest(x: Value) -> Value:
    """lgamma(x) - ((x - 1/2) log x - x + log(2 pi) / 2): for large x Stirling's series, with 2e-16 left."""
    inverse = 1.0 / maximum(x, SMALL)
    i2 = inverse * inverse
    series = inverse * (1 / 12 - i2 * (1 / 360 - i2 * (1 / 1260 - i2 * (1 / 1680 - i2 / 1188))))
    return where(x > SMALL, series, lgamma(x) - ((x - 0.5) * log(x) - x + HALF_LOG_TWO_PI))
