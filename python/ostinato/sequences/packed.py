"""Packed sequences: all steps of all rows without padding, step by step, as PyTorch packs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np

from ostinato.brief import call
from ostinato.errors import DTypeError, ShapeError, shown
from ostinato.sequences.arrays import Array, as_array, as_integers, within
from ostinato.sequences.containers import rows_in


@dataclass(frozen=True, eq=False)
class Packed:
    """Rows of different lengths as one array: step 0 of all rows, then step 1 of those that have one, ...

    `data` (sum of lengths, ...); `batch_sizes` (T,) is the number of rows that have each step; it never
    rises. `sorted_indices` (N,) is the caller's index of each row, longest first; None if the order is the
    caller's. Fields and meaning are those of torch.nn.utils.rnn.PackedSequence, which is accepted in the same
    places.
    """

    data: Array
    batch_sizes: Array
    sorted_indices: Array | None = None

    def __repr__(self) -> str:
        return call(self, self.data, batch_sizes=self.batch_sizes, sorted_indices=self.sorted_indices)


def is_packed(value: Any) -> TypeGuard[Any]:
    """Whether this is a Packed, or PyTorch's."""
    return hasattr(value, "batch_sizes") and hasattr(value, "data")


def pack(x: Any, lengths: Any = None) -> Packed:
    """Packs a list of rows (T_n, ...), or an array (N, T, ...) with `lengths` (N,), None for T each.

    Raises ShapeError, also for rows of length 0, which the form cannot hold; PyTorch rejects them too.
    """
    x = rows_in("x", x)
    if isinstance(x, (list, tuple)):
        if lengths is not None:
            raise ShapeError("lengths is given, but x is a list of rows, each of which has its own")
        rows = [as_array(f"x[{n}]", row) for n, row in enumerate(x)]
    else:
        array = as_array("x", x)
        if array.ndim < 2:
            raise ShapeError(f"x is {array.shape}; expected (N, T, ...), or a list of rows")
        most = array.shape[1]
        counts = np.full(len(array), most) if lengths is None else as_integers("lengths", lengths)
        if counts.shape != array.shape[:1]:
            raise ShapeError(f"lengths is {counts.shape}; expected ({len(array)},), one for each row of x")
        if counts.size and not 1 <= counts.min() <= counts.max() <= most:
            raise ShapeError(f"lengths is {shown(counts)}; expected 1 to {most}, the steps of x")
        rows = [row[:count] for row, count in zip(array, counts, strict=True)]
    if any(row.dtype.kind not in "biufc" for row in rows):
        raise DTypeError(f"x is {shown(x)}; expected arrays of numbers")
    if not rows or any(row.ndim == 0 or not len(row) or row.shape[1:] != rows[0].shape[1:] for row in rows):
        raise ShapeError("x has no rows, rows without steps, or steps of different shapes; nothing to pack")
    counts = np.array([len(row) for row in rows])
    order = np.argsort(-counts, kind="stable")
    sizes = within(counts, int(counts.max())).sum(axis=0)
    steps = [np.stack([rows[n][t] for n in order[:size]]) for t, size in enumerate(sizes)]
    return Packed(np.concatenate(steps), sizes, order)


def rows_of(name: str, packed: Any) -> list[Array]:
    """The rows of a packed argument in the caller's order. Raises ShapeError, DTypeError naming it."""
    data, sizes = np.asarray(packed.data), np.asarray(packed.batch_sizes)
    if sizes.dtype.kind not in "iu" or sizes.ndim != 1:
        raise DTypeError(f"{name}.batch_sizes is {sizes.dtype} {sizes.shape}; expected integers (T,)")
    if not len(sizes) or sizes[-1] < 1 or (np.diff(sizes) > 0).any() or data.shape[:1] != (sizes.sum(),):
        raise ShapeError(
            f"{name} is no packed sequence: batch_sizes is {sizes.tolist()[:8]}; expected numbers above 0 "
            f"that never rise and add up to the {len(data) if data.ndim else 0} steps of data"
        )
    order = getattr(packed, "sorted_indices", None)
    order = np.arange(sizes[0]) if order is None else np.asarray(order)
    if sorted(order.tolist()) != list(range(int(sizes[0]))):
        raise ShapeError(
            f"{name}.sorted_indices is {order.tolist()[:8]}; expected each of {sizes[0]} rows once"
        )
    starts = np.concatenate([[0], np.cumsum(sizes)])
    rows: list[Array] = [data[:0]] * int(sizes[0])
    for place, row in enumerate(order):
        alive = int((sizes > place).sum())
        rows[int(row)] = data[starts[:alive] + place]
    return rows


def unpack(packed: Any) -> tuple[Array, Array]:
    """The rows of a Packed as (N, T, ...) with zeros as padding, and their lengths (N,).

    Raises ShapeError, DTypeError.
    """
    if not is_packed(packed):
        raise DTypeError(f"packed is {shown(packed)}; expected what ostinato.data.pack or PyTorch packs")
    rows = rows_of("packed", packed)
    return padded(rows), np.array([len(row) for row in rows], dtype=np.int64)


def padded(rows: Sequence[Array]) -> Array:
    """Rows (T_n, ...) of one type as (N, T, ...), with zeros as padding."""
    longest = max((len(row) for row in rows), default=0)
    array = np.zeros((len(rows), longest, *rows[0].shape[1:]), dtype=rows[0].dtype)
    for place, row in zip(array, rows, strict=True):
        place[: len(row)] = row
    return array
