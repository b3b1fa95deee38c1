"""`Bidirectional`: a layer, and a second layer that reads each row from its end."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from ostinato.errors import ConfigError, DTypeError, a_type, shown
from ostinato.network.arena import Array
from ostinato.network.graph import Graph, Node, Scope
from ostinato.network.network import Network

if TYPE_CHECKING:  # Most programs read no model file.
    from ostinato.network.programs import Programs
    from ostinato.network.record import Record


class Bidirectional(Network):
    """Outputs `[forward(x); backward(x)]`; backward reads each row from its last valid step to its first.

    The parameters of the backward layer have the suffix `_reverse`. The states of both are in one array in
    the order l0 forward, l0 backward. So `Bidirectional(LSTM(8, 16))` has the state dict of
    `LSTM(8, 16, bidirectional=True)`. For a stack of layers, the two differ: `Bidirectional` concatenates the
    two directions after the whole stack, `bidirectional=True` after each layer.

    backward: a layer with the same settings; None makes one with its own initial values. Raises ConfigError
    for a layer that takes ids, or for a backward layer with other settings.
    """

    kind = "bidirectional"
    _fixed = ("forward", "backward")

    def __init__(self, forward: Network, backward: Network | None = None) -> None:
        for name, layer in (("forward", forward), ("backward", backward)):
            if not isinstance(layer, Network) and not (layer is None and name == "backward"):
                raise DTypeError(f"{name} is {a_type(layer)}; expected a layer such as LSTM(8, 16)")
        if forward.takes_ids:
            raise ConfigError(
                f"forward is {shown(forward)}, which takes ids; put the Embedding before Bidirectional"
            )
        if backward is None:
            backward = copy.copy(forward)
            backward._redraw(backward._arena, Scope().reversed(), None)
        self._fill(forward, backward)

    def _fill(self, forward: Network, backward: Network) -> None:
        self.forward, self.backward = forward, backward
        self.input_size, self.dtype, self.batch_first = forward.input_size, forward.dtype, forward.batch_first
        if _make(forward) != _make(backward):
            raise ConfigError(
                f"backward is {shown(backward)}; expected the make of forward, {shown(forward)}"
            )
        self._set_up()

    def __repr__(self) -> str:
        return f"Bidirectional({self.forward!r})"

    def _assemble(self, graph: Graph, x: Node, scope: Scope) -> Node:
        before = {name: len(members) for name, members in graph.states.items()}
        forwards = self.forward._assemble(graph, x, scope)
        middle = {name: len(members) for name, members in graph.states.items()}
        backwards = self.backward._assemble(graph, graph.reverse(x), scope.reversed())
        for name, members in graph.states.items():
            first, second = before.get(name, 0), middle.get(name, 0)
            pairs = zip(members[first:second], members[second:], strict=True)
            members[first:] = [slot for pair in pairs for slot in pair]
        return graph.concat([forwards, graph.reverse(backwards)], ends=[forwards, backwards])

    def _children(self) -> list[Network]:
        return [self.forward, self.backward]

    def _redraw(self, values: Array, scope: Scope, seed: int | None) -> None:
        (forward, first), (backward, second) = self._parts(values)
        forward._redraw(first, scope, seed)
        backward._redraw(second, scope.reversed(), seed)

    def _record(self, programs: Programs) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "forward": self.forward._record(programs),
            "backward": self.backward._record(programs),
        }

    @classmethod
    def _restore(cls, record: Record, programs: Programs) -> Bidirectional:
        forward, backward = (
            programs.network(record.inner("forward")),
            programs.network(record.inner("backward")),
        )
        record.done()
        self = cls.__new__(cls)
        self._fill(forward, backward)
        return self


def _make(layer: Network) -> tuple[Any, ...]:
    """The settings that both directions must share, so that their outputs and states can be joined."""
    programs = [program.hash for program in layer.programs.values()]
    return (layer.takes_ids, layer.dtype, layer.batch_first, layer.input_size, layer.output_size, programs)
