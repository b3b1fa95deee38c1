"""What a network returns: `Run` from the forward pass, `Gradients` from the backward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ostinato import _core
from ostinato.errors import ConfigError
from ostinato.network.arena import views
from ostinato.network.batch import Array, Batch, read_steps
from ostinato.network.graph import Graph
from ostinato.network.states import from_slots, to_slots


@dataclass(frozen=True)
class Gradients:
    """Derivatives of a scalar, by what they are taken of.

    `params`: name -> array of the parameter's shape, views into `arena`, which is laid out as the network's
    own. `inputs`: like x, 0 past the lengths; None where x was ids. `initial_state`: like `state`.
    `final_state` is no derivative: the states after the last valid steps, for the next window of a stream.
    """

    params: dict[str, Array]
    inputs: Array | None
    initial_state: dict[str, Array]
    arena: Array
    final_state: dict[str, Array]

    @classmethod
    def from_core(
        cls,
        arena: Array,
        inputs: Array | None,
        state: list[Array],
        final: list[Array],
        graph: Graph,
        batch: Batch,
    ) -> Gradients:
        """Names for what the core returns by offset and slot."""
        return cls(
            params=views(graph.parameters.values(), arena),
            inputs=None if inputs is None else batch.outward(inputs),
            initial_state=from_slots(state, graph, batch.rows),
            arena=arena,
            final_state=from_slots(final, graph, batch.rows),
        )


class Run:
    """One forward pass. It owns what `backward` needs, so the network may be run again meanwhile.

    `outputs` is (N, T, width), or (T, N, width) when not batch_first, 0 past each row's length.
    `final_state` maps a name to (layers * directions, N, size), each row's state after its last valid step.
    `lengths` is (N,), or None where every row has all T steps.
    """

    def __init__(
        self, core: _core.Run, graph: Graph, batch: Batch, width: int, dtype: str, training: bool
    ) -> None:
        self._core = core
        self._graph = graph
        self._batch = batch
        self._width = width
        self._dtype = dtype
        self._training = training
        self.outputs: Array = batch.outward(core.outputs)
        self.final_state: dict[str, Array] = from_slots(core.final_state, graph, batch.rows)
        self.lengths: Array | None = batch.lengths

    def backward(self, d_outputs: Any, d_final_state: Any = None) -> Gradients:
        """Gradients of a scalar from its derivatives by the outputs and by the final state.

        d_outputs: like `outputs`, or None for zeros; what it holds past the lengths is not read.
        d_final_state: a dict like `final_state`; names may be left out. Raises ConfigError without
        training=True, ShapeError, DTypeError.
        """
        if not self._training:
            raise ConfigError("backward needs a run with training=True; this one kept nothing for it")
        batch, dtype = self._batch, self._dtype
        d_out = (
            None if d_outputs is None else read_steps("d_outputs", d_outputs, batch, (self._width,), dtype)
        )
        d_state = to_slots("d_final_state", d_final_state, self._graph, batch.rows, dtype, partial=True)
        arena, inputs, state = self._core.backward(d_out, d_state)
        final = self._core.final_state
        return Gradients.from_core(arena, inputs, state, final, self._graph, batch)
