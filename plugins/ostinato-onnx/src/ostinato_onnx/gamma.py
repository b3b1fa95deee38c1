"""The logarithm of the gamma function and its derivatives, composed: ONNX has no operators for them.

Below 12, the argument is moved up by 12 with the recurrence; from there on, the series of Stirling, and of
Euler and Maclaurin for the derivatives, are exact to a rounding. Left of 0 the reflection formulas hold.
Source: Abramowitz and Stegun 6.1.17, 6.1.40, 6.3.7, 6.4.7 and 23.1.30.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from ostinato_onnx.context import Context
from ostinato_onnx.value import Value

Node = Mapping[str, Any]

_MOVED: Final = 12
# B(2k) / (2k)!
_BERNOULLI: Final = (
    *(1 / 12, -1 / 720, 1 / 30_240, -1 / 1_209_600, 1 / 47_900_160, -691 / 1_307_674_368_000),
    *(1.338253653068467883e-11, -3.389680296322582866e-13),
)


class _Numbers:
    """Arithmetic on values and numbers."""

    def __init__(self, c: Context) -> None:
        self.c = c

    def __call__(self, kind: str, *args: Value | float) -> Value:
        values = [one if isinstance(one, Value) else self.c.number(float(one)) for one in args]
        return self.c.elementwise(kind, values)

    def where(self, condition: Value, a: Value | float, b: Value | float) -> Value:
        """Select by a boolean of the full shape."""
        values = [one if isinstance(one, Value) else self.c.number(float(one)) for one in (a, b)]
        name = self.c.g.op("Where", condition.name, values[0].name, values[1].name)
        return Value(name, condition.lead, condition.shape, condition.entries)

    def series(self, y: Value, factors: list[float]) -> Value:
        """The sum of factors[k] y^(-2k), from the smallest term."""
        inverse = self("Div", 1.0, self("Mul", y, y))
        total: Value | float = 0.0
        for factor in reversed(factors):
            total = self("Add", self("Mul", total, inverse), factor)
        assert isinstance(total, Value)
        return total


def _sides(f: _Numbers, x: Value) -> tuple[Value, Value, Value, Value]:
    """Whether x is positive; the argument of the right side; whether it is small; the argument moved up."""
    positive = f("Greater", x, 0.0)
    right = f.where(positive, x, f("Sub", 1.0, x))
    small = f("Less", right, _MOVED)
    return positive, right, small, f.where(small, f("Add", right, _MOVED), right)


def _turns(f: _Numbers, x: Value) -> tuple[Value, Value]:
    """The distance of x to the nearest whole number, and pi times it."""
    rest = f("Sub", x, f("Round", x))
    return rest, f("Mul", rest, math.pi)


def lgamma(c: Context, node: Node, args: list[Value]) -> Value:
    """log |gamma(x)|."""
    f, x = _Numbers(c), args[0]
    positive, right, small, y = _sides(f, x)
    factors = [one * math.factorial(2 * k) for k, one in enumerate(_BERNOULLI)]
    tail = f("Div", f.series(y, factors), y)
    # (y - 1/2) log y - y + log(2 pi) / 2
    main = f("Sub", f("Mul", f("Sub", y, 0.5), f("Sub", f("Log", y), 1.0)), 0.5 - 0.5 * math.log(2 * math.pi))
    product: Value = f.where(small, right, 1.0)
    for k in range(1, _MOVED):
        product = f("Mul", product, f.where(small, f("Add", right, k), 1.0))
    own = f("Sub", f("Add", main, tail), f("Log", product))
    _, turned = _turns(f, x)
    mirror = f("Log", f("Div", math.pi, f("Abs", f("Sin", turned))))
    return f.where(positive, own, f("Sub", mirror, own))


def _right(f: _Numbers, order: int, right: Value, small: Value, y: Value) -> Value:
    """The derivative number `order` of digamma at a positive argument."""
    if order == 0:
        factors = [one * math.factorial(2 * k + 1) for k, one in enumerate(_BERNOULLI)]
        tail = f("Add", f("Div", 0.5, y), f("Div", f.series(y, factors), f("Mul", y, y)))
        far = f("Sub", f("Log", y), tail)
    else:
        # the sum of (y + k)^-s over all k, s = order + 1
        s = order + 1
        rising = [math.prod(range(s, s + 2 * k + 1)) for k in range(len(_BERNOULLI))]
        tail = f.series(y, [one * most for one, most in zip(_BERNOULLI, rising, strict=True)])
        power = f("Pow", y, -float(s))
        far = f("Mul", power, f("Add", f("Add", f("Div", y, order), 0.5), f("Div", tail, y)))
    near: Value | float = 0.0
    for k in reversed(range(_MOVED)):
        inverse = f("Div", 1.0, f("Add", right, k))
        near = f("Add", near, f("Pow", inverse, float(order + 1)) if order else inverse)
    total = f.where(small, near, 0.0)
    if order == 0:
        return f("Sub", far, total)
    return f("Mul", f("Add", far, total), (-1.0) ** (order + 1) * math.factorial(order))


def digamma(c: Context, node: Node, args: list[Value]) -> Value:
    """The derivative of lgamma."""
    f, x = _Numbers(c), args[0]
    positive, right, small, y = _sides(f, x)
    own = _right(f, 0, right, small, y)
    rest, turned = _turns(f, x)
    slope = f("Div", f("Mul", math.pi, f("Cos", turned)), f("Sin", turned))
    pole = f("And", f("Equal", rest, 0.0), f("Less", x, 0.0))
    return f.where(positive, own, f.where(pole, math.nan, f("Sub", own, slope)))


def polygamma(c: Context, node: Node, args: list[Value]) -> Value:
    """The derivative number n of digamma. Raises ConfigError if n is no whole number that the step fixes."""
    array = c.g.initializers.get(args[0].name)
    if array is None or not args[0].name.startswith("/") or array.ndim or array < 0 or array % 1:
        raise c.refused("polygamma of an order that is computed", "give the order as a whole number")
    order = int(array)
    if order == 0:
        return digamma(c, node, args[1:])
    f, x = _Numbers(c), args[1]
    positive, right, small, y = _sides(f, x)
    own = _right(f, order, right, small, y)
    if order > 1:
        return f.where(positive, own, f.where(f("Equal", x, 0.0), (-1.0) ** (order + 1) * math.inf, math.nan))
    _, turned = _turns(f, x)
    share = f("Div", math.pi, f("Sin", turned))
    return f.where(positive, own, f("Sub", f("Mul", share, share), own))
