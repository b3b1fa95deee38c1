"""Ops over the entries of a memory: `ops.entries.sum(weight * memory.source)`.

A value *on entries* has one vector, matrix or number for each entry of a memory: the memory itself, and
what is computed with it. All other ops work on it entry by entry, and a value of the row is the same at
each entry. The ops here go over the entries: `sum`, `mean`, `max`, `argmax`, `logsumexp` and `count` return a
value of the row, `softmax` and `position` a value on entries. Without entries, the sum, the mean and the
maximum are 0, and the log of the sum is -inf.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from ostinato import checks
from ostinato.errors import ShapeError, TraceError, shown
from ostinato.ops.elementwise import stop_gradient
from ostinato.ops.pairs import equal, where
from ostinato.ops.shaping import concat, reshape
from ostinato.ops.table import Row, Symbolic, Value
from ostinato.settings import ignoring

MOST_PLACES: Final = 1000

TABLE: dict[str, Row] = {}
"""The ops over entries, by their names in programs.

They have a table of their own, because an eager form takes all entries of a row, (S, ...).
"""

__all__ = [
    "TABLE",
    "argmax",
    "count",
    "logsumexp",
    "max",
    "mean",
    "position",
    "shift",
    "softmax",
    "sum",
    "window",
]


def _enter(name: str, eager: Callable[[Value], Value]) -> Callable[[Value], Value]:
    """Add an op to the table; `eager` takes an array (S, ...) with all entries of the row."""
    row = TABLE[f"entries_{name}"] = Row(f"entries_{name}", ("v",), (), False, eager)

    def call(v: Value) -> Value:
        if not isinstance(v, Symbolic):
            raise _on_row(name, v)
        return v.record(row, [v], {})

    return call


def _on_row(name: str, v: Value) -> ShapeError:
    return ShapeError(
        f"entries.{name}: v is {shown(v)}, a value of the row; expected a value on the entries of a memory"
    )


def _shift(v: Value, by: int) -> Value:
    result = np.zeros_like(v)
    if 0 <= by < len(v):
        result[by:] = v[: len(v) - by]
    elif -len(v) < by < 0:
        result[:by] = v[-by:]
    return result


def _softmax(v: Value) -> Value:
    if not len(v):
        return v
    powers = np.exp(v - np.max(v, axis=0))
    return powers / np.sum(powers, axis=0)


def _logsumexp(v: Value) -> Value:
    peak = np.max(v, axis=0) if len(v) else np.zeros(np.shape(v)[1:], v.dtype)
    peak = np.where(np.isfinite(peak), peak, np.zeros_like(peak))
    return ignoring(np.log, np.sum(np.exp(v - peak), axis=0)) + peak


_sum = _enter("sum", lambda v: np.sum(v, axis=0))
_mean = _enter("mean", lambda v: np.sum(v, axis=0) / np.maximum(len(v), 1))
_max = _enter("max", lambda v: np.max(v, axis=0) if len(v) else np.sum(v, axis=0))
_logsumexp_of = _enter("logsumexp", _logsumexp)
_softmax_of = _enter("softmax", _softmax)
_count = _enter("count", lambda v: v.dtype.type(len(v)))
_position = _enter("position", lambda v: np.arange(len(v), dtype=v.dtype))


TABLE["entries_shift"] = Row("entries_shift", ("v",), ("by",), False, _shift)


def shift(v: Value, by: int) -> Value:
    """The values moved `by` entries towards the end, or for a negative number towards the start.

    Entry s has the value of entry s - by; 0 beyond the ends. Raises TraceError for anything but a whole
    number.
    """
    if isinstance(by, bool) or not isinstance(by, int | np.integer):
        raise TraceError(f"entries.shift: by is {shown(by)}; expected a whole number, fixed in the step")
    row = TABLE["entries_shift"]
    if not isinstance(v, Symbolic):
        raise _on_row("shift", v)
    return v.record(row, [v], {"by": int(by)})


def window(v: Value, radius: int) -> Value:
    """The values of the 2 radius + 1 entries around each entry, side by side: v () -> (2 radius + 1,).

    A vector (n,) becomes ((2 radius + 1) n,): the entry `radius` places before comes first. 0 beyond the
    ends.
    """
    radius = checks.count("entries.window", "radius", radius, at_least=0)
    if radius > MOST_PLACES:
        raise TraceError(f"entries.window: radius is {shown(radius)}; expected at most {MOST_PLACES}")
    parts = [shift(v, by) for by in range(radius, -radius - 1, -1)]
    return concat(*(one if one.ndim else reshape(one, (1,)) for one in parts))


def sum(v: Value) -> Value:
    """The sum over the entries, feature by feature."""
    return _sum(v)


def mean(v: Value) -> Value:
    """The mean over the entries, feature by feature."""
    return _mean(v)


def max(v: Value) -> Value:
    """The maximum over the entries, feature by feature; equal maxima share the gradient equally."""
    return _max(v)


def argmax(v: Value) -> Value:
    """The index of the entry with the maximum, from 0, feature by feature; no gradient.

    Of equal maxima, the first one; 0 without entries. It is a number, not an id.
    """
    total = count(v)
    found: Value = total - max(where(equal(v, max(v)), total - position(v), 0.0))
    return stop_gradient(found)


def logsumexp(v: Value) -> Value:
    """Log of the sum of e^v over the entries, without overflow."""
    return _logsumexp_of(v)


def softmax(v: Value) -> Value:
    """e^v / (sum of e^v over the entries), feature by feature, without overflow."""
    return _softmax_of(v)


def count(v: Value) -> Value:
    """The number of entries on which `v` lies, as a number of the row."""
    return _count(v)


def position(v: Value) -> Value:
    """The index of each entry in its row, from 0."""
    return _position(v)
