"""`gates`: which gates of any cell are open or shut, and which relu units are dead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from ostinato import _core, checks
from ostinato.analysis.drawing import axes
from ostinato.analysis.system import System
from ostinato.buffers import buffered
from ostinato.errors import ConfigError, shown
from ostinato.network.graph import LayerOp, Operation, add_layer, add_operation, resting
from ostinato.sequences.arrays import Array

# The ops to find in a program, and the ends of their range; relu has no upper one.
LOW: Final = {"sigmoid": 0.0, "tanh": -1.0, "relu": 0.0}
HIGH: Final = {"sigmoid": 1.0, "tanh": 1.0, "relu": np.inf}


@dataclass(frozen=True, eq=False)
class Gates:
    """The sigmoid, tanh and relu values of a network's steps over some data.

    A name is the layer's name and the author's name of the value, or of its operand: `lstm_l0.f`. All arrays
    are (size,), by unit; fractions are of rows and steps.
    """

    margin: float
    kinds: dict[str, str]
    """The op: sigmoid, tanh or relu."""
    low: dict[str, Array]
    """Fraction within `margin` of the lower end (0, -1, 0): shut gates, resting relu units."""
    high: dict[str, Array]
    """Fraction within `margin` of the upper end (1): open gates. 0 for relu."""
    dead: dict[str, Array]
    """Whether the unit has one value over all rows and steps."""

    def __str__(self) -> str:
        return "\n".join(
            f"{name} ({kind}): {self.low[name].mean():.0%} low, {self.high[name].mean():.0%} high, "
            f"{int(self.dead[name].sum())} of {self.dead[name].size} dead"
            for name, kind in self.kinds.items()
        )

    def plot(self, ax: Any = None) -> Any:
        """A point for each unit: how often it is at its lower end, and at its upper; returns the axes.

        Source: Karpathy et al. 2016, "Visualizing and understanding recurrent networks", figure 3.
        """
        ax = axes(
            ax,
            xlabel="fraction of steps at the lower end",
            ylabel="fraction of steps at the upper end",
            xlim=(-0.03, 1.03),
            ylim=(-0.03, 1.03),
            title="Saturation of gates",
        )
        ax.plot([0, 1], [1, 0], color="0.8", linewidth=1.0)
        for name, low in self.low.items():
            ax.plot(low, self.high[name], "o", alpha=0.6, label=f"{name}, {int(self.dead[name].sum())} dead")
        ax.legend()
        return ax


def gates(net: Any, x: Any, *, margin: float = 0.05, state: Any = None) -> Gates:
    """How often each sigmoid, tanh and relu inside the steps of a network is at an end of its range.

    The ops are found in the equations, so it works for any cell, stacks, both directions, and Dense layers.
    It does not include steps in plain Python, or matrices. x: as in `net.run`, rows of equal length. margin:
    above 0, below 0.5. state: as in `net.run`. Raises DTypeError, ShapeError, ConfigError naming the
    argument, and ConfigError for a network without any such op.
    """
    margin = checks.number("gates", "margin", margin, above=0.0, below=0.5)
    system = System.of(net, needs_state=False)
    inputs, batch = system.read(x)
    made = _Probe()
    for operation in net._graph.operations:
        made.add(operation)
    if not made.found:
        raise ConfigError(
            f"net is {shown(net)}, whose steps have no sigmoid, tanh or relu; expected a network with gates"
        )
    made.core.finish([(name, node) for name, (_, node) in made.found.items()])
    slots = system.split(system.initial(state, batch.rows))
    outputs = made.core.run((system.arena, inputs.core, None, slots), False).outputs
    seen = {
        name: values.reshape(-1, values.shape[-1]) for name, values in zip(made.found, outputs, strict=True)
    }
    kinds = {name: kind for name, (kind, _) in made.found.items()}
    low = {name: LOW[kind] + (0.0 if kind == "relu" else margin) for name, kind in kinds.items()}
    return Gates(
        margin,
        kinds,
        {name: _share(np.less_equal, values, low[name]) for name, values in seen.items()},
        {name: _share(np.greater_equal, values, HIGH[kinds[name]] - margin) for name, values in seen.items()},
        {name: _is_constant(values) for name, values in seen.items()},
    )


def _parts(values: Array) -> Iterator[Array]:
    """The values in parts of about a megabyte: Python looks for Ctrl-C between two calls of NumPy."""
    rows = max(1, (1 << 17) // max(1, values.shape[1]))
    return (values[start : start + rows] for start in range(0, len(values), rows))


def _share(compare: np.ufunc, values: Array, end: float) -> Array:
    """The fraction of the rows that compare with an end, by unit."""
    counts = (np.count_nonzero(compare(part, end), axis=0) for part in _parts(values))
    return np.asarray(sum(counts, np.zeros(values.shape[1])) / np.float64(len(values)))


def _is_constant(values: Array) -> Array:
    """Whether a unit has one value in all rows, by unit."""
    changed = np.zeros(values.shape[1], bool)
    for part in _parts(values):
        changed |= buffered(partial(np.not_equal, part, values[0]), results=part.size).any(axis=0)
    return ~changed


class _Probe:
    """Builds a `_core.Network` from the operations of another one; gates are extra outputs of layers."""

    def __init__(self) -> None:
        self.core = _core.Network("float64")
        self.found: dict[str, tuple[str, int]] = {}
        self._nodes: list[int] = []

    def add(self, operation: Operation) -> None:
        """An operation; of a layer, its inference program."""
        if not isinstance(operation, LayerOp):
            self._nodes.append(add_operation(self.core, operation, self._nodes))
            return
        unit = resting(operation.unit)
        inside = [] if unit.function is not None else _inside(unit.program)
        program = _with_outputs(unit.program, [node for node, *_ in inside])
        node = add_layer(self.core, replace(unit, program=program), operation, self._nodes)
        self._nodes.append(node)
        for place, (_, kind, _, called) in enumerate(inside):
            name, count = f"{operation.label}.{called}", 1
            while name in self.found:
                count += 1
                name = f"{operation.label}.{called}_{count}"
            self.found[name] = (kind, self.core.layer_output(node, f"g{place}"))


def _inside(program: _core.Program) -> list[tuple[int, str, int, str]]:
    """Node, op, size and name of each sigmoid, tanh and relu that is a vector."""
    nodes = json.loads(program.to_json())["nodes"]
    places = [place for place, node in enumerate(nodes) if node["op"] in LOW]
    found: list[tuple[int, str, int, str]] = []
    if not places:
        return found
    shapes = _with_outputs(program, places).outputs[len(program.outputs) :]
    for place, (_, shape) in zip(places, shapes, strict=True):
        if len(shape) == 1:
            kind = nodes[place]["op"]
            label = nodes[place].get("name") or nodes[nodes[place]["args"][0]].get("name") or kind
            found.append((place, kind, shape[0], label))
    return found


def _with_outputs(program: _core.Program, places: list[int]) -> _core.Program:
    """The program with these nodes as outputs g0, g1, ... after its own.

    The text is cut and joined, not parsed and written: numbers in it must stay unchanged, because the core
    accepts only canonical text.
    """
    text = program.to_json()
    start, end = text.rindex(',"outputs":'), text.rindex(',"sizes":')
    own = text[start + len(',"outputs":[') : end - 1]
    more = [f'["g{number}",{place}]' for number, place in enumerate(places)]
    return _core.Program(f'{text[:start]},"outputs":[{",".join([own, *more])}]{text[end:]}')
