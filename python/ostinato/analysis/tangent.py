"""A network that also computes a tangent of every sequence: the forward mode of a whole graph of layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ostinato import _core
from ostinato.cell import Param
from ostinato.errors import ConfigError, shown
from ostinato.network.graph import DeriveOp, FinalOp, Graph, InputOp, LayerOp, Node, Operation, resting
from ostinato.trace import trace_step


@dataclass(frozen=True)
class Pair:
    """A sequence of the core and its tangent; ids have none."""

    value: int
    tangent: int | None
    width: int


@dataclass(frozen=True)
class TangentNetwork:
    """The core's network, and the state slots of each state of the graph and of its tangent."""

    core: _core.Network
    values: tuple[int, ...]
    tangents: tuple[int, ...]


class TangentCore:
    """Builds a `_core.Network` out of the operations of another one, with both halves of each of them.

    The input's tangent is zero, and so are those of the parameters, all of which lie at the offset `zeros` of
    the arena. What is left are the tangents of the states.
    """

    def __init__(self, zeros: int) -> None:
        self.core = _core.Network("float64")
        self.zeros = zeros
        self.pairs: list[Pair] = []
        self.values: list[int] = []
        self.tangents: list[int] = []

    def add(self, operation: Operation) -> None:
        """Both halves of an operation. Raises ConfigError and TraceError, as the methods below say."""
        match operation:
            case InputOp(name, axis, width, None):
                x = self.core.input(name, axis, width)
                self._keep(x, self.core.layer(_nothing(width), [x], []), width)
            case InputOp(name, axis, _, int(limit)):
                self._keep(self.core.index_input(name, axis, limit), None, 1)
            case DeriveOp():
                self._derive(operation)
            case LayerOp():
                self._layer(operation)
            case FinalOp():
                raise ConfigError(
                    "net reads the final state of a layer, which no single step gives; analyze the "
                    "layer by itself"
                )

    def _layer(self, operation: LayerOp) -> None:
        """The program's forward mode; its states and their tangents get separate slots.

        It is the forward mode of the inference program if there is one: the analysis has no noise and no
        penalty. Raises TraceError for a step in Python, which has no forward mode.
        """
        program = resting(operation.unit).program
        if operation.memories:
            raise ConfigError(
                f"layer {shown(operation.label)} reads a memory, a whole sequence at each step, so its step "
                "is no function of one input and its state; analyze the layers without memories"
            )
        forward = program.tangent()
        given: list[int] = []
        for index, (_, _, is_index) in zip(operation.inputs, program.inputs, strict=True):
            pair = self.pairs[index]
            given.append(pair.value)
            if not is_index:
                assert pair.tangent is not None
                given.append(pair.tangent)
        own = dict(zip([name for name, _ in program.params], operation.offsets, strict=True))
        offsets = [own.get(name, self.zeros) for name, _ in forward.params]
        start = len(self.values) + len(self.tangents)
        places = {name: start + place for place, (name, _) in enumerate(forward.states)}
        for name, _ in program.states:
            self.values.append(places[name])
            self.tangents.append(places[f"d_{name}"])
        (output, (width,)), *_ = program.outputs
        value = self.core.layer(forward, _in_order(program, forward, given), offsets)
        self._keep(value, self.core.layer_output(value, f"d_{output}"), width)

    def _derive(self, operation: DeriveOp) -> None:
        """The same moves for values and tangents.

        Raises ConfigError for a reversed sequence: a state that depends on later steps is not the state of a
        step.
        """
        kind, columns = operation.kind, operation.columns
        if kind == "reverse":
            raise ConfigError(
                "net reads sequences backward (bidirectional), so no step maps one state to the next; "
                "analyze a network of one direction"
            )
        pairs = [self.pairs[part] for part in operation.parts]
        tangents = [pair.tangent for pair in pairs if pair.tangent is not None]
        width = operation.width([pair.width for pair in pairs])
        value = self.core.derive(kind, [pair.value for pair in pairs], columns)
        self._keep(value, self.core.derive(kind, tangents, columns), width)

    def _keep(self, value: int, tangent: int | None, width: int) -> None:
        self.pairs.append(Pair(value, tangent, width))


def tangent_network(graph: Graph, output: Node, zeros: int) -> TangentNetwork:
    """The forward mode of a graph, with outputs y and d_y. Raises ConfigError for a reversed sequence."""
    made = TangentCore(zeros)
    for operation in graph.operations:
        made.add(operation)
    last = made.pairs[output.index]
    assert last.tangent is not None
    made.core.finish([("y", last.value), ("d_y", last.tangent)])
    return TangentNetwork(made.core, tuple(made.values), tuple(made.tangents))


def _in_order(program: _core.Program, forward: _core.Program, given: list[int]) -> list[int]:
    """`given` (each input, and its tangent if it has one) in the order of the forward mode's inputs."""
    names: list[str] = []
    for name, _, is_index in program.inputs:
        names += [name] if is_index else [name, f"d_{name}"]
    by_name = dict(zip(names, given, strict=True))
    return [by_name[name] for name, _, _ in forward.inputs]


def _nothing(width: int) -> _core.Program:
    def step(x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        return 0.0 * x, {}

    return _stateless("nothing", step, width)


def _stateless(name: str, step: Any, width: int) -> _core.Program:
    params: dict[str, Param] = {}
    return trace_step(name, step, {"x": (width,)}, params, {}, {})
