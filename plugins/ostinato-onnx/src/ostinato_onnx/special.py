"""Functions for which ONNX or ONNX Runtime has no kernel, composed of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from ostinato_onnx.context import Context
from ostinato_onnx.value import Value

Node = Mapping[str, Any]

# erf(x) = 2 / sqrt(pi) x e^(-x^2) sum of (2 x^2)^n / (1 3 5 ... (2n + 1)), whose terms are positive
# (Abramowitz and Stegun 7.1.6). Beyond 6 it is 1 in float64; the rest after 120 terms is below 1e-15 at 6.
_TERMS: Final = 120
_END: Final = 6.0


def finite(c: Context, value: Value) -> Value:
    """The value, and 0 where it is infinite: a maximum that is subtracted before `exp`."""
    return c.like_where(c.g.op("IsInf", value.name), c.number(0.0), value)


def erf(c: Context, node: Node, args: list[Value]) -> Value:
    """The error function; ONNX Runtime has a kernel for float32 alone."""
    x = args[0]
    if c.g.dtype == "float32":
        return c.like(x, "Erf")
    near = c.elementwise("Max", [c.elementwise("Min", [x, c.number(_END)]), c.number(-_END)])
    square = c.elementwise("Mul", [near, near])
    total = c.number(1.0)
    for n in range(_TERMS, 0, -1):
        share = c.elementwise("Mul", [square, c.number(2.0 / (2 * n + 1))])
        total = c.elementwise("Add", [c.elementwise("Mul", [share, total]), c.number(1.0)])
    bell = c.like(c.like(square, "Neg"), "Exp")
    scaled = c.elementwise("Mul", [near, c.number(float(2.0 / np.sqrt(np.pi)))])
    return c.elementwise("Mul", [c.elementwise("Mul", [scaled, bell]), total])
