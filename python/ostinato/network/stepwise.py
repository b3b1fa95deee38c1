"""A network that runs step by step: the input that it is fed, and what it is given before the first step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ostinato import _core
from ostinato.cached import cached
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.network.graph import Graph, Node
from ostinato.network.ports import Ports
from ostinato.sequences.arrays import Array, as_array
from ostinato.sequences.axis import ROW
from ostinato.sequences.batch import Batch


@dataclass(frozen=True, eq=False)
class Before:
    """What some rows are given before the first step, read: arrays in the core's order, and their extent."""

    rows: int
    arrays: Sequence[Array]
    batch: Batch


class StepwiseNetwork(Protocol):
    """What decoding needs of a network."""

    @property
    def arena(self) -> Array:
        """All parameters."""

    @property
    def output_size(self) -> int:
        """Features of the output."""

    def _stepwise(self, watch: str | None = None) -> Stepwise: ...
    def _core(self) -> _core.Network: ...
    def _call(
        self, call: str, x: Any, lengths: Any, mask: Any, state: Any, resets: Any, first_step: Any
    ) -> tuple[Any, Batch]: ...


@dataclass(frozen=True)
class Stepwise:
    """The parts of a network that runs step by step."""

    core: _core.Steps
    graph: Graph
    ports: Ports
    dtype: str
    batch_first: bool

    @cached
    def fed_name(self) -> str:
        """The name of the input that is fed."""
        return list(self.ports.inputs)[self.core.fed]

    @cached
    def fed(self) -> Node:
        """The input that is fed."""
        return self.ports.inputs[self.fed_name]

    @cached
    def others(self) -> Ports:
        """The other inputs."""
        rest = {name: node for name, node in self.ports.inputs.items() if name != self.fed_name}
        return replace(self.ports, inputs=rest)

    @cached
    def memories(self) -> Ports:
        """The other inputs that are sequences."""
        others = self.others
        return replace(others, inputs={name: one for name, one in others.inputs.items() if one.axis != ROW})

    def before(self, call: str, batch: int | None, rows: Any, memory: Any, lengths: Any) -> Before:
        """What is given, read: values of rows and sequences, each by name, or what is no dict for one.

        Raises ConfigError, ShapeError or DTypeError that names the argument.
        """
        others = self.others
        memories = self.memories.inputs
        arrays: dict[str, Array] = {}
        read = Batch(None, 1 if batch is None else batch, 0, False, True)
        if memories:
            if memory is None:
                entries = ", ".join(f"{shown(name)}: ..." for name in memories)
                raise ConfigError(
                    f"{call}: memory is missing: this network reads more than {shown(self.fed_name)}, which "
                    f"it is fed; write memory={{{entries}}}"
                )
            given = self.memories.by_name("memory", memory, memories, plain=len(memories) == 1)
            found, read = self.memories.read(
                given if len(memories) > 1 else next(iter(given.values())),
                lengths,
                self.dtype,
                self.batch_first,
            )
            if batch not in (None, read.rows):
                raise ShapeError(f"{call}: memory has {read.rows} rows, and batch is {batch}")
            arrays.update(zip(memories, found, strict=True))
        for argument, value in () if memories else (("memory", memory), ("lengths", lengths)):
            if value is not None:
                raise ConfigError(
                    f"{call}: {argument} is given, but this network reads no sequence except "
                    f"{shown(self.fed_name)}, which it is fed; omit it"
                )
        names = list(self.ports.inputs)
        for number, array in self.ports.read_rows(rows, read.rows, self.dtype):
            arrays[names[number]] = array
        return Before(read.rows, [arrays[name] for name in others.inputs], read)

    def before_of(self, call: str, given: Mapping[str, Any], lengths: Any, rows: int | None) -> Before:
        """The same for all other inputs by name. `rows` is the number of rows where none of them has one."""
        memory = {name: given[name] for name, node in self.others.inputs.items() if node.axis != ROW}
        values = {name: given[name] for name, node in self.others.inputs.items() if node.axis == ROW}
        if values and not memory:
            rows = len(as_array(next(iter(values)), next(iter(values.values()))))
        return self.before(call, None if memory else rows, values or None, memory or None, lengths)

    def given(self, before: Before, arena: Array) -> _core.Given:
        """Runs what comes before the steps with these parameters."""
        if not self.core.reads:
            return self.core.nothing(before.rows)
        return self.core.given((arena, before.arrays, before.batch.extent, []))

    @cached
    def state_names(self) -> list[str]:
        """The names of the states of the steps."""
        slots = set(self.core.states)
        return [name for name, members in self.graph.states.items() if slots.issuperset(members)]
