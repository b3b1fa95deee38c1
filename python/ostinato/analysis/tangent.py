"""A network that carries a tangent beside every sequence: the forward mode of a whole graph of layers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ostinato import _core
from ostinato.cell import Param
from ostinato.errors import ConfigError
from ostinato.network.graph import Called, Graph, Node
from ostinato.trace import trace_step


@dataclass(frozen=True)
class Pair:
    """A sequence of the core and its tangent; ids have none."""

    value: int
    tangent: int | None
    width: int


@dataclass(frozen=True)
class TangentNetwork:
    """The core's network, and in which of its state slots each state of the graph and its tangent are."""

    core: _core.Network
    values: tuple[int, ...]
    tangents: tuple[int, ...]


class TangentCore:
    """Takes the calls that describe a network to `_core.Network`, and makes both halves of each of them.

    The input's tangent is zero, and so are those of the parameters, all of which lie at the offset `zeros` of
    the arena. What is left are the tangents of the states.
    """

    def __init__(self, zeros: int) -> None:
        self.core = _core.Network("float64")
        self.zeros = zeros
        self.pairs: list[Pair] = []
        self.values: list[int] = []
        self.tangents: list[int] = []

    def input(self, width: int) -> int:
        """The input, and zeros beside it."""
        x = self.core.input(width)
        return self._keep(x, self.core.layer(_nothing(width), [x], []), width)

    def index_input(self, limit: int) -> int:
        """Ids; nothing is beside them."""
        return self._keep(self.core.index_input(limit), None, 1)

    def layer(
        self,
        program: _core.Program,
        inputs: list[int],
        params: list[int],
        inference: _core.Program | None = None,
        function: Called | None = None,
        why: str = "",
        penalty: _core.Program | None = None,
    ) -> int:
        """The program's forward mode; its states and their tangents get slots of their own.

        It is that of the inference program where there is one: what is analysed has no noise and no penalty.
        Raises TraceError for a step in Python, which has none.
        """
        program = inference or program
        forward = program.tangent()
        given: list[int] = []
        for index, (_, _, is_index) in zip(inputs, program.inputs, strict=True):
            pair = self.pairs[index]
            given.append(pair.value)
            if not is_index:
                assert pair.tangent is not None
                given.append(pair.tangent)
        own = dict(zip([name for name, _ in program.params], params, strict=True))
        offsets = [own.get(name, self.zeros) for name, _ in forward.params]
        start = len(self.values) + len(self.tangents)
        places = {name: start + place for place, (name, _) in enumerate(forward.states)}
        for name, _ in program.states:
            self.values.append(places[name])
            self.tangents.append(places[f"d_{name}"])
        (_, (width,)), *_ = program.outputs
        both = self.core.layer(side_by_side(forward), _in_order(program, forward, given), offsets)
        halves = [
            self.core.layer(part_of(2 * width, place * width, (place + 1) * width), [both], [])
            for place in range(2)
        ]
        return self._keep(halves[0], halves[1], width)

    def reverse(self, node: int) -> int:
        """Raises ConfigError: a state that comes from the future is no state of a step."""
        raise ConfigError(
            "net reads sequences backwards (bidirectional), so no step leads from one state to the next; "
            "analyse a network of one direction"
        )

    def concat(self, nodes: list[int]) -> int:
        """Both halves side by side."""
        pairs = [self.pairs[node] for node in nodes]
        tangents = [pair.tangent for pair in pairs if pair.tangent is not None]
        value = self.core.concat([pair.value for pair in pairs])
        return self._keep(value, self.core.concat(tangents), sum(pair.width for pair in pairs))

    def add(self, a: int, b: int) -> int:
        """The sum of values, and that of tangents."""
        one, two = self.pairs[a], self.pairs[b]
        assert one.tangent is not None and two.tangent is not None
        return self._keep(
            self.core.add(one.value, two.value), self.core.add(one.tangent, two.tangent), one.width
        )

    def _keep(self, value: int, tangent: int | None, width: int) -> int:
        self.pairs.append(Pair(value, tangent, width))
        return len(self.pairs) - 1


def tangent_network(graph: Graph, output: Node, zeros: int) -> TangentNetwork:
    """The forward mode of a graph; its output is `[y; d_y]`. Raises ConfigError for a graph that reverses."""
    made: Any = TangentCore(zeros)
    nodes: list[int] = []
    for operation in graph.operations:
        nodes.append(operation(made, nodes))
    last = made.pairs[nodes[output.index]]
    made.core.finish(made.core.concat([last.value, last.tangent]))
    return TangentNetwork(made.core, tuple(made.values), tuple(made.tangents))


def _in_order(program: _core.Program, forward: _core.Program, given: list[int]) -> list[int]:
    """`given` (each input, and its tangent if it has one) in the order of the forward mode's inputs."""
    names: list[str] = []
    for name, _, is_index in program.inputs:
        names += [name] if is_index else [name, f"d_{name}"]
    by_name = dict(zip(names, given, strict=True))
    return [by_name[name] for name, _, _ in forward.inputs]


def side_by_side(forward: _core.Program) -> _core.Program:
    """The forward mode with the one output `[y; d_y]`: a layer hands on its first output only.

    The program's text is cut and joined, not read and written: numbers in it must stay as they are, since the
    core refuses a text that is not canonical.
    """
    text = forward.to_json()
    record = json.loads(text)
    parts = [node for _, node in record["outputs"]]
    head = text[: text.rindex('],"outputs":')]
    tail = text[text.rindex(',"sizes":') :]
    joined = f',{{"args":{json.dumps(parts, separators=(",", ":"))},"op":"concat"}}'
    last = len(record["nodes"])
    return _core.Program(f'{head}{joined}],"outputs":[["output",{last}]]{tail}')


def part_of(width: int, start: int, stop: int) -> _core.Program:
    """A layer that gives the features `start` to `stop` of `width`."""

    def step(x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        return x[start:stop], {}

    return _stateless("part", step, width)


def _nothing(width: int) -> _core.Program:
    def step(x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        return 0.0 * x, {}

    return _stateless("nothing", step, width)


def _stateless(name: str, step: Any, width: int) -> _core.Program:
    params: dict[str, Param] = {}
    return trace_step(name, step, {"x": (width,)}, params, {}, {})
