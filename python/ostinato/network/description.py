"""`GraphData`: the structure of a network, as a frozen value and as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ostinato import _core
from ostinato.cached import cached
from ostinato.network.graph import Graph, Shape


@dataclass(frozen=True)
class GraphData:
    """A network as data: nodes, step programs, parameters and states. `net.graph()` returns it.

    `text` is the canonical JSON of nodes, outputs and programs, which the engine can read. `parameters` are
    (name, offset in the arena, shape), `states` (name, shape) in the order in which the engine numbers them.
    Two values are equal if the networks have the same structure, whatever their parameters hold.
    """

    text: str
    parameters: tuple[tuple[str, int, Shape], ...]
    states: tuple[tuple[str, Shape], ...]

    @classmethod
    def of(cls, graph: Graph, core: _core.Network) -> GraphData:
        """Raises ConfigError for a step in Python, which has no text."""
        return cls(
            core.to_json(),
            tuple((one.name, one.offset, one.shape) for one in graph.parameters.values()),
            tuple((slot.name, slot.shape) for slot in graph.slots),
        )

    @cached
    def _parsed(self) -> Mapping[str, Any]:
        return MappingProxyType(json.loads(self.text))

    @property
    def nodes(self) -> list[dict[str, Any]]:
        """The nodes in order: "op", the numbers of the operands in "parts", and further keys by kind."""
        return list(json.loads(self.text)["nodes"])

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, in order."""
        return tuple(node["name"] for node in self._parsed["nodes"] if node["op"] in ("input", "ids"))

    @property
    def outputs(self) -> dict[str, int]:
        """The node of each output, by name."""
        return dict(self._parsed["outputs"])

    @property
    def hash(self) -> str:
        """SHA-256 of `text`, in hexadecimal."""
        import hashlib  # loads OpenSSL, which takes milliseconds

        return hashlib.sha256(self.text.encode()).hexdigest()

    def to_json(self) -> str:
        """The whole value as JSON text, as in a model file."""
        return (
            f'{{"graph":{self.text},"parameters":{_dumped(self.parameters)},"states":{_dumped(self.states)}}}'
        )

    def __repr__(self) -> str:
        inputs, outputs = ", ".join(self.inputs), ", ".join(self.outputs)
        return f"<GraphData {inputs} -> {outputs}: {len(self._parsed['nodes'])} nodes, {self.hash[:12]}>"


def _dumped(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
