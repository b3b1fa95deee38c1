"""`Arithmetic`: the operators of a symbolic value of a step, each one op."""

from __future__ import annotations

from typing import TypeVar

from ostinato.ops import elementwise, pairs
from ostinato.ops.table import Symbolic, Value

Self = TypeVar("Self")


class Arithmetic:
    """Operators and comparisons: one op each."""

    __slots__ = ()

    def __add__(self, other: Value) -> Value:
        return pairs.add(self, other)

    def __radd__(self, other: Value) -> Value:
        return pairs.add(other, self)

    def __sub__(self, other: Value) -> Value:
        return pairs.sub(self, other)

    def __rsub__(self, other: Value) -> Value:
        return pairs.sub(other, self)

    def __mul__(self, other: Value) -> Value:
        return pairs.mul(self, other)

    def __rmul__(self, other: Value) -> Value:
        return pairs.mul(other, self)

    def __truediv__(self, other: Value) -> Value:
        return pairs.div(self, other)

    def __rtruediv__(self, other: Value) -> Value:
        return pairs.div(other, self)

    def __pow__(self, other: Value) -> Value:
        # A square is a product: exact, cheap, and with a gradient that holds for negative values.
        if not isinstance(other, Symbolic) and other == 2:
            return pairs.mul(self, self)
        return pairs.pow(self, other)

    def __rpow__(self, other: Value) -> Value:
        return pairs.pow(other, self)

    def __floordiv__(self, other: Value) -> Value:
        return pairs.floordiv(self, other)

    def __rfloordiv__(self, other: Value) -> Value:
        return pairs.floordiv(other, self)

    def __mod__(self, other: Value) -> Value:
        return pairs.mod(self, other)

    def __rmod__(self, other: Value) -> Value:
        return pairs.mod(other, self)

    def __neg__(self) -> Value:
        return elementwise.neg(self)

    def __pos__(self: Self) -> Self:
        return self

    def __abs__(self) -> Value:
        return elementwise.abs(self)

    def __lt__(self, other: Value) -> Value:
        return pairs.less(self, other)

    def __le__(self, other: Value) -> Value:
        return pairs.less_equal(self, other)

    def __gt__(self, other: Value) -> Value:
        return pairs.greater(self, other)

    def __ge__(self, other: Value) -> Value:
        return pairs.greater_equal(self, other)
