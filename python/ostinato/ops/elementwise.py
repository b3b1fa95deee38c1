"""Ops of one operand, element by element: the result has the shape and number type of `x`."""

from __future__ import annotations

import math

import numpy as np

from ostinato.errors import ConfigError, shown
from ostinato.ops.table import Value, composed, op

_erf = np.vectorize(math.erf, otypes=[np.float64])
_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def _lgamma_of(x: float) -> float:
    if x == -math.inf or (x <= 0 and x == math.floor(x)):
        return math.inf
    return math.lgamma(x)


_lgamma = np.vectorize(_lgamma_of, otypes=[np.float64])


def _like(x: Value, result: Value) -> Value:
    """Convert a float64 `result` to the float type of `x`; for numbers and integers it stays float64."""
    kind = getattr(x, "dtype", None)
    return result.astype(kind) if kind is not None and kind.kind == "f" else result


@op()
def neg(x: Value) -> Value:
    """-x."""
    return np.negative(x)


@op()
def exp(x: Value) -> Value:
    """e^x."""
    return np.exp(x)


@op()
def log(x: Value) -> Value:
    """The natural logarithm of x."""
    return np.log(x)


@op()
def sqrt(x: Value) -> Value:
    """The square root of x."""
    return np.sqrt(x)


@op()
def abs(x: Value) -> Value:
    """|x|."""
    return np.abs(x)


@op()
def sign(x: Value) -> Value:
    """-1, 0 or 1; its gradient is 0."""
    return np.sign(x)


@op()
def round(x: Value) -> Value:
    """The nearest whole number, of two equally near ones the even one; its gradient is 0."""
    return np.round(x)


@op()
def floor(x: Value) -> Value:
    """The largest whole number that is not above x; its gradient is 0."""
    return np.floor(x)


@op()
def sigmoid(x: Value) -> Value:
    """1 / (1 + e^-x), without overflow on either side."""
    small = np.exp(-np.abs(x))
    return np.where(np.greater_equal(x, 0), 1 / (1 + small), small / (1 + small))


@op()
def tanh(x: Value) -> Value:
    """The hyperbolic tangent of x."""
    return np.tanh(x)


@op()
def relu(x: Value) -> Value:
    """max(x, 0); its gradient at 0 is 0."""
    return np.maximum(x, 0)


@op("alpha")
def leaky_relu(x: Value, alpha: float = 0.01) -> Value:
    """Leaky ReLU: x where it is positive, else alpha * x."""
    return np.where(np.greater(x, 0), x, alpha * x)


@op("alpha")
def elu(x: Value, alpha: float = 1.0) -> Value:
    """ELU: x where it is positive, else alpha * (e^x - 1). Source: Clevert et al. 2016, eq. 15."""
    return np.where(np.greater(x, 0), x, alpha * np.expm1(np.minimum(x, 0)))


@op()
def softplus(x: Value) -> Value:
    """log(1 + e^x), without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@op()
def silu(x: Value) -> Value:
    """SiLU, also called swish: x * sigmoid(x)."""
    return x * sigmoid(x)


@op()
def gelu(x: Value) -> Value:
    """GELU in its exact form: x * (1 + erf(x / sqrt 2)) / 2. Source: Hendrycks and Gimpel 2016."""
    # erfc, because 1 + erf loses every digit in the negative tail.
    wide = np.asarray(x, np.float64)
    return _like(x, 0.5 * wide * _erfc(-wide / math.sqrt(2.0)))


@op()
def erf(x: Value) -> Value:
    """The error function: 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x."""
    return _like(x, _erf(np.asarray(x, np.float64)))


@op()
def sin(x: Value) -> Value:
    """The sine of x in radians."""
    return np.sin(x)


@op()
def cos(x: Value) -> Value:
    """The cosine of x in radians."""
    return np.cos(x)


@op()
def lgamma(x: Value) -> Value:
    """The logarithm of |gamma(x)|: log((x - 1)!) for whole numbers; infinity at 0, -1, -2, ..."""
    return _like(x, _lgamma(np.asarray(x, np.float64)))


@op()
def digamma(x: Value) -> Value:
    """The derivative of `lgamma`; NaN at -1, -2, ..."""
    from ostinato.ops.gamma import derivative_of_digamma  # most programs need none of it

    return _like(x, derivative_of_digamma(0, np.asarray(x, np.float64)))


@op()
def stop_gradient(x: Value) -> Value:
    """The value x, with a gradient of 0."""
    return x


@op("low", "high", name="clip")
def _clip(x: Value, low: float, high: float) -> Value:
    return np.clip(x, low, high)


@composed
def clip(x: Value, low: float, high: float) -> Value:
    """The value x limited to low..high; its gradient is 0 outside. Raises ConfigError if low > high."""
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        raise ConfigError(f"clip: low is {shown(low)}, above high, {shown(high)}; expected low <= high")
    return _clip(x, low, high)


@composed
def hard_sigmoid(x: Value) -> Value:
    """A sigmoid of three lines: x / 6 + 1/2, limited to 0..1; its gradient is 0 beyond -3 and 3.

    Source: Howard et al. 2019, section 5.2.
    """
    return clip(x * (1.0 / 6.0) + 0.5, 0.0, 1.0)


@composed
def square(x: Value) -> Value:
    """The product x * x."""
    return x * x


@composed
def reciprocal(x: Value) -> Value:
    """1 / x."""
    return 1.0 / x
