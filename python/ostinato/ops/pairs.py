"""Ops of two operands, element by element, and `where`: shapes broadcast as in NumPy.

Comparisons give 1.0 and 0.0 in the float type of their operands, so they can be multiplied.
"""

from __future__ import annotations

import numpy as np

from ostinato.ops.elementwise import floor
from ostinato.ops.table import Value, composed, op


def _truth(answer: Value, *operands: Value) -> Value:
    kinds = [one.dtype for one in operands if hasattr(one, "dtype") and one.dtype.kind == "f"]
    return np.asarray(answer).astype(np.result_type(*kinds) if kinds else np.float64)


@op()
def add(a: Value, b: Value) -> Value:
    """The sum a + b."""
    return np.add(a, b)


@op()
def sub(a: Value, b: Value) -> Value:
    """The difference a - b."""
    return np.subtract(a, b)


@op()
def mul(a: Value, b: Value) -> Value:
    """The product a * b."""
    return np.multiply(a, b)


@op()
def div(a: Value, b: Value) -> Value:
    """The quotient a / b."""
    return np.true_divide(a, b)


@op()
def pow(a: Value, b: Value) -> Value:
    """The power a ** b; NaN where a is negative and b is not an integer."""
    return np.power(a, b)


@composed
def floordiv(a: Value, b: Value) -> Value:
    """The largest whole number that is not above a / b, with a gradient of 0; also written `a // b`.

    Where a / b rounds to a whole number, NumPy's own `//` may be 1 less.
    """
    return floor(a / b)


@composed
def mod(a: Value, b: Value) -> Value:
    """The remainder a - b * floor(a / b), with the sign of b; also written `a % b`.

    Its gradient is 1 in a and -floor(a / b) in b: the gradient of the floor is 0. Where a / b rounds to a
    whole number, NumPy's own `%` may differ by b.
    """
    return a - b * floor(a / b)


@op()
def minimum(a: Value, b: Value) -> Value:
    """The smaller of a and b; NaN where either is NaN."""
    return np.minimum(a, b)


@op()
def maximum(a: Value, b: Value) -> Value:
    """The larger of a and b; NaN where either is NaN."""
    return np.maximum(a, b)


@op()
def logaddexp(a: Value, b: Value) -> Value:
    """log(exp(a) + exp(b)), safe from overflow: the sum of two probabilities, from their logarithms."""
    return np.logaddexp(a, b)


@op()
def polygamma(n: Value, x: Value) -> Value:
    """The derivative number n of `digamma` at x; n is a whole number from 0, and the gradient in n is 0.

    NaN for x below 0 if n is above 1. `polygamma(1, x)` is the trigamma function.
    """
    from ostinato.ops.gamma import derivative_of_digamma  # most programs need none of it

    made = derivative_of_digamma(np.asarray(n, np.float64), np.asarray(x, np.float64))
    kinds = [one.dtype for one in (n, x) if hasattr(one, "dtype") and one.dtype.kind == "f"]
    return made.astype(np.result_type(*kinds)) if kinds else made


@op()
def less(a: Value, b: Value) -> Value:
    """1.0 where a < b, else 0.0."""
    return _truth(np.less(a, b), a, b)


@op()
def less_equal(a: Value, b: Value) -> Value:
    """1.0 where a <= b, else 0.0."""
    return _truth(np.less_equal(a, b), a, b)


@op()
def greater(a: Value, b: Value) -> Value:
    """1.0 where a > b, else 0.0."""
    return _truth(np.greater(a, b), a, b)


@op()
def greater_equal(a: Value, b: Value) -> Value:
    """1.0 where a >= b, else 0.0."""
    return _truth(np.greater_equal(a, b), a, b)


@op()
def equal(a: Value, b: Value) -> Value:
    """1.0 where a equals b, else 0.0."""
    return _truth(np.equal(a, b), a, b)


@op()
def not_equal(a: Value, b: Value) -> Value:
    """1.0 where a differs from b, else 0.0."""
    return _truth(np.not_equal(a, b), a, b)


@op()
def where(cond: Value, a: Value, b: Value) -> Value:
    """Select a where cond is not 0, else b; both are computed."""
    chosen = np.where(np.not_equal(cond, 0), a, b)
    # Two plain numbers have no number type; the result has the condition's type.
    return chosen if hasattr(a, "dtype") or hasattr(b, "dtype") else _truth(chosen, cond)
