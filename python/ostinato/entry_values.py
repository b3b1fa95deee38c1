"""`EntryValues`: a value on the entries of a memory, in the eager run of a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato import ops as typed_ops
from ostinato.errors import ShapeError, shown
from ostinato.ops.arithmetic import Arithmetic
from ostinato.ops.table import Row, Symbolic, Value

# Untyped here: values on entries are what the types of ops describe.
ops: Any = typed_ops

# The ops over all entries whose result is on entries too.
_KEEPS = ("entries_softmax", "entries_position", "entries_shift")


class EntryValues(Arithmetic, Symbolic):
    """One value for each entry of a memory: `values` is (S, ...). An op applies to each entry alone.

    Raises ShapeError where entries of two memories meet.
    """

    __slots__ = ("memory", "values")
    __array_ufunc__ = None

    def __init__(self, memory: str, values: NDArray[Any]) -> None:
        """Represent a value on the entries of the memory of this name."""
        self.memory = memory
        self.values = values

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value of one entry."""
        return self.values.shape[1:]

    @property
    def ndim(self) -> int:
        """The number of axes of the value of one entry."""
        return self.values.ndim - 1

    def record(self, row: Row, operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value:
        """Compute one op."""
        for one in operands:
            if isinstance(one, EntryValues) and one.memory != self.memory:
                raise ShapeError(
                    f"{row.name}: mixes entries of the memories {shown(one.memory)} and "
                    f"{shown(self.memory)}, which differ in number; reduce one of them to a value of the row "
                    "first (ops.entries.sum, mean, max)"
                )
        if row.name.startswith("entries_"):
            result = row.eager(self.values, **attrs)
            return EntryValues(self.memory, result) if row.name in _KEEPS else result

        def at(entry: int | None) -> Value:
            """The result for one entry; for None, a result whose shape alone counts."""
            values = []
            for one in operands:
                if isinstance(one, EntryValues):
                    like = np.ones(one.shape, one.values.dtype)
                    values.append(like if entry is None else one.values[entry])
                else:
                    values.append(one)
            return row.eager(*values, **attrs)

        results = [at(entry) for entry in range(len(self.values))]
        if not results:
            like = np.asarray(at(None))  # for the shape alone
            return EntryValues(self.memory, np.zeros((0, *like.shape), like.dtype))
        return EntryValues(self.memory, np.stack(results))

    def __matmul__(self, other: Value) -> Value:
        return _product(self, other)

    def __rmatmul__(self, other: Value) -> Value:
        return _product(other, self)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> EntryValues:
        return EntryValues(self.memory, self.values[:, key])

    def __repr__(self) -> str:
        return f"<{len(self.values)} entries of memory {self.memory!r}: {self.shape}>"


def _product(a: Value, b: Value) -> Value:
    return ops.dot(a, b) if np.ndim(a) == np.ndim(b) == 1 else ops.products._product(a, b)
