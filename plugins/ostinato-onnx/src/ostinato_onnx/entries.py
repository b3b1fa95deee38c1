"""The ONNX expressions of the ops over the entries of a memory.

The axis S of the entries stands before the axes of the feature. Entries beyond a row's length may hold
anything, so every op that goes over them selects the valid ones first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ostinato_onnx import special
from ostinato_onnx.context import Context, Expression
from ostinato_onnx.value import Value, aligned

Node = Mapping[str, Any]


def _valid(c: Context, value: Value, otherwise: float) -> Value:
    """The value, and a number at entries that are not valid."""
    mask = c.masks[value.entries or ""]
    if mask is None:
        return value
    truth = aligned(c.g, Value(mask, "NS", (), value.entries), "NS", len(value.shape))
    return c.like_where(truth, value, c.number(otherwise))


def _any(c: Context, value: Value, axis: str) -> Value:
    """The value of rows, and 0 for rows without entries."""
    if c.masks[axis] is None:
        return value
    count = Value(c.counts[axis], "N", ())
    truth = c.elementwise("Greater", [count, c.number(0.0)])
    return c.like_where(aligned(c.g, truth, "N", len(value.shape)), value, c.number(0.0))


def _over(c: Context, kind: str, value: Value, keepdims: bool = False) -> Value:
    axes = c.g.ints(-1 - len(value.shape))
    name = c.g.op(kind, value.name, axes, keepdims=int(keepdims))
    if keepdims:
        return replace(value, name=name, truth=None)
    return replace(value, name=name, lead=value.lead.replace("S", ""), entries=None, truth=None)


def _sum(c: Context, node: Node, args: list[Value]) -> Value:
    return _over(c, "ReduceSum", _valid(c, args[0], 0.0))


def _mean(c: Context, node: Node, args: list[Value]) -> Value:
    count = c.elementwise("Max", [_count(c, node, args), c.number(1.0)])
    return c.elementwise("Div", [_sum(c, node, args), count])


def _max(c: Context, node: Node, args: list[Value]) -> Value:
    top = _over(c, "ReduceMax", _valid(c, args[0], float("-inf")))
    return _any(c, top, args[0].entries or "")


def _logsumexp(c: Context, node: Node, args: list[Value]) -> Value:
    x = _valid(c, args[0], float("-inf"))
    peak = special.finite(c, _over(c, "ReduceMax", x))
    total = _over(c, "ReduceSum", c.like(c.elementwise("Sub", [x, peak]), "Exp"))
    return c.elementwise("Add", [c.like(total, "Log"), peak])


def _softmax(c: Context, node: Node, args: list[Value]) -> Value:
    x = _valid(c, args[0], float("-inf"))
    peak = special.finite(c, _over(c, "ReduceMax", x))
    powers = c.like(c.elementwise("Sub", [x, peak]), "Exp")
    shares = c.elementwise("Div", [powers, _over(c, "ReduceSum", powers)])
    return _valid(c, shares, 0.0)  # a row without entries has no sum to divide by


def _shift(c: Context, node: Node, args: list[Value]) -> Value:
    g, by = c.g, int(node["by"])
    value = _valid(c, args[0], 0.0)
    if not by:
        return value
    axis = g.ints(-1 - len(value.shape))
    before, after = (by, 0) if by > 0 else (0, -by)
    padded = g.op("Pad", value.name, g.ints(before, after), g.number(0.0), axis)
    size = c.dims.steps[value.entries or ""]
    start = g.ints(after)
    name = g.op("Slice", padded, start, g.op("Add", size, start), axis)
    return replace(value, name=name, truth=None)


def _repeat(c: Context, node: Node, args: list[Value]) -> Value:
    raise c.refused("entries_repeat", "write the step without derivatives")


def _count(c: Context, node: Node, args: list[Value]) -> Value:
    return Value(c.counts[args[0].entries or ""], "N", ())


def _position(c: Context, node: Node, args: list[Value]) -> Value:
    g, entries = c.g, args[0].entries or ""
    size = g.op("Squeeze", c.dims.steps[entries], g.ints(0))
    places = g.op("Range", g.constant(0, "int64"), size, g.constant(1, "int64"))
    row = g.op("Unsqueeze", g.op("Cast", places, to=g.float_type), g.ints(0))
    shape = g.op("Concat", c.dims.rows, c.dims.steps[entries], axis=0)
    return Value(g.op("Expand", row, shape), "NS", (), entries)


ENTRIES: dict[str, Expression] = {
    "entries_sum": _sum,
    "entries_mean": _mean,
    "entries_max": _max,
    "entries_logsumexp": _logsumexp,
    "entries_softmax": _softmax,
    "entries_shift": _shift,
    "entries_repeat": _repeat,
    "entries_count": _count,
    "entries_position": _position,
}
