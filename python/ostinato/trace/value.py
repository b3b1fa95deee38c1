"""`Traced`: a symbolic value while a step is recorded.

It supports the operators of the step language, and NumPy functions that have an op of the same meaning.
Anything that cannot be recorded raises TraceError with the code to write instead; `programs.py` adds the
author's line.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from ostinato import ops as typed_ops
from ostinato.dims import Dim, describe
from ostinato.errors import ShapeError, TraceError, shown
from ostinato.foreign.names import OPS
from ostinato.namespace import UnknownNameError
from ostinato.ops.arithmetic import Arithmetic
from ostinato.ops.table import Row, Symbolic, Value
from ostinato.trace.recorder import Node, Recorder

# Untyped here: a traced value is what the types of ops describe.
ops: Any = typed_ops

_UFUNCS: dict[str, Callable[..., Value]] = {
    "add": ops.add,
    "subtract": ops.sub,
    "multiply": ops.mul,
    "divide": ops.div,
    "true_divide": ops.div,
    "power": ops.pow,
    "float_power": ops.pow,
    "absolute": ops.abs,
    "fabs": ops.abs,
    "negative": ops.neg,
    "rint": ops.round,
    "mod": ops.mod,
    "remainder": ops.mod,
    "floor_divide": ops.floordiv,
    "matmul": lambda a, b: a @ b if isinstance(a, Symbolic) else b.__rmatmul__(a),
    **{
        name: getattr(ops, name)
        for family in (
            "exp log sqrt sign floor tanh sin cos square reciprocal minimum maximum",
            "less less_equal greater greater_equal equal not_equal",
        )
        for name in family.split()
    },
}

# NumPy names whose op has another name.
_ELSEWHERE = {
    **dict.fromkeys(("concatenate", "hstack", "append", "stack"), "concat"),
    **dict.fromkeys(("logical_and", "bitwise_and"), "minimum of two comparisons"),
    **dict.fromkeys(("logical_or", "bitwise_or"), "maximum of two comparisons"),
    **dict.fromkeys(("logical_not", "invert"), "where(cond, 0.0, 1.0)"),
    **dict.fromkeys(("inner", "vdot"), "dot"),
    "amax": "max",
    "array_split": "split",
    "heaviside": "greater",
    "log1p": "log(1 + x)",
    "expm1": "exp(x) - 1",
    "logaddexp": "softplus or ops.logsumexp",
    "take": "take",
}


def _refuse(what: str, instead: str) -> NoReturn:
    raise TraceError(f"{what}; {instead}")


def _use_op(name: str) -> str:
    if name in _ELSEWHERE:
        return f"use ops.{_ELSEWHERE[name]}"
    if name in ops.__all__:
        return f"use ops.{name}"
    return OPS.get(name, "the ops that a step can use are in ostinato.ops")


class Traced(Arithmetic, Node):
    """A value of the step being traced: a node of the program with its shape."""

    __slots__ = ("is_index", "shape")
    __array_priority__ = 1000.0

    def __init__(self, recorder: Recorder, node: int, shape: tuple[Dim, ...], is_index: bool = False) -> None:
        """Represent `node` of the program that `recorder` builds."""
        self.recorder = recorder
        self.node = node
        self.shape = shape
        self.is_index = is_index

    @property
    def ndim(self) -> int:
        """The number of axes: 0 for a number, 1 for a vector, 2 for a matrix."""
        return len(self.shape)

    @property
    def T(self) -> Transposed:
        """The transpose of a matrix, for products: `p.W.T @ v`."""
        if self.ndim != 2:
            _refuse(
                f"{self._called()} has shape {describe(self.shape)} and no transpose", ".T is for matrices"
            )
        return Transposed(self)

    def record(self, row: Row, operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value:
        """Add one op to the program; operands may be traced values and plain numbers."""
        for one in operands:
            if isinstance(one, Transposed):
                one.refuse()
        for name, attr in attrs.items():
            if isinstance(attr, Symbolic):
                _refuse(f"{name} of ops.{row.name} is a traced value", "it must be a plain number")
        nodes = []
        for role, one in zip(_roles(row, len(operands)), operands, strict=True):
            if isinstance(one, Traced):
                wants_index = role == "index"
                if one.is_index != wants_index:
                    got = "ids" if one.is_index else "numbers"
                    _refuse(
                        f"ops.{row.name} got {got} ({one._called()}) as {role}",
                        "ids are what lookup, pick and one_hot take as index, and nothing else",
                    )
                if one.recorder is not self.recorder:
                    self.recorder.check_same(one.recorder, one._called())
                nodes.append(one.node)
            elif role == "index":
                _refuse(f"ops.{row.name} got {one!r} as index", "slice with v[i] for a fixed position")
            else:
                nodes.append(self.recorder.constant(one))
        node, shape, is_index = self.recorder.add(row.name, nodes, attrs)
        return Traced(self.recorder, node, shape, is_index)

    def reduce(self, measure: str, extent: str) -> Value:
        """A reduction over a parameter, in the equation of an optimizer."""
        if self.recorder.reducing is None:
            return super().reduce(measure, extent)
        node = self.recorder.reducing(self.node, measure, extent)
        return Traced(self.recorder, node, self.shape)

    def _called(self) -> str:
        return self.recorder.name_of(self.node)

    def __repr__(self) -> str:
        return f"<traced {self._called()}: {'id' if self.is_index else describe(self.shape)}>"

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        if self is other or other is None or isinstance(other, str):
            return self is other
        _refuse(f"{self._called()} == ... has no answer while a step is traced", "use ops.equal(a, b)")

    def __ne__(self, other: object) -> bool:
        if self is other or other is None or isinstance(other, str):
            return self is not other
        _refuse(f"{self._called()} != ... has no answer while a step is traced", "use ops.not_equal(a, b)")

    # Matrix products.

    def __matmul__(self, other: Value) -> Value:
        product = ops.products._matmul
        if isinstance(other, Transposed):
            return product(other.matrix, self) if self.ndim == 1 else self @ ops.transpose(other.matrix)
        if not isinstance(other, Traced):
            return self @ self._constant(other)
        if (self.ndim, other.ndim) == (2, 1):
            return product(self, other)
        if (self.ndim, other.ndim) == (1, 2):
            return product(other, self, transpose=1)
        if (self.ndim, other.ndim) == (1, 1):
            return ops.dot(self, other)
        if (self.ndim, other.ndim) == (2, 2):
            return ops.products._product(self, other)
        shapes = f"{describe(self.shape)} @ {describe(other.shape)}"
        raise ShapeError(f"{shapes} is not defined; @ takes matrices and vectors")

    def __rmatmul__(self, other: Value) -> Value:
        return self._constant(other) @ self

    def _constant(self, array: object) -> Traced:
        """An array of numbers as a value. Raises TraceError for anything else."""
        if not isinstance(array, np.ndarray) or array.ndim == 0:
            _refuse(
                f"@ with {type(array).__name__}, which is not a traced value", "expected a value or an array"
            )
        node = self.recorder.constant(array)
        return Traced(self.recorder, node, self.recorder.shape(node))

    # Parts.

    def __len__(self) -> int:
        if not self.shape:
            _refuse(f"{self._called()} is one number and has no length", "len() is for vectors")
        return int(self.shape[0])

    def __getitem__(self, key: object) -> Value:
        if not self.shape:
            _refuse(f"{self._called()} is one number and cannot be indexed", "use it as it is")
        length = self.shape[0]
        if isinstance(key, builtins.slice):
            if key.step not in (None, 1):
                _refuse(f"slice step {key.step}", "only v[a:b] with a step of 1 can be traced")
            start = self._bound(key.start, Dim(0), "start")
            stop = self._bound(key.stop, length, "stop")
            return ops.slice(self, start, stop if stop > start else start)
        if isinstance(key, int) and not isinstance(key, bool):
            if not -length <= key < length:
                raise ShapeError(f"index {key} is outside a first axis of {shown(length)}")
            at = key if key >= 0 else length + key
            return ops.reshape(ops.slice(self, at, at + 1), self.shape[1:])
        if isinstance(key, Traced):
            _refuse("indexing with a traced value", "use ops.pick(v, id) or ops.lookup(table, id)")
        _refuse(f"index {key!r}", "only v[a:b] and v[i] along the first axis can be traced")

    def _bound(self, value: object, default: int, noun: str) -> int:
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            _refuse(f"slice {noun} {value!r}", "slice with whole numbers or sizes")
        length = self.shape[0]
        if value < 0:
            value = length + value
        if not 0 <= value <= length:
            raise ShapeError(f"slice {noun} {shown(value)} is outside a first axis of {shown(length)}")
        return value

    def __setitem__(self, key: object, value: object) -> NoReturn:
        _refuse("assigning to part of a traced value", "build the new value with ops.concat or ops.where")

    # Undefined before the numbers are known.

    def __bool__(self) -> NoReturn:
        _refuse(
            f"the truth of {self._called()} is not known while a step is traced",
            "Python's if, while, and, or, not cannot depend on values: use ops.where(cond, a, b)",
        )

    def __float__(self) -> NoReturn:
        _refuse(
            f"the number in {self._called()} is not known while a step is traced",
            "keep it as a value of the step",
        )

    __int__ = __index__ = __complex__ = __round__ = __float__

    def __iter__(self) -> NoReturn:
        _refuse(
            f"{self._called()} cannot be iterated or unpacked", "use ops.split(v, n) and ops.sum, mean or max"
        )

    def __contains__(self, item: object) -> NoReturn:
        _refuse(
            f"`in {self._called()}` is not known while a step is traced", "use ops.max(ops.equal(v, item))"
        )

    def __divmod__(self, other: Value) -> NoReturn:
        _refuse("divmod of a traced value", "write a // b and a % b")

    __rdivmod__ = __divmod__

    def __and__(self, other: Value) -> NoReturn:
        _refuse(
            "&, | or ~ of traced values",
            "comparisons are 1.0 and 0.0: use ops.minimum for and, ops.maximum for or",
        )

    __rand__ = __or__ = __ror__ = __xor__ = __and__

    def __invert__(self) -> NoReturn:
        _refuse("~ of a traced value", "use 1 - cond")

    # NumPy.

    def __array__(self, *args: object, **kwargs: object) -> NoReturn:
        _refuse(
            f"an array of {self._called()} cannot be made: it has no numbers while a step is traced",
            "use the functions of ostinato.ops",
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Value, **kwargs: Any) -> Value:
        name = ufunc.__name__
        if method != "__call__":
            whole = {"add": "sum", "maximum": "max"}.get(name)
            _refuse(
                f"np.{name}.{method} of a traced value",
                _use_op(whole) if whole and method == "reduce" else _use_op(""),
            )
        if kwargs:
            _refuse(f"np.{name} with {', '.join(kwargs)}", "a traced step takes the plain call only")
        if name == "positive":
            return inputs[0]
        if name not in _UFUNCS:
            _refuse(f"np.{name} of a traced value has no op of its own", _use_op(name))
        return _UFUNCS[name](*inputs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> NoReturn:
        _refuse(f"np.{func.__name__} of a traced value", _use_op(func.__name__))

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UnknownNameError(f"a traced value has no .{name}; {_use_op(name)}")

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> NoReturn:
        name = getattr(func, "__name__", "function")
        _refuse(f"torch.{name} of a traced value", _use_op(name))


class Transposed(Symbolic):
    """`W.T` of a matrix: it can only be multiplied with a vector or a matrix."""

    __slots__ = ("matrix", "shape")
    __array_ufunc__ = None
    ndim = 2

    def __init__(self, matrix: Traced) -> None:
        """Represent the transpose of `matrix`."""
        self.matrix = matrix
        self.shape = matrix.shape[::-1]

    @property
    def T(self) -> Traced:
        """The matrix itself."""
        return self.matrix

    def record(self, row: Row, operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value:
        """Raise an error: only the product accepts a transpose."""
        self.refuse()

    def __matmul__(self, other: Value) -> Value:
        if isinstance(other, Traced) and other.ndim == 1:
            return ops.products._matmul(self.matrix, other, transpose=1)
        if isinstance(other, Traced | Transposed) and other.ndim == 2:
            return ops.transpose(self.matrix) @ other
        self.refuse()

    def refuse(self, *others: object) -> NoReturn:
        """Raise the TraceError that explains the use of a transpose."""
        _refuse("a transpose can only be multiplied", "write p.W.T @ v, or ops.transpose(p.W)")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = refuse
    __neg__ = __abs__ = __iter__ = __bool__ = __getitem__ = __array__ = refuse

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        self.refuse()


def _roles(row: Row, count: int) -> Sequence[str]:
    return row.operands * count if row.variadic else row.operands
