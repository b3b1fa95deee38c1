"""The functions of a graph without parameters: `concat`, `add`, `reverse`, `last`, `mean` and so on.

Steps beyond a row's length may hold anything here, so every function that goes over steps selects the valid
ones. Reversed sequences are not moved: a flag says that the steps count from the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ostinato_onnx.emitter import Emitter
from ostinato_onnx.value import Dims, Value, aligned, expanded


@dataclass(frozen=True)
class Sequenced:
    """A value of a graph on its axis. `mirrored`: each row is to be read from its last valid step."""

    value: Value
    axis: str
    mirrored: bool = False


class Surroundings(Protocol):
    """What a function needs of the exporter."""

    g: Emitter
    dims: Dims
    valid: dict[str, str | None]
    counts: dict[str, str]
    lengths: dict[str, str]


Move = Callable[[Any, list[Sequenced]], Sequenced]


def full(e: Surroundings, one: Sequenced) -> Value:
    """A sequence with all its steps, also if it is a repeated value of rows."""
    return expanded(e.g, e.dims, one.value, "TN", None, one.axis)


def plain(e: Surroundings, one: Sequenced) -> Sequenced:
    """The value with its steps in their order."""
    if not one.mirrored:
        return one
    g = e.g
    if one.axis in e.lengths:
        # a row of length 0 has nothing to reverse; ONNX does not promise to accept a 0
        lengths = g.op("Min", g.op("Max", e.lengths[one.axis], g.ints(1)), e.dims.steps[one.axis])
    else:
        lengths = g.op("Expand", e.dims.steps[one.axis], e.dims.rows)
    name = g.op("ReverseSequence", one.value.name, lengths, batch_axis=1, time_axis=0)
    return Sequenced(replace(one.value, name=name), one.axis)


def _joined(make: Callable[[Emitter, list[Value]], Value]) -> Move:
    def move(e: Surroundings, parts: list[Sequenced]) -> Sequenced:
        if len({one.mirrored for one in parts if "T" in one.value.lead}) > 1:
            parts = [plain(e, one) for one in parts]
        mirrored = any(one.mirrored for one in parts)
        axis = parts[0].axis
        if len({one.value.lead for one in parts}) > 1:
            return Sequenced(make(e.g, [full(e, one) for one in parts]), axis, mirrored)
        return Sequenced(make(e.g, [one.value for one in parts]), axis, mirrored)

    return move


def _concat(g: Emitter, values: list[Value]) -> Value:
    if len(values) == 1:
        return values[0]
    name = g.op("Concat", *(one.name for one in values), axis=-1)
    return replace(values[0], name=name, shape=(sum(one.shape[0] for one in values),))


def _add(g: Emitter, values: list[Value]) -> Value:
    return replace(values[0], name=g.op("Add", *(one.name for one in values)))


def _reverse(e: Surroundings, parts: list[Sequenced]) -> Sequenced:
    (one,) = parts
    if "T" not in one.value.lead:
        return one  # every step is the same
    return replace(one, mirrored=not one.mirrored)


def _slice(e: Surroundings, parts: list[Sequenced]) -> Sequenced:
    return parts[0]  # the columns were taken


def _repeat(e: Surroundings, parts: list[Sequenced]) -> Sequenced:
    axis = parts[1].axis if len(parts) > 1 else next(iter(e.dims.steps))
    return Sequenced(parts[0].value, axis)


def _masked(e: Surroundings, one: Sequenced, otherwise: float) -> Value:
    value, valid = full(e, one), e.valid[one.axis]
    if valid is None:
        return value
    truth = aligned(e.g, Value(valid, "TN", ()), "TN", len(value.shape))
    return replace(value, name=e.g.op("Where", truth, value.name, e.g.number(otherwise)))


def _over(e: Surroundings, value: Value, kind: str) -> Value:
    return replace(value, name=e.g.op(kind, value.name, e.g.ints(0), keepdims=0), lead="N")


def _of_none(e: Surroundings, value: Value, axis: str) -> Sequenced:
    """Zeros for rows of length 0."""
    if e.valid[axis] is None:
        return Sequenced(value, "row")
    some = e.g.op("Greater", e.counts[axis], e.g.number(0.0))
    truth = aligned(e.g, Value(some, "N", ()), "N", len(value.shape))
    return Sequenced(replace(value, name=e.g.op("Where", truth, value.name, e.g.number(0.0))), "row")


def _sum(e: Surroundings, parts: list[Sequenced]) -> Sequenced:
    return Sequenced(_over(e, _masked(e, parts[0], 0.0), "ReduceSum"), "row")


def _mean(e: Surroundings, parts: list[Sequenced]) -> Sequenced:
    total = _sum(e, parts).value
    count = e.g.op("Max", e.counts[parts[0].axis], e.g.number(1.0))
    return Sequenced(
        replace(total, name=e.g.op("Div", total.name, e.g.op("Unsqueeze", count, e.g.ints(1)))), "row"
    )


def _max(e: Surroundings, parts: list[Sequenced]) -> Sequenced:
    return _of_none(e, _over(e, _masked(e, parts[0], float("-inf")), "ReduceMax"), parts[0].axis)


def _end(e: Surroundings, one: Sequenced, last: bool) -> Sequenced:
    g, value = e.g, full(e, one)
    if last == one.mirrored:  # the step 0
        name = g.op("Gather", value.name, g.constant(0, "int64"), axis=0)
        return _of_none(e, replace(value, name=name, lead="N"), one.axis)
    if one.axis not in e.lengths:
        name = g.op("Gather", value.name, g.constant(-1, "int64"), axis=0)
        return Sequenced(replace(value, name=name, lead="N"), "row")
    size = g.op("Squeeze", e.dims.steps[one.axis], g.ints(0))
    places = g.op("Range", g.constant(0, "int64"), size, g.constant(1, "int64"))
    # a length above the number of steps counts as the number of steps
    ends = g.op("Sub", g.op("Min", e.lengths[one.axis], e.dims.steps[one.axis]), g.ints(1))
    hit = g.op("Equal", g.op("Unsqueeze", places, g.ints(1)), ends)
    truth = aligned(g, Value(hit, "TN", ()), "TN", len(value.shape))
    chosen = replace(value, name=g.op("Where", truth, value.name, g.number(0.0)))
    return Sequenced(_over(e, chosen, "ReduceSum"), "row")


MOVES: Mapping[str, Move] = {
    "concat": _joined(_concat),
    "add": _joined(_add),
    "reverse": _reverse,
    "slice": _slice,
    "repeat": _repeat,
    "sum": _sum,
    "mean": _mean,
    "max": _max,
    "last": lambda e, parts: _end(e, parts[0], True),
    "first": lambda e, parts: _end(e, parts[0], False),
}
