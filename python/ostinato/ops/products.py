"""Ops that contract or look up: `W @ v`, dot, table rows and single elements by id.

Ids are integers from 0; an id out of range raises ShapeError (NumPy would count from the end).
"""

from __future__ import annotations

import operator

import numpy as np

from ostinato.errors import DTypeError, ShapeError, shown
from ostinato.ops.table import Value, composed, op


def _checked_id(index: Value, limit: int, op: str, of: str) -> int:
    try:
        id_ = operator.index(index)
    except TypeError:
        raise DTypeError(f"{op}: index is {shown(index)}; expected an id, an integer") from None
    if not 0 <= id_ < limit:
        raise ShapeError(f"{op}: index is {shown(id_)}, out of range; expected 0 to {limit - 1}, as {of} has")
    return id_


@op("transpose", name="matmul")
def _matmul(w: Value, v: Value, transpose: int = 0) -> Value:
    return np.matmul(np.transpose(w) if transpose else w, v)


@op(name="product")
def _product(a: Value, b: Value) -> Value:
    return np.matmul(a, b)


@composed
def matmul(w: Value, v: Value) -> Value:
    """W @ v: a matrix (a, b), or its transpose `w.T`, times a vector (b,); the result is (a,).

    Two matrices (a, b) and (b, c) make a matrix (a, c). A product with a parameter matrix on the left and a
    vector is one big product for all rows; every other product is computed row by row.
    """
    return w @ v


@op()
def outer(a: Value, b: Value) -> Value:
    """The outer product of two vectors (m,) and (n,): (m, n), with the elements a[i] * b[j]."""
    if np.ndim(a) != 1 or np.ndim(b) != 1:
        raise ShapeError(f"outer: a is {np.shape(a)} and b is {np.shape(b)}; expected two vectors")
    return np.outer(a, b)


@op()
def dot(a: Value, b: Value) -> Value:
    """The sum of a * b: two vectors (n,), one number."""
    if np.ndim(a) != 1 or np.shape(a) != np.shape(b):
        raise ShapeError(
            f"dot: a is {np.shape(a)} and b is {np.shape(b)}; expected two vectors of one length"
        )
    return np.dot(a, b)


@op()
def lookup(table: Value, index: Value) -> Value:
    """Row `index` of a parameter table (V, D): (D,)."""
    return table[_checked_id(index, len(table), "lookup", "table")]


@op()
def pick(v: Value, index: Value) -> Value:
    """Element `index` of a vector (n,): one number."""
    return v[_checked_id(index, len(v), "pick", "v")]


@op()
def take(v: Value, places: Value) -> Value:
    """The elements of a vector (n,) at `places` (m,), numbers from 0: (m,), without a gradient of the places.

    A place is rounded down; beyond the ends, as at -1 for "none", the result is 0.
    """
    if np.ndim(v) != 1 or np.ndim(places) != 1:
        raise ShapeError(f"take: v is {np.shape(v)} and places is {np.shape(places)}; expected two vectors")
    inside = (places >= 0) & (places < len(v))
    return np.where(inside, v[np.where(inside, places, 0).astype(int)], np.zeros((), np.asarray(v).dtype))


@op("size")
def one_hot(index: Value, size: int) -> Value:
    """A vector (size,) of zeros with 1.0 at `index`; float64 in its eager form."""
    result = np.zeros(size)
    result[_checked_id(index, size, "one_hot", "size")] = 1.0
    return result
