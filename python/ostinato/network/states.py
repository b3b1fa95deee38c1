"""States between the caller's form and the core's.

The caller has a dict: name -> (num_layers * num_directions, N, size), in the order l0 forward, l0 backward,
l1 forward, ... The core has slots, one (N, size) array each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ostinato.errors import ConfigError, DTypeError, ShapeError, a_type, shown
from ostinato.network.graph import Graph
from ostinato.sequences.arrays import Array, as_floats


def to_slots(
    argument: str,
    state: Any,
    graph: Graph,
    rows: int,
    dtype: str,
    *,
    partial: bool = False,
    settable: bool = True,
    among: Sequence[str] | None = None,
) -> list[Array | None]:
    """One array per slot, None for zeros. `partial` allows names to be left out.

    `settable`: of the states that `state` of a call sets, without those that start from values of the graph.
    `among`: the names that there are; None for all of the network.

    Raises DTypeError when it is no mapping, ConfigError for unknown or missing names, ShapeError for wrong
    shapes.
    """
    slots: list[Array | None] = [None] * len(graph.slots)
    if state is None:
        return slots
    if not isinstance(state, Mapping):
        raise DTypeError(f"{argument} is {a_type(state)}; expected a dict of arrays by state name")
    bridged = graph.bridged if settable else []
    for name in bridged:
        if name in state:
            raise ConfigError(
                f"{argument} has {shown(name)}, which starts from a value of the graph (initial_state=); "
                "leave it out, or make that value an input of rows"
            )
    known = list(graph.states if among is None else among)
    names = [name for name in known if name not in bridged]
    unknown = [name for name in state if name not in known]
    missing = [] if partial else [name for name in names if name not in state]
    if unknown or missing:
        fault = f"does not know {unknown[0]!r}" if unknown else f"lacks {missing[0]!r}"
        raise ConfigError(f"{argument} {fault}; the states of this network are {names}")
    for name, value in state.items():
        members = graph.states[name]
        shape = graph.slots[members[0]].shape
        array = as_floats(f"{argument}[{name!r}]", value, dtype)
        expected = (len(members), rows, *shape)
        if array.shape != expected:
            raise ShapeError(
                f"{argument}[{shown(name)}] is {array.shape}; expected {expected}: layers * directions, "
                f"rows, size{_other_rows(argument, array.shape, expected)}"
            )
        for place, slot in enumerate(members):
            slots[slot] = array[place].reshape(rows, math.prod(shape))
    return slots


def _other_rows(argument: str, found: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """A hint for the state of other rows, as the end of a message."""
    if argument == "state" and len(found) > 1 and (found[0], *found[2:]) == (expected[0], *expected[2:]):
        return (
            f". A state that is carried on is of the same rows: {found[1]} rows before, {expected[1]} now; "
            "give "
            "rows that have ended the length 0"
        )
    return ""


def from_slots(
    arrays: Sequence[Array | None], graph: Graph, rows: int, settable: bool = False
) -> dict[str, Array]:
    """The caller's dict from one (N, size) array per slot; a name of a slot without an array is left out.

    `settable`: of the states that `state` sets.
    """
    bridged = graph.bridged if settable else []
    named: dict[str, Array] = {}
    for name, members in graph.states.items():
        found = [one for one in map(arrays.__getitem__, members) if one is not None]
        if len(found) < len(members) or name in bridged:
            continue
        shape = (rows, *graph.slots[members[0]].shape)
        # A view where a name has one slot: np.stack takes 5 us, which short calls would notice.
        if len(found) == 1:
            named[name] = found[0].reshape(1, *shape)
        else:
            named[name] = np.stack([one.reshape(shape) for one in found])
    return named
