"""A graph in two parts: what runs at each step, and what is made of whole sequences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ostinato import _core
from ostinato.errors import ConfigError, shown
from ostinato.network.graph import (
    DeriveOp,
    FinalOp,
    Graph,
    InputOp,
    LayerOp,
    Node,
    Operation,
    add_layer,
    add_operation,
    resting,
)
from ostinato.sequences.axis import Axis
from ostinato.trace import trace_step

REDUCTIONS: Final = ("last", "first", "mean", "max", "sum")


@dataclass(frozen=True)
class Rest:
    """From some sequences of a graph to one of its outputs.

    For an output that is a sequence, that sequence alone. For one of rows, the sequences that are reduced on
    the way to it. The inputs of `core` are these sequences, then `row_inputs`, places among the inputs of the
    graph. `offsets` are those of the parameters in `core`.
    """

    core: _core.Network
    sequences: tuple[Node, ...]
    row_inputs: tuple[int, ...]
    offsets: frozenset[int]


def check_steps(graph: Graph) -> None:
    """Raises ConfigError for a network whose state at one step depends on later ones, or that has none."""
    axes = axes_of(graph)
    reduced: list[bool] = []
    for place, operation in enumerate(graph.operations):
        behind = any(reduced[part] for part in _parts(operation))
        reduces = isinstance(operation, DeriveOp) and operation.kind in REDUCTIONS
        reduced.append(behind or reduces or isinstance(operation, FinalOp))
        if behind and axes[place] != "row":
            raise ConfigError(
                "net reads at each step what it made of the whole sequence (repeat of a last, mean, ...), so "
                "no step maps one state to the next; analyze the part of the graph before the repeat"
            )


def rest(graph: Graph, output: Node, name: str) -> Rest:
    """The rest of a graph that passed `check_steps`.

    Raises ConfigError for an output that depends on no sequence; `name` is the output's.
    """
    core = _core.Network("float64")
    if output.axis != "row":
        # A network whose output is its input: it needs a layer to have a gradient.
        same = trace_step("same", lambda y, state, p: (1.0 * y, {}), {"y": (output.width,)}, {}, {}, {})
        core.finish([("y", core.layer(same, [core.input("y", "time", output.width)], []))])
        return Rest(core, (output,), (), frozenset())
    axes, widths = axes_of(graph), _widths(graph)
    needed, cut, waiting = set[int](), set[int](), [output.index]
    while waiting:
        place = waiting.pop()
        if axes[place] != "row":
            cut.add(place)
        elif place not in needed:
            needed.add(place)
            waiting += _parts(graph.operations[place])
    if not cut:
        raise ConfigError(f"output {shown(name)} depends on no sequence, so nothing flows back through time")
    nodes = [-1] * len(graph.operations)
    for place in sorted(cut):
        nodes[place] = core.input(f"sequence {place}", "time", widths[place])
    inputs = [place for place, one in enumerate(graph.operations) if isinstance(one, InputOp)]
    offsets: set[int] = set()
    for place in sorted(needed):
        operation = graph.operations[place]
        if isinstance(operation, LayerOp):
            offsets |= set(operation.offsets)
            nodes[place] = add_layer(core, resting(operation.unit), operation, nodes)
        else:
            nodes[place] = add_operation(core, operation, nodes)
    core.finish([("y", nodes[output.index])])
    return Rest(
        core,
        tuple(Node(place, widths[place]) for place in sorted(cut)),
        tuple(number for number, place in enumerate(inputs) if place in needed),
        frozenset(offsets),
    )


def axes_of(graph: Graph) -> list[Axis]:
    """The axis of each node."""
    axes: list[Axis] = []
    for operation in graph.operations:
        if isinstance(operation, InputOp):
            axes.append(operation.axis)
        elif isinstance(operation, DeriveOp) and operation.kind in REDUCTIONS:
            axes.append("row")
        elif isinstance(operation, FinalOp):
            axes.append("row")
        elif isinstance(operation, DeriveOp) and operation.kind == "repeat":
            axes.append(axes[operation.parts[1]])
        else:
            axes.append(axes[_parts(operation)[0]])
    return axes


def _widths(graph: Graph) -> list[int]:
    widths: list[int] = []
    for operation in graph.operations:
        if isinstance(operation, InputOp):
            widths.append(operation.width)
        elif isinstance(operation, LayerOp):
            widths.append(operation.unit.output_size)
        elif isinstance(operation, FinalOp):
            states = {(slot.layer, slot.state): slot.shape for slot in graph.slots}
            widths.append(math.prod(states[operation.layer, operation.state]))
        else:
            widths.append(operation.width([widths[part] for part in operation.parts]))
    return widths


def _parts(operation: Operation) -> Sequence[int]:
    if isinstance(operation, InputOp):
        return ()
    if isinstance(operation, FinalOp):
        return (operation.layer,)
    return operation.inputs if isinstance(operation, LayerOp) else operation.parts
