"""What a network consists of, as plain data: layers over sequences, parameters in an arena, state slots.

A layer describes itself by calling the methods of a `Graph`; nothing is computed. `Graph.compile` replays the
description into a `_core.Network` when it is first run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from ostinato import _core
from ostinato.cell import Param
from ostinato.errors import ConfigError, ShapeError

# Offsets are multiples of this many elements: 64 bytes of float32, 128 of float64; one layout serves both.
ALIGNMENT: Final = 16

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
        return self  # nobody changes it

    @property
    def penalised(self) -> bool:
        """Whether it adds to the loss of training."""
        return self.penalty is not None or len(self.program.outputs) > 1


@dataclass(frozen=True)
class Node:
    """A sequence: `width` features per step, or ids below `limit` if that is given."""

    index: int
    width: int
    limit: int | None = None


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
    """One state of one layer in one direction, in the order in which the core numbers them."""

    name: str
    shape: Shape


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


class _Unregularized:
    """A core network to be built, whose layers have their inference program for training too."""

    def __init__(self, core: _core.Network) -> None:
        self._core = core

    def layer(
        self,
        program: _core.Program,
        inputs: Sequence[int],
        params: Sequence[int],
        inference: _core.Program | None = None,
        function: Called | None = None,
        why: str = "",
        penalty: _core.Program | None = None,
    ) -> int:
        return self._core.layer(inference or program, inputs, params, None, function, why)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)


@dataclass
class Graph:
    """The description of one network. `size` is the arena's length in elements."""

    operations: list[Callable[[_core.Network, list[int]], int]] = field(default_factory=list)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    slots: list[Slot] = field(default_factory=list)
    states: dict[str, list[int]] = field(default_factory=dict)
    units: list[tuple[str, Unit]] = field(default_factory=list)
    size: int = 0

    def input(self, width: int) -> Node:
        """The network's input: `width` features per step."""
        return self._append(lambda core, _: core.input(width), width)

    def index_input(self, limit: int) -> Node:
        """The network's input: ids 0..limit-1."""
        return self._append(lambda core, _: core.index_input(limit), 1, limit)

    def layer(
        self, unit: Unit, x: Node, names: Mapping[str, str], states: Mapping[str, str], label: str
    ) -> Node:
        """`unit` at every step of `x`. `names` and `states` give its parameters and states their full names.

        Raises ShapeError when `x` does not fit, ConfigError when two parameters would get one name or the
        states of one name differ in size.
        """
        (_, shape, _), *_ = unit.program.inputs
        if x.limit is None and shape != [x.width]:
            raise ShapeError(f"{label} takes {shape[0] if shape else 'ids'}; it is given {x.width} features")
        offsets = [
            self._parameter(names[name], tuple(shape), unit.params[name])
            for name, shape in unit.program.params
        ]
        for name, _ in unit.program.states:
            self._slot(states[name], unit.states[name])
        self.units.append((label, unit))
        program, source, function = unit.program, x.index, unit.function
        return self._append(
            lambda core, at: core.layer(
                program,
                [at[source]],
                offsets,
                unit.inference,
                function,
                function.why if function else "",
                unit.penalty,
            ),
            unit.output_size,
        )

    def reverse(self, x: Node) -> Node:
        """`x` with each row turned round within its own length."""
        return self._append(lambda core, at: core.reverse(at[x.index]), x.width, x.limit)

    def concat(self, nodes: list[Node]) -> Node:
        """The features of all `nodes` side by side."""
        return self._append(
            lambda core, at: core.concat([at[node.index] for node in nodes]),
            sum(node.width for node in nodes),
        )

    def add(self, a: Node, b: Node) -> Node:
        """`a + b`, feature by feature. Raises ShapeError when their widths differ."""
        if a.width != b.width:
            raise ShapeError(f"cannot add {a.width} and {b.width} features")
        return self._append(lambda core, at: core.add(at[a.index], at[b.index]), a.width)

    def compile(
        self, dtype: str, output: Node, regularized: bool = True, input_gradient: bool = True
    ) -> _core.Network:
        """The core's network for this description.

        Without `regularized` its training is not regularized; without `input_gradient` its way back leaves
        the gradient of the input out.
        """
        core = _core.Network(dtype, input_gradient)
        builder: Any = core if regularized else _Unregularized(core)
        nodes: list[int] = []
        for operation in self.operations:
            nodes.append(operation(builder, nodes))
        core.finish(nodes[output.index])
        return core

    def _append(
        self, operation: Callable[[_core.Network, list[int]], int], width: int, limit: int | None = None
    ) -> Node:
        self.operations.append(operation)
        return Node(len(self.operations) - 1, width, limit)

    def _parameter(self, name: str, shape: Shape, param: Param) -> int:
        if name in self.parameters:
            raise ConfigError(f"two parameters of this network would be called {name!r}")
        entry = Parameter(name, shape, param, aligned(self.size))
        self.parameters[name] = entry
        self.size = entry.offset + entry.size
        return entry.offset

    def _slot(self, name: str, shape: Shape) -> None:
        group = self.states.setdefault(name, [])
        if group and self.slots[group[0]].shape != shape:
            raise ConfigError(
                f"state {name!r} has shape {self.slots[group[0]].shape} in one layer and {shape} in another; "
                "use one Recurrent per layer in a Sequential"
            )
        group.append(len(self.slots))
        self.slots.append(Slot(name, shape))
