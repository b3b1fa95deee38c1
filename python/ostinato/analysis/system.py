"""A network as one map from state to state, `z' = F(z, x)`, with exact derivatives.

z is the concatenation of all states of all layers, in the order of the network's state slots.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ostinato import _core
from ostinato.analysis.inputs import Inputs
from ostinato.analysis.parts import check_steps
from ostinato.analysis.tangent import TangentNetwork, tangent_network
from ostinato.cached import cached
from ostinato.cell import Cell
from ostinato.errors import ConfigError, DTypeError, ShapeError, a_type, shown
from ostinato.network import Network
from ostinato.network.graph import Node
from ostinato.network.states import to_slots
from ostinato.sequences.arrays import Array, as_floats, as_integers
from ostinato.sequences.batch import Batch
from ostinato.suggest import did_you_mean

# Rows in one call of the core; more rows take several calls, so that memory is bounded.
ROWS = 8192


@dataclass(frozen=True, eq=False)
class System:
    """One network in float64. `arena` is a copy of its parameters, followed by zeros for `tangent`."""

    net: Network
    values: _core.Network
    arena: Array
    names: tuple[str, ...]
    """A name per slot: `h`, or `h[0]`, `h[1]` if several layers have one."""
    bounds: tuple[int, ...]
    """The offset of each slot in z, and the width of z at the end."""

    @classmethod
    def of(cls, net: Any, needs_state: bool = True) -> System:
        """Raises DTypeError for anything but a network; ConfigError for one without a state, if needed."""
        if isinstance(net, Cell) or (isinstance(net, type) and issubclass(net, Cell)):
            raise DTypeError(
                "net is a cell, which has no parameters of its own; expected a network: "
                "Recurrent(cell, input_size, hidden_size)"
            )
        if not isinstance(net, Network):
            raise DTypeError(f"net is {a_type(net)}; expected a network such as LSTM(8, 16)")
        graph = net._graph
        if needs_state and not graph.slots:
            raise ConfigError(f"net is {shown(net)}, which has no state; expected a recurrent layer in it")
        if needs_state and graph.bridged:
            raise ConfigError(
                f"net is {shown(net)}, whose state {shown(graph.bridged[0])} starts from a value of the "
                "graph; "
                "analyze the layer "
                "by itself"
            )
        widest = max((one.size for one in graph.parameters.values()), default=0)
        arena = np.concatenate([net.arena.astype(np.float64), np.zeros(widest)])
        names = [""] * len(graph.slots)
        for name, members in graph.states.items():
            for place, slot in enumerate(members):
                names[slot] = name if len(members) == 1 else f"{name}[{place}]"
        widths = [math.prod(slot.shape) for slot in graph.slots]
        bounds = np.concatenate([[0], np.cumsum(widths, dtype=int)])
        return cls(
            net,
            graph.compile("float64", net._ports.outputs, regularized=False),
            arena,
            tuple(names),
            tuple(int(bound) for bound in bounds),
        )

    @property
    def size(self) -> int:
        """The size of z."""
        return self.bounds[-1]

    @property
    def slots(self) -> dict[str, slice]:
        """The position of each state in z."""
        return {name: slice(a, b) for name, (a, b) in zip(self.names, pairwise(self.bounds), strict=True)}

    @cached
    def tangent(self) -> TangentNetwork:
        """The forward mode. Raises ConfigError for a network that reads backward."""
        return tangent_network(self.net._graph, self.net._ports.output, self.arena.size - self._widest)

    @property
    def _widest(self) -> int:
        return max((one.size for one in self.net._graph.parameters.values()), default=0)

    def one_way(self) -> System:
        """This system. Raises ConfigError for a network whose steps do not map one state to the next."""
        check_steps(self.net._graph)
        _ = self.tangent
        return self

    def output(self, name: Any) -> tuple[str, Node]:
        """An output by name; the only one for None. Raises ConfigError."""
        return chosen("output", name, self.net._ports.outputs)

    def read(self, x: Any) -> tuple[Inputs, Batch]:
        """x of `net.run` in the core's form, in float64, and its rows.

        Raises ShapeError, DTypeError or ConfigError, for rows of different lengths too.
        """
        net = self.net
        axes = net._ports.axes
        if not axes:
            raise ConfigError(
                f"net is {shown(net)}, none of whose inputs is a sequence; nothing happens over time"
            )
        if len(axes) > 1:
            raise ConfigError(
                f"net is {shown(net)}, with sequences on several axes ({', '.join(map(repr, axes))}), "
                "which have "
                "no steps in common; analyze the layers of one axis by themselves"
            )
        arrays, batch = net._ports.read(x, None, "float64", net.batch_first is not False)
        name = batch.name
        if batch.lengths is not None and np.any(batch.lengths != batch.steps):
            raise ConfigError(f"{name} has rows of different lengths; analyze them one at a time")
        if not batch.rows or not batch.steps:
            raise ShapeError(
                f"{name} has {batch.rows} rows of {batch.steps} steps; expected at least one of each"
            )
        return Inputs(tuple(arrays), self._along), batch

    def read_constant(self, x: Any, argument: str = "x") -> Inputs:
        """The input of one step: (F,) floats or an id (), a dict of those by input; None for zeros."""
        ports = self.net._ports
        given = {} if x is None else ports.by_name(argument, x, ports.inputs, plain=len(ports.inputs) == 1)
        arrays: list[Array] = []
        for name, node in ports.inputs.items():
            called = argument if len(ports.inputs) == 1 else name
            value = given.get(name)
            one = (
                _one_id(called, value, node.limit)
                if node.limit is not None
                else _one(called, value, node.width)
            )
            arrays.append(one[None] if node.axis != "row" else one)
        return Inputs(tuple(arrays), self._along)

    @property
    def _along(self) -> tuple[bool, ...]:
        return tuple(node.axis != "row" for node in self.net._ports.inputs.values())

    def initial(self, state: Any, rows: int) -> Array:
        """z (rows, size) from a dict as `Run.final_state` is; None for zeros."""
        slots = to_slots("state", state, self.net._graph, rows, "float64")
        return self.flat(slots, rows)

    def flat(self, slots: list[Array | None], rows: int) -> Array:
        """Concatenates slots."""
        parts = [
            np.zeros((rows, b - a)) if one is None else one
            for one, (a, b) in zip(slots, pairwise(self.bounds), strict=True)
        ]
        return np.concatenate([np.zeros((rows, 0)), *parts], axis=1)

    def split(self, z: Array) -> list[Array | None]:
        """z (N, size) as slots."""
        return [np.ascontiguousarray(z[:, a:b]) for a, b in pairwise(self.bounds)]

    def run(self, z: Array, x: Inputs, training: bool = False) -> _core.Run:
        """Runs the network from z (N, size) over x."""
        return self.values.run((self.arena, x.core, None, self.split(z)), training)

    def trajectory(self, z: Array, x: Inputs) -> Array:
        """z before each step and after the last, (N, T + 1, size): one call of the core per step."""
        states = np.empty((x.rows, x.steps + 1, self.size))
        states[:, 0] = z
        for t in range(x.steps):
            states[:, t + 1] = self.flat([*self.run(states[:, t], x.part(t, t + 1)).final_state], x.rows)
        return states

    def push(self, z: Array, tangents: Array, x: Inputs) -> tuple[Array, Array]:
        """z (N, size) and a tangent of each row (N, size), propagated over the steps of x."""
        net = self.tangent
        slots: list[Array | None] = [None] * (2 * len(self.names))
        for places, given in ((net.values, z), (net.tangents, tangents)):
            for place, part in zip(places, self.split(given), strict=True):
                slots[place] = part
        final = net.core.run((self.arena, x.core, None, slots), False).final_state
        return (
            self.flat([final[place] for place in net.values], len(z)),
            self.flat([final[place] for place in net.tangents], len(z)),
        )

    def jacobian(self, z: Array, x: Inputs) -> tuple[Array, Array]:
        """F(z, x) (N, size) and dF/dz (N, size, size), of N rows of one step.

        All directions of all steps are rows of one batch, or of a few.
        """
        n = self.size
        after, slopes = np.empty_like(z), np.empty((len(z), n, n))
        each = max(1, ROWS // n)
        for start in range(0, len(z), each):
            part = slice(start, start + each)
            rows = len(z[part])
            directions = np.tile(np.eye(n), (rows, 1))
            moved, columns = self.push(np.repeat(z[part], n, axis=0), directions, x.take(part).repeated(n))
            after[part] = moved[::n]
            # Row k of a block is F's change along direction k: a column of the Jacobian.
            slopes[part] = columns.reshape(rows, n, n).swapaxes(1, 2)
        return after, slopes


def chosen(kind: str, name: Any, ports: Mapping[str, Node]) -> tuple[str, Node]:
    """An input or output by name; the only one for None. Raises ConfigError."""
    if name is None and len(ports) > 1:
        raise ConfigError(
            f"net has several {kind}s: {', '.join(map(repr, ports))}; write {kind}={shown(next(iter(ports)))}"
        )
    if name is not None and (not isinstance(name, str) or name not in ports):
        hint = did_you_mean(name if isinstance(name, str) else "", ports, f"{kind}s")
        raise ConfigError(f"{kind} is {shown(name)}; {hint}")
    return next((one, node) for one, node in ports.items() if name in (None, one))


def _one_id(argument: str, value: Any, limit: int) -> Array:
    array = as_integers(argument, 0 if value is None else value)
    if array.shape != () or not 0 <= int(array) < limit:
        raise ShapeError(f"{argument} is {shown(value)}; expected one id from 0 to {limit - 1}")
    return array.astype(np.int64).reshape(1)


def _one(argument: str, value: Any, width: int) -> Array:
    array = as_floats(argument, np.zeros(width) if value is None else value, "float64")
    if array.shape != (width,):
        raise ShapeError(f"{argument} is {array.shape}; expected ({width},), one step's features")
    return array[None]
