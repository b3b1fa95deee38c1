"""Reading a caller's arrays: dtype, rank, sizes, lengths, mask and ids, with errors that name the argument.

Whatever lies past a row's length or at a masked step is never looked at, except to overwrite ids there with 0
in a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, ShapeError
from ostinato.sequences.arrays import Array, as_flags, as_floats, as_integers, plain, within
from ostinato.sequences.axis import ROW, TIME
from ostinato.sequences.containers import is_frame, rows_in
from ostinato.sequences.meant import one_per_row, refuse_one_hot
from ostinato.sequences.packed import is_packed, rows_of

# Noise counts steps in 32 bits.
MOST_STEPS: Final = 2**32


@dataclass(frozen=True, eq=False)
class Batch:
    """The rows and steps of an input, which everything that goes along with it must have too.

    `lengths` is (N,) int64, or None where every row has all T steps. `mask` is (N, T) of booleans, False at
    steps to skip, or None. `ragged` says that x was a list of rows.
    `resets` is (N, T) of booleans or None: where rows begin anew. `first_step` is what step 0 counts as.
    `name` is what the input is called. `axis` is that of the sequences; `others` are the same rows on
    the other axes of a graph.
    """

    lengths: Array | None
    rows: int
    steps: int
    ragged: bool
    batch_first: bool
    resets: Array | None = None
    first_step: int = 0
    name: str = "x"
    axis: str = TIME
    others: tuple[Batch, ...] = ()
    mask: Array | None = None

    @property
    def extent(self) -> tuple[list[Array | None], list[Array | None], Array | None, int]:
        """The core's form."""
        axes = self.axes.values()
        return [one.lengths for one in axes], [one.mask for one in axes], self.resets, self.first_step

    @property
    def axes(self) -> dict[str, Batch]:
        """The rows and steps of each axis of sequences, in order."""
        return {one.axis: one for one in (self, *self.others)}

    def of(self, axis: str) -> Batch:
        """The rows and steps of an axis; of "row", those of the first."""
        return self if axis == ROW else self.axes[axis]

    @property
    def valid(self) -> Array | None:
        """(N, T) of booleans: the steps within the lengths that are not masked; None where all are valid."""
        if self.lengths is None:
            return self.mask
        inside = within(self.lengths, self.steps)
        return inside if self.mask is None else inside & self.mask

    def masked(self, mask: Any, argument: str = "mask") -> Batch:
        """The same with the mask that a caller gives, or None. Raises ShapeError, DTypeError."""
        return self if mask is None else replace(self, mask=read_steps(argument, mask, self, (), "bool"))

    def along(self, call: str, resets: Any, first_step: Any) -> Batch:
        """The same with the resets and the first step that a caller gives.

        Raises ShapeError, DTypeError, ConfigError.
        """
        if self.others and (resets is not None or first_step != 0):
            what = "first_step" if resets is None else "resets"
            raise ConfigError(
                f"{call}: {what} is given, but this network has sequences on several axes "
                f"({', '.join(map(repr, self.axes))}), which are no pieces of one stream; "
                f"expected {'0' if resets is None else 'None, and each sequence as a row of its own'}"
            )
        read = None if resets is None else read_steps("resets", resets, self, (), "bool")
        first = checks.whole(call, "first_step", first_step, at_least=0)
        if first + self.steps > MOST_STEPS:
            raise ConfigError(f"{call}: first_step is {first}; expected less than {MOST_STEPS} with all of x")
        # every call comes here, and a copy costs as much as the other checks together
        if read is self.resets and first == self.first_step:
            return self
        return replace(self, resets=read, first_step=first)

    def outward(self, array: Array) -> Array:
        """An (N, T, ...) result in the caller's axis order."""
        return array if self.batch_first else np.ascontiguousarray(array.swapaxes(0, 1))


def read_batch(
    x: Any,
    lengths: Any,
    width: int,
    limit: int | None,
    dtype: str,
    batch_first: bool,
    name: str = "x",
    axis: str = TIME,
    lengths_name: str = "lengths",
    mask: Any = None,
    mask_name: str = "mask",
) -> tuple[Array, Batch]:
    """The input of a network in the core's form, (N, T, F) floats or (N, T) int64, and its rows and steps.

    x: (N, T, width) floats, or (N, T) integers below `limit` if that is given; (T, N, ...) when not
    batch_first; or a list of rows (T_n, width) or (T_n,), whose lengths are their own, or those rows packed.
    `lengths_name` and `mask_name` are what lengths and mask are called. mask: (N, T) of booleans with x's
    axes, or a list of rows where x is one; or None.
    Raises ShapeError, DTypeError, ConfigError.
    """
    trailing = () if limit is not None else (width,)
    x = rows_of(name, x) if is_packed(x) else rows_in(name, x)
    if isinstance(x, (list, tuple)):
        if lengths is not None:
            raise ConfigError(
                f"{lengths_name} is given, but {name} is a list of rows, each of which has its own; expected "
                "None"
            )
        rows = [
            _row(f"{name}[{n}]", row, trailing, dtype if limit is None else None) for n, row in enumerate(x)
        ]
        array, counts = _pad(rows, trailing, dtype if limit is None else "int64")
        read: Array | None = counts
    else:
        array = as_floats(name, x, dtype) if limit is None else as_integers(name, x)
        if array.ndim != 2 + len(trailing) or array.shape[2:] != trailing:
            axes = ("N", "T") if batch_first else ("T", "N")
            expected = ", ".join([*axes, *map(str, trailing)])
            kind = "ids" if limit is not None else "features"
            raise ShapeError(
                f"{name} is {array.shape}; expected {kind} ({expected}){_hint(x, array, trailing)}"
            )
        array = _inward(array, batch_first)
        read = read_lengths(lengths, array.shape[0], array.shape[1], name, lengths_name)
    ragged = isinstance(x, (list, tuple))
    batch = Batch(read, array.shape[0], array.shape[1], ragged, batch_first, name=name, axis=axis).masked(
        mask, mask_name
    )
    return array if limit is None else ids_in_range(name, array, limit, batch.valid), batch


def read_lengths(
    lengths: Any, rows: int, steps: int, name: str = "x", argument: str = "lengths"
) -> Array | None:
    """Lengths (rows,) integers 0..steps as int64, or None. Raises ShapeError, DTypeError."""
    if lengths is None:
        return None
    array = as_integers(argument, lengths)
    if array.shape != (rows,):
        raise ShapeError(f"{argument} is {array.shape}; expected ({rows},), one for each row of {name}")
    wrong = np.flatnonzero((array < 0) | (array > steps))
    if wrong.size:
        n = wrong[0]
        raise ShapeError(f"{argument}[{n}] is {array[n]}; expected 0 to {steps}, the steps of {name}")
    return plain(array, "int64")


def read_steps(
    name: str,
    value: Any,
    batch: Batch,
    trailing: tuple[int, ...],
    dtype: str | None,
    limit: int | None = None,
    used: Array | None = None,
) -> Array:
    """An argument that goes along with x, step by step: mask, targets, weights, resets, d_outputs.

    (N, T) + trailing floats of `dtype` (or "bool"), or int64 below `limit` where dtype is None. A list of
    rows, or packed ones, are read where x was so. Ids are not read where `used`, (N, T) booleans, is False.
    Raises ShapeError, DTypeError, ConfigError.
    """
    if batch.ragged:
        value = rows_of(name, value) if is_packed(value) else rows_in(name, value)
    if batch.ragged and isinstance(value, (list, tuple)):
        rows = [_row(f"{name}[{n}]", row, trailing, dtype) for n, row in enumerate(value)]
        array, counts = _pad(rows, trailing, dtype or "int64")
        if counts.shape != (batch.rows,):
            raise ShapeError(f"{name} has {len(rows)} rows; {batch.name} has {batch.rows}")
        assert batch.lengths is not None
        wrong = np.flatnonzero(counts != batch.lengths)
        if wrong.size:
            n = wrong[0]
            raise ShapeError(f"{name}[{n}] has {counts[n]} steps; {batch.name}[{n}] has {batch.lengths[n]}")
    else:
        if not batch.ragged and (is_packed(value) or _uneven(value)):
            kind = "packed" if is_packed(value) else "a list of rows of different lengths"
            raise ShapeError(
                f"{name} is {kind}, {batch.name} is an array; give both as lists of rows, or both as arrays "
                "with lengths"
            )
        axes = (batch.rows, batch.steps) if batch.batch_first else (batch.steps, batch.rows)
        if limit is not None:
            refuse_one_hot(name, value, axes, limit)
        array = _read(name, value, dtype)
        if array.shape != (*axes, *trailing):
            size = f", as {batch.name} has {batch.rows} rows of {batch.steps} steps"
            why = (
                "" if array.shape[:2] == axes else size + one_per_row(name, array.shape, batch.rows, trailing)
            )
            raise ShapeError(f"{name} is {array.shape}; expected {(*axes, *trailing)}{why}")
        array = _inward(array, batch.batch_first)
    if limit is None:
        return array
    valid = batch.valid
    if used is not None:
        valid = used if valid is None else valid & used
    return ids_in_range(name, array, limit, valid)


def read_rows(
    name: str,
    value: Any,
    rows: int,
    trailing: tuple[int, ...],
    dtype: str | None,
    limit: int | None = None,
    used: Array | None = None,
) -> Array:
    """An argument that has one value for each row: (N,) + trailing floats of `dtype`, or int64 below `limit`.

    Ids are not read where `used`, (N,) booleans, is False. Raises ShapeError, DTypeError, ConfigError.
    """
    if limit is not None:
        refuse_one_hot(name, value, (rows,), limit)
    array = _read(name, value, dtype)
    if array.shape != (rows, *trailing):
        raise ShapeError(f"{name} is {array.shape}; expected {(rows, *trailing)}, one value for each row")
    if limit is None:
        return array
    if used is not None:
        array = np.where(used, array, 0)
    wrong = np.flatnonzero((array < 0) | (array >= limit))
    if wrong.size:
        n = wrong[0]
        raise ConfigError(_bad_id(name, int(array[n]), f"row {n}", limit))
    return plain(array, "int64")


def ids_in_range(name: str, ids: Array, limit: int, valid: Array | None) -> Array:
    """Ids (N, T) as contiguous int64 in 0..limit-1, 0 where `valid` (N, T) is False.

    Raises ConfigError naming the first bad one.
    """
    bad = (ids < 0) | (ids >= limit)
    if bad.any():
        if valid is not None:
            ids, bad = np.where(valid, ids, 0), bad & valid
        if bad.any():
            n, t = np.argwhere(bad)[0]
            raise ConfigError(_bad_id(name, int(ids[n, t]), f"row {n}, step {t}", limit))
    return plain(ids, "int64")


def _bad_id(name: str, found: int, place: str, limit: int) -> str:
    """What is wrong with an id; of a target that marks a step to leave out, what to write."""
    message = f"{name} holds the id {found} ({place}); expected ids from 0 to {limit - 1}"
    marks = name.startswith("targets") and found < 0
    return f"{message}. To leave such targets out, give weights= that are 0 there" if marks else message


def _read(name: str, value: Any, dtype: str | None) -> Array:
    """Floats of `dtype`, booleans where that is "bool", integers where it is None."""
    if dtype is None:
        return as_integers(name, value)
    return as_flags(name, value) if dtype == "bool" else as_floats(name, value, dtype)


def _inward(array: Array, batch_first: bool) -> Array:
    return np.ascontiguousarray(array if batch_first else array.swapaxes(0, 1))


def _row(name: str, row: Any, trailing: tuple[int, ...], dtype: str | None) -> Array:
    array = _read(name, row, dtype)
    if array.shape == (0,):
        array = array.reshape(0, *trailing)
    if array.ndim != 1 + len(trailing) or array.shape[1:] != trailing:
        raise ShapeError(f"{name} is {array.shape}; expected ({', '.join(['T', *map(str, trailing)])})")
    return array


def _pad(rows: Sequence[Array], trailing: tuple[int, ...], dtype: str) -> tuple[Array, Array]:
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    padded = np.zeros((len(rows), int(lengths.max(initial=0)), *trailing), dtype=dtype)
    for n, row in enumerate(rows):
        padded[n, : len(row)] = row
    return padded, lengths


def _uneven(value: Any) -> bool:
    """Whether this is a list of rows that do not all have the same number of steps."""
    if not isinstance(value, (list, tuple)):
        return False
    return len({len(row) for row in value if isinstance(row, (list, tuple)) or np.ndim(row)}) > 1


def _hint(given: Any, array: Array, trailing: tuple[int, ...]) -> str:
    if array.ndim == 1 + len(trailing) and array.shape[1:] == trailing:
        if is_frame(given):
            return "; write [x] for a single sequence, or a list such as [one for _, one in x.groupby('id')]"
        return "; for a single sequence write x[None]"
    return ""
