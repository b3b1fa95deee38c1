"""`gates`: which gates of any cell stand open or shut, and which relu units are dead."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ostinato import _core, checks
from ostinato.analysis.drawing import axes
from ostinato.analysis.system import System
from ostinato.analysis.tangent import part_of
from ostinato.errors import ConfigError
from ostinato.network.batch import Array

# What is looked for in a program, and the ends of its range; relu has no upper one.
LOW: Final = {"sigmoid": 0.0, "tanh": -1.0, "relu": 0.0}
HIGH: Final = {"sigmoid": 1.0, "tanh": 1.0, "relu": np.inf}


@dataclass(frozen=True)
class Gates:
    """What the sigmoid, tanh and relu of a network's steps do over some data.

    A name is the layer's and the author's name of the value, or of what it is taken of: `lstm_l0.f`. All
    arrays are (size,), by unit; fractions are of rows and steps.
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

    They are found in the equations, so any cell's are seen, in stacks and both directions, and those of
    Dense layers; not what a step in plain Python does, nor matrices of them. x: as in `net.run`, rows of
    equal length. margin: above 0, below 0.5. state: as in `net.run`. Raises DTypeError, ShapeError,
    ConfigError naming the argument, and ConfigError for a network without any.
    """
    margin = checks.number("gates", "margin", margin, above=0.0, below=0.5)
    system = System.of(net, needs_state=False)
    array, batch = system.read(x)
    made: Any = _Probe([label for label, _ in net._graph.units])
    nodes: list[int] = []
    for operation in net._graph.operations:
        nodes.append(operation(made, nodes))
    if not made.found:
        raise ConfigError(
            f"net is {net!r}, whose steps have no sigmoid, tanh or relu; expected one with gates"
        )
    made.core.finish(made.core.concat(made.probes) if len(made.probes) > 1 else made.probes[0])
    slots = system.split(system.initial(state, batch.rows))
    outputs = made.core.run(system.arena, array, None, slots, False).outputs
    flat = outputs.reshape(-1, outputs.shape[2])
    seen, start = {}, 0
    for name, (_, width) in made.found.items():
        seen[name], start = flat[:, start : start + width], start + width
    kinds = {name: kind for name, (kind, _) in made.found.items()}
    low = {name: LOW[kind] + (0.0 if kind == "relu" else margin) for name, kind in kinds.items()}
    return Gates(
        margin,
        kinds,
        {name: _share(values <= low[name]) for name, values in seen.items()},
        {name: _share(values >= HIGH[kinds[name]] - margin) for name, values in seen.items()},
        {name: np.ptp(values, axis=0) == 0.0 for name, values in seen.items()},
    )


def _share(places: Array) -> Array:
    return np.asarray(np.mean(places, axis=0))


class _Probe:
    """Takes the calls that describe a network to `_core.Network`; layers give their gates beside outputs."""

    def __init__(self, labels: list[str]) -> None:
        self.core = _core.Network("float64")
        self.probes: list[int] = []
        self.found: dict[str, tuple[str, int]] = {}
        self._labels = iter(labels)

    def layer(
        self,
        program: _core.Program,
        inputs: list[int],
        params: list[int],
        inference: _core.Program | None = None,
        function: Any = None,
        why: str = "",
        penalty: _core.Program | None = None,
    ) -> int:
        program, label = inference or program, next(self._labels)
        inside = [] if function is not None else _inside(program)
        if not inside:
            return self.core.layer(program, inputs, params, None, function, why)
        (_, (width,)), *_ = program.outputs
        total = width + sum(size for _, _, size, _ in inside)
        both = self.core.layer(_beside(program, [node for node, *_ in inside]), inputs, params)
        self.probes.append(self.core.layer(part_of(total, width, total), [both], []))
        for _, kind, size, called in inside:
            name, count = f"{label}.{called}", 1
            while name in self.found:
                count += 1
                name = f"{label}.{called}_{count}"
            self.found[name] = (kind, size)
        return self.core.layer(part_of(total, 0, width), [both], [])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.core, name)


def _inside(program: _core.Program) -> list[tuple[int, str, int, str]]:
    """Node, op, size and name of each sigmoid, tanh and relu that is a vector."""
    nodes = json.loads(program.to_json())["nodes"]
    places = [place for place, node in enumerate(nodes) if node["op"] in LOW]
    found: list[tuple[int, str, int, str]] = []
    if not places:
        return found
    for place, (_, shape) in zip(places, _with_outputs(program, places).outputs, strict=True):
        if len(shape) == 1:
            kind = nodes[place]["op"]
            label = nodes[place].get("name") or nodes[nodes[place]["args"][0]].get("name") or kind
            found.append((place, kind, shape[0], label))
    return found


def _with_outputs(program: _core.Program, places: list[int]) -> _core.Program:
    """The program with these nodes as its outputs. The text is cut, not read and written: see `tangent`."""
    text = program.to_json()
    outputs = ",".join(f'["g{number}",{place}]' for number, place in enumerate(places))
    start, end = text.rindex(',"outputs":'), text.rindex(',"sizes":')
    return _core.Program(f'{text[:start]},"outputs":[{outputs}]{text[end:]}')


def _beside(program: _core.Program, places: list[int]) -> _core.Program:
    """The program whose output is `[y; these nodes]`."""
    text = program.to_json()
    record = json.loads(text)
    args = json.dumps([record["outputs"][0][1], *places], separators=(",", ":"))
    head, tail = text[: text.rindex('],"outputs":')], text[text.rindex(',"sizes":') :]
    last = len(record["nodes"])
    joined = f',{{"args":{args},"op":"concat"}}],"outputs":[["output",{last}]]'
    return _core.Program(f"{head}{joined}{tail}")
