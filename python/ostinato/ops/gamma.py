"""The derivatives of the logarithm of the gamma function, on NumPy arrays."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

# B(2k) / (2k)!
_BERNOULLI: Final = (
    *(1 / 12, -1 / 720, 1 / 30_240, -1 / 1_209_600, 1 / 47_900_160, -691 / 1_307_674_368_000),
    *(1.338253653068467883e-11, -3.389680296322582866e-13, 8.586062056277844564e-15),
)
_LEAST: Final = 12.0
"""From here on, the series is exact to a rounding error."""


def derivative_of_digamma(n: Any, x: Any) -> Any:
    """The derivative number n of digamma at x, float64, by the Euler-Maclaurin sum (broadcast together).

    NaN for n that is no whole number from 0, and left of 0 for n above 1.
    """
    n, x = np.broadcast_arrays(np.asarray(n, np.float64), np.asarray(x, np.float64))
    return _each(n, x)


def _one(n: float, x: float) -> float:
    if math.isnan(n) or math.isnan(x) or n < 0 or n != math.floor(n):
        return math.nan
    if x == 0:
        pole = math.copysign(math.inf, -x) if n == 0 else math.inf
        return pole if n == 0 else math.copysign(pole, -1.0 if n % 2 == 0 else 1.0)
    if x < 0:
        if n > 1 or math.isinf(x):
            return math.nan
        rest = x - round(x)
        if rest == 0:
            return math.nan if n == 0 else math.inf
        if n == 0:
            return _one(0, 1 - x) - math.pi / math.tan(math.pi * rest)
        return (math.pi / math.sin(math.pi * rest)) ** 2 - _one(1, 1 - x)
    return _digamma(x) if n == 0 else _derivative(n, x)


_each = np.vectorize(_one, otypes=[np.float64])


def _digamma(x: float) -> float:
    total = 0.0
    while x < _LEAST:
        total -= 1 / x
        x += 1
    tail = sum(
        one * math.factorial(2 * k + 1) / x ** (2 * k + 2) if x < 1e17 else 0.0
        for k, one in enumerate(_BERNOULLI)
    )
    return total + math.log(x) - 0.5 / x - tail if math.isfinite(x) else x


def _derivative(n: float, x: float) -> float:
    """(-1)^(n + 1) n! times the sum of (x + k)^-(n + 1)."""
    total, s, sign = 0.0, n + 1, -1.0 if n % 2 == 0 else 1.0
    factorial = math.gamma(s) if s < 171 else math.inf
    while x < _LEAST:
        try:
            total += x**-s
        except OverflowError:
            return sign * math.inf
        x += 1
    if math.isinf(x):
        return sign * 0.0
    rising, tail = s / x, 0.0
    for k, one in enumerate(_BERNOULLI):
        tail += one * rising
        at = s + 2 * k
        rising *= (at + 1) * (at + 2) / x / x
    total += x**-n * (1 / n + (0.5 + tail) / x)
    return float(sign * factorial * total)
