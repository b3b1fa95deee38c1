"""What a network consists of, as plain data: operations, parameters in an arena, state slots.

A layer describes itself by calling the methods of a `Graph`; nothing is computed. `Graph.compile` builds a
`_core.Network` from the operations when the network is first run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol, TypeAlias

from ostinato import _core
from ostinato.arena_view import Ranges, ranges_between
from ostinato.cell import Param
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.network.ties import UNKNOWN, Tie, Ties
from ostinato.sequences.axis import ROW, TIME, Axis

# Offsets are multiples of this many elements: 64 bytes of float32, 128 of float64; one layout serves both.
ALIGNMENT: Final = 16

# What the core can count: layers, and features of a value.
MOST_LAYERS: Final = 2**16
WIDEST: Final = 2**31 - 1

Shape = tuple[int, ...]


class Called(Protocol):
    """A step in Python: what the engine calls, and why."""

    why: str

    def __call__(self, part: str, rows: int, operands: list[Any], /) -> Any:
        """Values or gradients of `rows` rows."""


def aligned(offset: int) -> int:
    """The first place for a parameter at or after `offset`."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class Unit:
    """One traced step: its program, and what the program's text does not say (initializers, state shapes).

    `inference` runs in calls without training, where that is another program. `function` is what the
    programs call where the step could not be traced. `penalty` is what the parameters, its inputs, add to the
    loss.
    """

    program: _core.Program
    params: Mapping[str, Param]
    states: Mapping[str, Shape]
    output_size: int
    inference: _core.Program | None = None
    function: Called | None = None
    penalty: _core.Program | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Unit:
        return self  # immutable

    @property
    def penalised(self) -> bool:
        """Whether it adds to the loss of training."""
        return self.penalty is not None or any(name == "penalty" for name, _ in self.program.outputs)


@dataclass(frozen=True)
class Node:
    """A value of the graph: `width` features per step or row, or ids below `limit` if that is given.

    `ends` are the values of both directions, each in its own order, where the node joins two directions: the
    last step of each is the end of that direction. `blended` says that both directions were added to
    something else, so that the end of each is no value of the graph. `halves` are the widths of both
    directions, where all features were changed one by one. `source` is the node that a slice took its
    features from, the first of them and the one after the last.
    """

    index: int
    width: int
    limit: int | None = None
    axis: Axis = TIME
    ends: tuple[Node, ...] = ()
    blended: bool = False
    halves: tuple[int, ...] = ()
    source: tuple[Node, int, int] | None = None


@dataclass(frozen=True)
class InputOp:
    """An input of the network."""

    name: str
    axis: Axis
    width: int
    limit: int | None


@dataclass(frozen=True)
class LayerOp:
    """A step at every step of its input; the offsets of its parameters in the arena.

    `initial` are states of the step that start from the value of an operation, by name. `memories` are the
    sequences that the step reads as a whole.
    """

    label: str
    unit: Unit
    inputs: tuple[int, ...]
    offsets: tuple[int, ...]
    initial: tuple[tuple[str, int], ...] = ()
    memories: tuple[int, ...] = ()


@dataclass(frozen=True)
class FinalOp:
    """The state of a layer after the last step of each row: a value of rows."""

    layer: int
    state: str


@dataclass(frozen=True)
class DeriveOp:
    """Elements of other values, moved or summed: `kind` is one of the core's kinds of nodes."""

    kind: str
    parts: tuple[int, ...]
    columns: tuple[tuple[int, int], ...] = ()
    """For each part the first feature that is read, and the one after the last; none for all features."""

    def width(self, widths: Sequence[int]) -> int:
        """The features of the result; `widths` are those of the parts."""
        read = [stop - start for start, stop in self.columns] or widths
        return sum(read) if self.kind == "concat" else read[0]


Operation: TypeAlias = InputOp | LayerOp | FinalOp | DeriveOp


@dataclass(frozen=True)
class Parameter:
    """Where one parameter lives in the arena; `offset` and `size` count elements."""

    name: str
    shape: Shape
    param: Param
    offset: int

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Slot:
    """One state of one layer in one direction, in the order in which the core numbers them.

    `layer` is the operation that it is a state of, `state` its name in the program. `bridged`: it
    starts from a value of the graph, so a caller does not set it.
    """

    name: str
    shape: Shape
    layer: int
    state: str
    bridged: bool = False


@dataclass(frozen=True)
class Scope:
    """What a container puts before and after the names of the layers in it: `0.` and `_reverse`."""

    prefix: str = ""
    suffix: str = ""

    def name(self, name: str) -> str:
        """The name of a parameter as the outermost network knows it."""
        return f"{self.prefix}{name}{self.suffix}"

    def state(self, name: str) -> str:
        """The name of a state. Directions share one array of states, so it has no suffix."""
        return f"{self.prefix}{name}"

    def inside(self, name: str) -> Scope:
        """The scope of the child `name`."""
        return Scope(f"{self.prefix}{name}.", self.suffix)

    def reversed(self) -> Scope:
        """The scope of a copy that reads the sequence backwards."""
        return Scope(self.prefix, f"{self.suffix}_reverse")


@dataclass
class Graph:
    """The description of one network. `size` is the arena's length in elements."""

    operations: list[Operation] = field(default_factory=list)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    slots: list[Slot] = field(default_factory=list)
    states: dict[str, list[int]] = field(default_factory=dict)
    units: list[tuple[str, Unit]] = field(default_factory=list)
    inputs: dict[str, Node] = field(default_factory=dict)
    size: int = 0
    ties: Ties = field(default_factory=Ties)
    aliases: dict[str, list[str]] = field(default_factory=dict)
    """Name of a parameter -> the other names that it has."""
    padding: Ranges = ()
    """What lies between the parameters in the arena, once the graph is complete."""
    sharing: bool = False
    """Whether a layer is being added again: it shares the parameters that have its names."""

    def input(self, name: str, width: int, axis: Axis = TIME) -> Node:
        """An input of `width` features per step or row."""
        return self._input(InputOp(name, axis, width, None))

    def index_input(self, name: str, limit: int, axis: Axis = TIME) -> Node:
        """An input of ids 0..limit-1."""
        return self._input(InputOp(name, axis, 1, limit))

    def layer(
        self,
        unit: Unit,
        x: Node,
        names: Mapping[str, str],
        states: Mapping[str, str],
        label: str,
        tied: Mapping[str, Any] | None = None,
        memories: Sequence[Node] = (),
    ) -> Node:
        """`unit` at every step of `x`. `names` and `states` give its parameters and states their full names.

        A parameter that is `tied` is the table of another layer. `memories` are the sequences that it reads
        as a whole at each step, in the order of its program. Raises ShapeError when `x` or a memory does not
        fit, ConfigError when two parameters would get one name or states with the same name differ in size.
        """
        (_, shape, _), *_ = unit.program.inputs
        if x.axis == ROW and unit.program.states:
            raise ShapeError(
                f"{label} is recurrent and reads a sequence; it is given one value per row, for which it "
                "would run a single step. Write a Dense, or ost.repeat(row, like) for a value at every step"
            )
        if x.limit is None and shape != [x.width]:
            raise ShapeError(f"{label} takes {shape[0] if shape else 'ids'}; it is given {x.width} features")
        for (memory, (width,)), node in zip(unit.program.memories, memories, strict=True):
            given = "ids" if node.limit is not None else f"{node.width} features"
            if node.axis == ROW:
                raise ShapeError(
                    f"{label}: memory {shown(memory)} is a sequence; it is given a value of rows"
                )
            if node.limit is not None or node.width != width:
                raise ShapeError(
                    f"{label}: memory {shown(memory)} has entries of {width} features; it is given {given}"
                )
        offsets: list[int] = []
        for position, (name, shape) in enumerate(unit.program.params):
            if tied and name in tied:
                tie = Tie(len(self.operations), position, names[name], id(tied[name]), label)
                self.ties.ties.append(tie)
                offsets.append(UNKNOWN)
            else:
                offsets.append(self._parameter(names[name], tuple(shape), unit.params[name]))
        for name, _ in unit.program.states:
            self._slot(Slot(states[name], unit.states[name], len(self.operations), name))
        if len(self.units) == MOST_LAYERS:
            raise ConfigError(f"{label}: this network has more than {MOST_LAYERS} layers")
        if self.sharing:  # what the parameters add to the loss counts once
            unit = replace(unit, penalty=None)
        self.units.append((label, unit))
        read = tuple(node.index for node in memories)
        made = LayerOp(label, unit, (x.index,), tuple(offsets), memories=read)
        return self._append(made, unit.output_size, axis=x.axis)

    def apply(self, unit: Unit, nodes: Sequence[Node]) -> Node:
        """`unit`, which has neither parameters nor states, of one node for each of its inputs.

        If some nodes are sequences, values of rows are repeated along time. Raises ShapeError when a node
        does not fit.
        """
        name = unit.program.name
        for (input, shape, is_index), node in zip(unit.program.inputs, nodes, strict=True):
            if is_index != (node.limit is not None) or not (is_index or shape == [node.width]):
                takes = "ids" if is_index else f"{shape} features"
                raise ShapeError(f"{name} takes as {shown(input)} {takes}; it is given {node.width}")
        if len(self.units) == MOST_LAYERS:
            raise ConfigError(f"{name}: this network has more than {MOST_LAYERS} layers")
        labels = {label for label, _ in self.units}
        label, number = name, 2
        while label in labels:
            label, number = f"{name}_{number}", number + 1
        self.units.append((label, unit))
        sequences = [node for node in nodes if node.axis != ROW]
        axis = _axis_of(name, sequences) if sequences else ROW
        made = LayerOp(label, unit, tuple(node.index for node in nodes), ())
        return self._append(made, unit.output_size, axis=axis)

    def start(self, slot: int, value: Node) -> None:
        """Lets a state start from a value of rows. Raises ShapeError for one that does not fit."""
        one = self.slots[slot]
        if value.axis != ROW:
            raise ShapeError(
                f"initial state {shown(one.state)} is a sequence; expected a value of rows, such as "
                "ost.final_state or "
                "ost.last makes"
            )
        if value.width != math.prod(one.shape) or value.limit is not None:
            given = "ids" if value.limit is not None else f"{value.width} features"
            raise ShapeError(
                f"initial state {shown(one.state)} has {given}; expected {math.prod(one.shape)} features, "
                "the size of "
                "the state"
            )
        layer = self.operations[one.layer]
        assert isinstance(layer, LayerOp)
        initial = (*layer.initial, (one.state, value.index))
        self.operations[one.layer] = replace(layer, initial=initial)
        self.slots[slot] = replace(one, bridged=True)

    def final(self, slot: int) -> Node:
        """The state after the last step of each row."""
        one = self.slots[slot]
        return self._append(FinalOp(one.layer, one.state), math.prod(one.shape), axis=ROW)

    @property
    def bridged(self) -> list[str]:
        """The names of states of which at least one starts from a value of the graph."""
        return [
            name for name, members in self.states.items() if any(self.slots[slot].bridged for slot in members)
        ]

    def complete(self) -> None:
        """Gives tied parameters their places, and finds the padding, once all layers are there."""
        self.aliases = self.ties.aliases()
        taken = ((one.offset, one.offset + one.size) for one in self.parameters.values())
        self.padding = tuple(ranges_between(self.size, taken))
        for tie, name in self.ties.found():
            operation = self.operations[tie.operation]
            assert isinstance(operation, LayerOp)
            offsets = list(operation.offsets)
            offsets[tie.position] = self.parameters[name].offset
            self.operations[tie.operation] = replace(operation, offsets=tuple(offsets))

    @property
    def in_python(self) -> bool:
        """Whether a step stays Python code, so that the graph has no text."""
        return any(unit.function is not None for _, unit in self.units)

    def reverse(self, x: Node) -> Node:
        """`x` with each row turned round within its own length. Raises ShapeError for a value of rows."""
        if x.axis == ROW:
            raise ShapeError(
                "reverse: a value of rows has no time axis to read backwards; expected a sequence"
            )
        return self._append(DeriveOp("reverse", (x.index,)), x.width, x.limit, x.axis)

    def concat(self, nodes: Sequence[Node], ends: Sequence[Node] = ()) -> Node:
        """The features of all `nodes` side by side; `ends` as of `Node`. Raises ShapeError for too many."""
        made = DeriveOp("concat", tuple(node.index for node in nodes))
        width = sum(node.width for node in nodes)
        if width > WIDEST:
            raise ShapeError(f"concat: {width} features; expected at most {WIDEST}")
        return self._append(made, width, axis=_axis_of("concat", nodes), ends=tuple(ends))

    def add(self, a: Node, b: Node) -> Node:
        """`a + b`, feature by feature. Raises ShapeError when their widths differ."""
        if a.width != b.width:
            raise ShapeError(f"add: {a.width} and {b.width} features; expected as many in both")
        return self._append(DeriveOp("add", (a.index, b.index)), a.width, axis=_axis_of("add", (a, b)))

    def slice(self, x: Node, start: int, stop: int) -> Node:
        """The features `start` to `stop` - 1 of `x`. Raises ShapeError for none, or beyond its width."""
        if not 0 <= start < stop <= x.width:
            raise ShapeError(
                f"slice: features {start} to {stop} of {x.width}; expected at least one of them, and a stop "
                f"of at most {x.width}"
            )
        made = self._append(DeriveOp("slice", (x.index,), ((start, stop),)), stop - start, axis=x.axis)
        return replace(made, source=(x, start, stop))

    def regularize(self, unit: Unit, x: Node) -> Node:
        """`x` changed feature by feature, so that both directions stay what they are."""
        made, halves = self.apply(unit, [x]), x.halves
        if len(x.ends) == 2 and not any(end.ends or end.halves for end in x.ends):
            halves = tuple(end.width for end in x.ends)
        return replace(made, halves=halves, blended=x.blended)

    def reduce(self, kind: str, x: Node) -> Node:
        """One value for each row of a sequence: its "last", "first", "mean", "max" or "sum" over valid steps.

        The last step of two directions is the end of each. Raises ShapeError for a value of rows, and for the
        last step where both directions were added to something else.
        """
        if x.axis == ROW:
            raise ShapeError(f"{kind}: this value has no time axis; expected a sequence")
        if kind == "last" and x.blended:
            raise ShapeError(
                "last: a residual connection of a bidirectional layer adds its input to both directions, so "
                "neither has an end of its own; use mean, max or sum, or a layer without residual=True"
            )
        if kind == "last" and x.ends:
            return self.concat([self.reduce(kind, end) for end in x.ends])
        if kind == "last" and x.halves:
            middle, _ = x.halves
            last = self._append(DeriveOp("last", (x.index,)), x.width, axis=ROW)
            first = self._append(DeriveOp("first", (x.index,)), x.width, axis=ROW)
            return self.concat([self.slice(last, 0, middle), self.slice(first, middle, x.width)])
        if kind == "last" and x.source is not None and (x.source[0].ends or x.source[0].halves):
            of, start, stop = x.source
            return self.slice(self.reduce(kind, of), start, stop)
        return self._append(DeriveOp(kind, (x.index,)), x.width, axis=ROW)

    def repeat(self, x: Node, like: Node) -> Node:
        """A value of rows at every step of the axis of `like`. Raises ShapeError for a sequence."""
        if x.axis != ROW:
            raise ShapeError("repeat: row is a sequence already; expected a value of rows")
        return self._append(DeriveOp("repeat", (x.index, like.index)), x.width, axis=like.axis)

    def compile(
        self,
        dtype: str,
        outputs: Mapping[str, Node],
        regularized: bool = True,
        input_gradient: bool = True,
        frozen: Iterable[int] = (),
    ) -> _core.Network:
        """The core's network for this description.

        Without `regularized` its training is not regularized; without `input_gradient` its backward pass
        leaves the gradients of the inputs out, and always those of the parameters at the offsets `frozen`.
        """
        self.ties.check()
        core = _core.Network(dtype, input_gradient, sorted(frozen))
        nodes: list[int] = []
        for operation in self.operations:
            if isinstance(operation, LayerOp) and not regularized:
                nodes.append(add_layer(core, resting(operation.unit), operation, nodes))
            else:
                nodes.append(add_operation(core, operation, nodes))
        core.finish([(name, nodes[node.index]) for name, node in outputs.items()])
        return core

    def _input(self, made: InputOp) -> Node:
        if made.name in self.inputs:
            raise ConfigError(
                f"two inputs of this network are called {shown(made.name)}; give each its own name"
            )
        node = self.inputs[made.name] = self._append(made, made.width, made.limit, made.axis)
        return node

    def _append(
        self,
        operation: Operation,
        width: int,
        limit: int | None = None,
        axis: Axis = TIME,
        ends: tuple[Node, ...] = (),
    ) -> Node:
        self.operations.append(operation)
        return Node(len(self.operations) - 1, width, limit, axis, ends)

    def _parameter(self, name: str, shape: Shape, param: Param) -> int:
        known = self.parameters.get(name)
        if known is not None and self.sharing:
            return known.offset
        if known is not None:
            raise ConfigError(f"two parameters of this network would be called {shown(name)}")
        entry = Parameter(name, shape, param, aligned(self.size))
        self.parameters[name] = entry
        self.size = entry.offset + entry.size
        return entry.offset

    def _slot(self, slot: Slot) -> None:
        group = self.states.setdefault(slot.name, [])
        if group and self.slots[group[0]].shape != slot.shape:
            raise ConfigError(
                f"state {shown(slot.name)} has shape {self.slots[group[0]].shape} in one layer and "
                f"{slot.shape} in "
                "another; use one Recurrent per layer in a Sequential"
            )
        group.append(len(self.slots))
        self.slots.append(slot)


def add_operation(core: _core.Network, operation: Operation, nodes: Sequence[int]) -> int:
    """Adds an operation to a core network, whose nodes for the operations before it are `nodes`."""
    match operation:
        case InputOp(name, axis, width, None):
            return core.input(name, axis, width)
        case InputOp(name, axis, _, int(limit)):
            return core.index_input(name, axis, limit)
        case DeriveOp(kind, parts, columns):
            return core.derive(kind, [nodes[part] for part in parts], columns)
        case FinalOp(layer, state):
            return core.final_state(nodes[layer], state)
        case LayerOp():
            return add_layer(core, operation.unit, operation, nodes)
    raise AssertionError(f"{shown(operation)} is no operation")


def add_layer(core: _core.Network, unit: Unit, operation: LayerOp, nodes: Sequence[int]) -> int:
    """Adds a layer with the programs of `unit`, in the place of those that `operation` has."""
    function = unit.function
    return core.layer(
        unit.program,
        [nodes[at] for at in operation.inputs],
        list(operation.offsets),
        unit.inference,
        None if function is None else (function, function.why),
        unit.penalty,
        [(state, nodes[at]) for state, at in operation.initial],
        [nodes[at] for at in operation.memories],
    )


def resting(unit: Unit) -> Unit:
    """A unit that does in training what it does in inference: without noise and without penalties."""
    return replace(unit, program=unit.inference or unit.program, inference=None, penalty=None)


def _axis_of(what: str, nodes: Sequence[Node]) -> Axis:
    """The axis that all nodes have."""
    axes = list(dict.fromkeys(node.axis for node in nodes))
    if ROW in axes and len(axes) > 1:
        raise ShapeError(f"{what}: a sequence and a value of rows; write ost.repeat(row, like) for the row")
    if len(axes) > 1:
        raise ShapeError(
            f"{what}: a sequence on the axis {shown(axes[0])} and one on the axis {shown(axes[1])}, which "
            "has other "
            "lengths; reduce one of them to a value of rows (ost.last, first, mean, max, sum), or give both "
            "inputs the same axis"
        )
    return axes[0] if axes else TIME
