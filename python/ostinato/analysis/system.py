"""A network as one map from state to state, `z' = F(z, x)`, with exact derivatives.

z is the concatenation of all states of all layers, in the order of the network's state slots.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from ostinato import _core
from ostinato.analysis.tangent import TangentNetwork, tangent_network
from ostinato.cell import Cell
from ostinato.errors import ConfigError, DTypeError, ShapeError
from ostinato.network import Network
from ostinato.network.batch import Array, Batch, as_floats, as_integers, read_batch
from ostinato.network.states import to_slots

# Rows in one call of the core; more rows take several calls, so that memory is bounded.
ROWS = 8192


@dataclass(frozen=True)
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
        """Raises DTypeError for anything but a network, ConfigError for one without a state."""
        if isinstance(net, Cell) or (isinstance(net, type) and issubclass(net, Cell)):
            raise DTypeError(
                "net is a cell, which has no parameters of its own; expected a network: "
                "Recurrent(cell, input_size, hidden_size)"
            )
        if not isinstance(net, Network):
            raise DTypeError(f"net is a {type(net).__name__}; expected a network such as LSTM(8, 16)")
        graph = net._graph
        if needs_state and not graph.slots:
            raise ConfigError(f"net is {net!r}, which has no state; expected a recurrent layer in it")
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

    @cached_property
    def tangent(self) -> TangentNetwork:
        """The forward mode. Raises ConfigError for a network that reads backward."""
        return tangent_network(self.net._graph, self.net._ports.output, self.arena.size - self._widest)

    @property
    def _widest(self) -> int:
        return max((one.size for one in self.net._graph.parameters.values()), default=0)

    def one_way(self) -> System:
        """This system. Raises ConfigError for a network that reads backward, which has no step."""
        _ = self.tangent
        return self

    def read(self, x: Any) -> tuple[Array, Batch]:
        """x of `net.run` in the core's form: (N, T, F) float64 or (N, T) int64; and its rows.

        Raises ShapeError, DTypeError or ConfigError, for rows of different lengths too.
        """
        net = self.net
        limit = net.input_size if net.takes_ids else None
        array, batch = read_batch(x, None, net.input_size, limit, "float64", net.batch_first is not False)
        if batch.lengths is not None and np.any(batch.lengths != batch.steps):
            raise ConfigError("x has rows of different lengths; analyze them one at a time")
        if not batch.rows or not batch.steps:
            raise ShapeError(f"x has {batch.rows} rows of {batch.steps} steps; expected at least one of each")
        return array, batch

    def read_constant(self, x: Any, argument: str = "x") -> Array:
        """The input of one step, (F,) floats or an id (), as (1, F) or (1,); None for zeros."""
        net = self.net
        if net.takes_ids:
            array = as_integers(argument, 0 if x is None else x)
            if array.shape != () or not 0 <= int(array) < net.input_size:
                raise ShapeError(f"{argument} is {x!r}; expected one id from 0 to {net.input_size - 1}")
            return array.astype(np.int64).reshape(1)
        array = as_floats(argument, np.zeros(net.input_size) if x is None else x, "float64")
        if array.shape != (net.input_size,):
            raise ShapeError(
                f"{argument} is {array.shape}; expected ({net.input_size},), one step's features"
            )
        return array[None]

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

    def run(self, z: Array, x: Array, training: bool = False) -> _core.Run:
        """Runs the network from z (N, size) over x (N, T, F)."""
        return self.values.run((self.arena, [np.ascontiguousarray(x)], None, self.split(z)), training)

    def trajectory(self, z: Array, x: Array) -> Array:
        """z before each step and after the last, (N, T + 1, size): one call of the core per step."""
        states = np.empty((len(x), x.shape[1] + 1, self.size))
        states[:, 0] = z
        for t in range(x.shape[1]):
            states[:, t + 1] = self.flat([*self.run(states[:, t], x[:, t : t + 1]).final_state], len(x))
        return states

    def push(self, z: Array, tangents: Array, x: Array) -> tuple[Array, Array]:
        """z (N, size) and a tangent of each row (N, size), propagated over the steps of x (N, T, F)."""
        net = self.tangent
        slots: list[Array | None] = [None] * (2 * len(self.names))
        for places, given in ((net.values, z), (net.tangents, tangents)):
            for place, part in zip(places, self.split(given), strict=True):
                slots[place] = part
        final = net.core.run((self.arena, [np.ascontiguousarray(x)], None, slots), False).final_state
        return (
            self.flat([final[place] for place in net.values], len(z)),
            self.flat([final[place] for place in net.tangents], len(z)),
        )

    def jacobian(self, z: Array, x: Array) -> tuple[Array, Array]:
        """F(z, x) (N, size) and dF/dz (N, size, size), of N steps x (N, F) or ids (N,).

        All directions of all steps are rows of one batch, or of a few.
        """
        n = self.size
        after, slopes = np.empty_like(z), np.empty((len(z), n, n))
        each = max(1, ROWS // n)
        for start in range(0, len(z), each):
            part = slice(start, start + each)
            rows = len(z[part])
            directions = np.tile(np.eye(n), (rows, 1))
            moved, columns = self.push(
                np.repeat(z[part], n, axis=0), directions, np.repeat(x[part], n, axis=0)[:, None]
            )
            after[part] = moved[::n]
            # Row k of a block is F's change along direction k: a column of the Jacobian.
            slopes[part] = columns.reshape(rows, n, n).swapaxes(1, 2)
        return after, slopes
