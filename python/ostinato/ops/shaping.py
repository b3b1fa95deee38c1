"""Ops that move elements and compute nothing: slice, split, concat, broadcast_to, reshape, transpose."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ostinato import checks
from ostinato.dims import describe
from ostinato.errors import ShapeError, shown
from ostinato.ops.table import Value, composed, op


@op("start", "stop")
def slice(v: Value, start: int, stop: int) -> Value:
    """Rows start to stop - 1 along the first axis; usually written `v[start:stop]`."""
    if not 0 <= start <= stop <= len(v):
        raise ShapeError(
            f"slice: start is {shown(start)}, stop {shown(stop)}; expected a part of the first axis of v, "
            f"{np.shape(v)}"
        )
    return v[start:stop]


@op(name="concat")
def _concat(*values: Value) -> Value:
    return np.concatenate([np.atleast_1d(one) for one in values])  # a number is a vector of one


@composed
def concat(*values: Value) -> Value:
    """Concatenate vectors (matrices along the first axis); takes values, or one list of them."""
    if len(values) == 1 and isinstance(values[0], list | tuple):
        values = tuple(values[0])
    if not values:
        raise ShapeError("concat: got no values; expected at least one")
    return values[0] if len(values) == 1 else _concat(*values)


@op("shape")
def broadcast_to(x: Value, shape: Sequence[int]) -> Value:
    """Repeat x to fill `shape`, by NumPy's rules."""
    return np.broadcast_to(x, tuple(shape))


@op("shape", name="reshape")
def _reshape(x: Value, shape: Sequence[int]) -> Value:
    return np.reshape(x, tuple(shape))


@composed
def reshape(x: Value, shape: Sequence[int]) -> Value:
    """The same elements in row-major order, as `shape`; one size may be -1, to be inferred."""
    sizes, have = list(shape), tuple(x.shape)
    if -1 in sizes:
        rest = math.prod(size for size in sizes if size != -1)
        if sizes.count(-1) > 1 or rest == 0 or math.prod(have) % rest:
            raise ShapeError(
                f"reshape: x is {describe(have)}, which does not divide into shape {tuple(sizes)}"
            )
        sizes[sizes.index(-1)] = math.prod(have) // rest
    if math.prod(sizes) != math.prod(have):
        raise ShapeError(
            f"reshape: x is {describe(have)}; expected as many elements as shape {describe(sizes)}"
        )
    return _reshape(x, tuple(sizes))


@op()
def transpose(x: Value) -> Value:
    """The transpose of a matrix: (a, b) becomes (b, a)."""
    if np.ndim(x) != 2:
        raise ShapeError(f"transpose: x is {np.shape(x)}; expected a matrix")
    return np.transpose(x)


@composed
def split(v: Value, parts: int | Sequence[int]) -> tuple[Value, ...]:
    """Split along the first axis: into `parts` equal pieces, or into pieces of the given sizes.

    Raises ShapeError if the pieces do not fill the axis exactly.
    """
    length = v.shape[0]
    checks.by_type("split", "parts", "int | Sequence[int]", parts)
    if isinstance(parts, int):
        if parts < 1 or length % parts:
            raise ShapeError(
                f"split: the first axis of v of {shown(length)} does not divide into {shown(parts)} equal "
                "parts"
            )
        sizes: list[int] = [length // parts] * parts
    else:
        sizes = list(parts)
        if sum(sizes) != length or min(sizes, default=0) < 0:
            raise ShapeError(
                f"split: the parts {describe(sizes)} do not add up to the first axis of v of {shown(length)}"
            )
    pieces, start = [], 0
    for size in sizes:
        pieces.append(slice(v, start, start + size))
        start = start + size
    return tuple(pieces)
