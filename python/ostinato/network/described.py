"""`Described`: what a network says about itself, and about its plans."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ostinato import _core, checks
from ostinato.network.calls import Calls
from ostinato.network.checkpoint_plan import CheckpointPlan
from ostinato.network.losses import AnyLoss
from ostinato.network.port import Port
from ostinato.network.training_memory import TrainingMemory, steps_by_axis
from ostinato.signature import later

if TYPE_CHECKING:
    from ostinato.network.description import GraphData
else:
    GraphData = later("ostinato.network.description", "GraphData")


class Described(Calls):
    """The inputs and outputs of a network, its programs, and the plans of its layers."""

    @property
    def inputs(self) -> Mapping[str, Port]:
        """Name -> axis and size of each input; read-only. A layer alone has one, "x"."""
        return MappingProxyType({name: Port.of(node) for name, node in self._ports.inputs.items()})

    @property
    def outputs(self) -> Mapping[str, Port]:
        """Name -> axis and size of each output; read-only. A layer alone has one, "output"."""
        return MappingProxyType({name: Port.of(node) for name, node in self._ports.outputs.items()})

    @property
    def output_size(self) -> int:
        """Features of the output, or of the first of several, per step or row."""
        return self._ports.output.width

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> (layers * directions, size): the shape of each state without its N."""
        return {
            name: (len(members), *self._graph.slots[members[0]].shape)
            for name, members in self._graph.states.items()
        }

    @property
    def programs(self) -> dict[str, _core.Program]:
        """The traced step of each layer and direction; printing one shows its equations."""
        return {label: unit.program for label, unit in self._graph.units}

    def explain(self, rows: int = 32, steps: int = 100, *, input_gradient: bool = True) -> str:
        """The plan of each layer for `rows` x `steps`, on each axis: phases, matmuls, FLOPs, memory.

        input_gradient: as in `value_and_grad`; a Trainer computes no gradients of inputs.
        """
        checks.flag("explain", "input_gradient", input_gradient)
        return self._core(input_gradient).explain(
            checks.count("explain", "rows", rows, at_least=0),
            checks.count("explain", "steps", steps, at_least=0),
        )

    def training_memory(
        self, rows: int = 32, steps: int | Mapping[str, int] = 100, loss: AnyLoss | None = None
    ) -> TrainingMemory:
        """The memory that one `value_and_grad` with FullBPTT takes at its peak, with the threads of now.

        steps: of every row; a dict by axis where axes differ, such as the memory of a decoder:
            `{"target": 20, "source": 30}`.
        `loss` is as in `value_and_grad`, a dict by outputs too; nothing is counted for an output without one.
        Raises ConfigError.
        """
        return TrainingMemory.of(
            self._core(),
            checks.count("training_memory", "rows", rows, at_least=0),
            steps_by_axis(steps, self._ports.axes),
            self._loss_programs(loss),
        )

    def graph(self) -> GraphData:
        """What this network is made of, as a frozen value: nodes, programs, places of parameters and states.

        Raises ConfigError for a network with a step in Python.
        """
        from ostinato.network.description import GraphData

        return GraphData.of(self._graph, self._core())

    def plans(self, *, input_gradient: bool = True) -> list[dict[str, Any]]:
        """The plan of each layer as numbers: matmuls before, in and after the loop, forwards and backwards.

        What a layer computes once per row, from values of rows, is counted apart, under "once_per_row"; what
        it computes once per id of an embedding, under "once_per_id"; and what it computes once per entry of a
        memory, by the name of the memory, under "once_per_entry".

        input_gradient: as in `value_and_grad`; a Trainer computes no gradients of inputs.
        """
        checks.flag("plans", "input_gradient", input_gradient)
        return self._core(input_gradient).plans()

    def _checkpoint_plan(self, budget: _core.Budget, rows: Any, steps: Any, loss: Any) -> CheckpointPlan:
        return CheckpointPlan.of(
            self._core(),
            budget,
            checks.count("plan", "rows", rows, at_least=0),
            checks.count("plan", "steps", steps, at_least=0),
            self._loss_programs(loss),
        )
