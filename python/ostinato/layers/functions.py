"""Functions of symbols: values of a graph made of others without parameters."""

from __future__ import annotations

import math
from typing import Any

from ostinato import checks
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.foreign.calls import hinted
from ostinato.network.check import size as checked_size
from ostinato.network.symbol import (
    Symbol,
    check_symbols,
    combined,
    count_of_states,
    sequence_input,
)
from ostinato.sequences.axis import ROW, TIME, Axis


@hinted("Input")
def Input(name: str, *, size: int | None = None, ids: int | None = None, axis: Axis = TIME) -> Symbol:
    """An input of a graph, called `name`.

    Args:
        name: what `run` and `value_and_grad` call it.
        size: features per step, or per row; floats (N, T, size), or (N, size).
        ids: instead of `size`: the input holds ids 0..ids-1, integers (N, T), or (N,).
        axis: "row" for one value of each row; another name for a sequence. The sequences on one axis have the
            same lengths; sequences that have lengths of their own lie on an axis of their own, such as
            "source" and "target".

    Raises ConfigError unless exactly one of `size` and `ids` is given.
    """
    if not isinstance(name, str) or not name:
        raise ConfigError(f"Input: name is {shown(name)}; expected a text")
    if not isinstance(axis, str) or not axis:
        raise ConfigError(f"Input {shown(name)}: axis is {shown(axis)}; expected a text")
    if axis != ROW and axis.lower().rstrip("s") == ROW:
        raise ConfigError(
            f"Input {shown(name)}: axis is {shown(axis)}; did you mean {shown(ROW)}, one value of each row?"
        )
    if (size is None) == (ids is None):
        raise ConfigError(f"Input {shown(name)}: give either size, for features, or ids, the number of ids")
    if ids is not None:
        return Symbol("input", (), 1, axis, checked_size(f"Input {name!r}", "ids", ids), name)
    return Symbol("input", (), checked_size(f"Input {name!r}", "size", size), axis, None, name)


@hinted("concat")
def concat(*values: Any) -> Symbol:
    """The features of all values side by side; takes symbols of one axis, or one list of them, and no `axis`.

    Raises ShapeError for a sequence with a value of rows: write `repeat(row, like)` for the row. Sequences
    of two axes have different lengths and cannot be concatenated: reduce one of them, with `last` or `mean`.
    """
    if len(values) == 1 and isinstance(values[0], (list, tuple)):
        values = tuple(values[0])
    if not values:
        raise ShapeError("concat: no values; expected at least one")
    check_symbols("concat", values)
    return combined("concat", *values)


def add(a: Symbol, b: Symbol) -> Symbol:
    """`a + b`, feature by feature. Raises ShapeError when their widths or axes differ."""
    check_symbols("add", a=a, b=b)
    return combined("add", a, b)


def slice(x: Symbol, start: int, stop: int) -> Symbol:
    """The features `start` to `stop` - 1: (N, T, F) -> (N, T, stop - start). Written `x[..., 2:5]` too.

    Raises ShapeError unless 0 <= start < stop <= F.
    """
    check_symbols("slice", x=x)
    start = checks.count("slice", "start", start, at_least=0)
    return combined("slice", x, columns=(start, checks.count("slice", "stop", stop, at_least=0)))


def reverse(x: Symbol) -> Symbol:
    """A sequence with each row turned round within its own length."""
    check_symbols("reverse", x=x)
    if x.axis == ROW:
        raise ShapeError(f"reverse: {shown(x)} has no time axis; expected a sequence")
    return combined("reverse", x)


def last(x: Symbol) -> Symbol:
    """The last valid step of each row: (N, T, F) -> (N, F), zeros for a row of length 0.

    Of a bidirectional layer the end of each direction: `[last step of forward; first step of backward]`. So
    take it of the layer itself: of `concat(layer(x), y)`, or of a Dense after the layer, it is the last step,
    where the backward direction has read one step only. Raises ShapeError for a value of rows.
    """
    check_symbols("last", x=x)
    return combined("last", x)


def first(x: Symbol) -> Symbol:
    """The first valid step of each row: (N, T, F) -> (N, F), zeros for a row of length 0."""
    check_symbols("first", x=x)
    return combined("first", x)


def mean(x: Symbol) -> Symbol:
    """The mean over the valid steps of each row: (N, T, F) -> (N, F), zeros for a row of length 0."""
    check_symbols("mean", x=x)
    return combined("mean", x)


def max(x: Symbol) -> Symbol:
    """The largest of the valid steps, for each feature: (N, T, F) -> (N, F), zeros for a row of length 0.

    The gradient goes to the first of equal steps; NaN where a step is NaN.
    """
    check_symbols("max", x=x)
    return combined("max", x)


def sum(x: Symbol) -> Symbol:
    """The sum over the valid steps of each row: (N, T, F) -> (N, F), zeros for a row of length 0."""
    check_symbols("sum", x=x)
    return combined("sum", x)


def repeat(row: Symbol, like: Symbol) -> Symbol:
    """A value of rows at every step of the sequence `like`: (N, F) -> (N, T, F).

    The sequences of an axis have the same steps, so only the input that `like` is made of becomes a
    part of the graph, for its axis.
    Raises ShapeError for a sequence as `row` and a value of rows as `like`.
    """
    check_symbols("repeat", row=row, like=like)
    if like.axis == ROW:
        raise ShapeError(
            f"repeat: like is {shown(like)}; expected a sequence, whose steps the row is to have"
        )
    return combined("repeat", row, sequence_input(like))


def final_state(y: Symbol, name: str, place: int | None = None) -> Symbol:
    """The state of a layer after the last valid step of each row: a value of rows (N, size).

    y: what the layer returned: `y = ost.GRU(3, 8)(x)`; of a layer that is called twice, the state of
    this call. name: of the state, as in `state_shapes` of the layer: "h".
    place: of a state of several layers or directions, which one, as `Run.final_state` orders them: l0
    forward, l0 backward, l1 forward, ... The backward direction ends at the first step of a row.

    A row of length 0 has its initial state. Raises ConfigError for a symbol that no layer made, an
    unknown name and a missing place.
    """
    check_symbols("final_state", y=y)
    if y.op != "layer":
        raise ConfigError(
            f"final_state: y is {shown(y)}, which is not the output of a layer; expected a layer called "
            "with a symbol"
        )
    count = count_of_states(y.layer, name)
    if place is None and count > 1:
        raise ConfigError(
            f"final_state: {shown(y.layer)} has {count} states {shown(name)} (layers * directions); give "
            "place, 0 to "
            f"{count - 1}, or concat all: ost.concat(ost.final_states(y)[{shown(name)}])"
        )
    place = checks.whole("final_state", "place", 0 if place is None else place, at_least=0)
    if place >= count:
        raise ConfigError(f"final_state: place is {place}; expected 0 to {count - 1}")
    width = math.prod(y.layer.state_shapes[name][1:])
    return Symbol("final", (y,), width, ROW, places=((name, place),))


def final_states(y: Symbol) -> dict[str, list[Symbol]]:
    """All final states of a layer by name, each as `final_state`, in the order of layers and directions.

    It is what a layer of the same states takes as `initial_state`. Raises ConfigError as `final_state`.
    """
    check_symbols("final_states", y=y)
    shapes = y.layer.state_shapes if y.op == "layer" else {}
    if not shapes:
        raise ConfigError(f"final_states: y is {shown(y)}, which is not the output of a layer with states")
    return {name: [final_state(y, name, place) for place in range(shapes[name][0])] for name in shapes}
