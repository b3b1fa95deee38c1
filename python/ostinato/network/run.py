"""What a network returns: `Run` from the forward pass, `Gradients` from the backward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ostinato import _core, checks
from ostinato.arena_view import arena_view
from ostinato.attribute_guard import AttributeGuard
from ostinato.brief import call
from ostinato.errors import ConfigError, shown
from ostinato.network.arena import views
from ostinato.network.freezing import frozen_ranges
from ostinato.network.graph import Graph
from ostinato.network.parameters import ParameterGradients
from ostinato.network.ports import Ports
from ostinato.network.states import from_slots, to_slots
from ostinato.no_copies import NoCopies
from ostinato.sequences.arrays import Array
from ostinato.sequences.batch import Batch


class Facts(NamedTuple):
    """What a network is made of, its inputs and outputs, and what was frozen when it ran."""

    graph: Graph
    ports: Ports
    frozen: frozenset[int]
    """Offsets of the parameters that have no gradient."""


@dataclass(frozen=True, eq=False)
class Gradients:
    """Derivatives of a scalar, by what they are taken of.

    `params`: name -> array of the parameter's shape, views into `arena`, which is laid out as the network's
    own; a read-only mapping. A frozen parameter is not in `params`, and zeros in `arena`. `inputs`: like x, 0
    past the lengths and at masked steps; None where x was ids; a dict where x was one of several inputs.
    `initial_state`: like `state`, without states that start from a value of the graph, and without the states
    of layers that have no backward pass: see `value_and_grad(input_gradient=)`.
    `final_state` is no derivative: the states after the last valid steps, for the next window of a stream.
    Nor are `penalty`, the part of value_and_grad's loss that regularizers added, and `losses`, that of each
    output by name: with the scale of `weighted`, 0 for an output without a loss, and empty after
    `Run.backward`.
    """

    params: Mapping[str, Array]
    inputs: Any
    initial_state: dict[str, Array]
    arena: Array
    final_state: dict[str, Array]
    penalty: float = 0.0
    losses: Mapping[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        inputs, state = self.inputs, self.initial_state or None
        return call(self, params=dict(self.params), inputs=inputs, initial_state=state)

    @classmethod
    def from_core(
        cls,
        arena: Array,
        inputs: Sequence[Array | None],
        states: tuple[Sequence[Array | None], Sequence[Array]],
        facts: Facts,
        batch: Batch,
        penalty: float = 0.0,
        losses: Sequence[float] = (),
    ) -> Gradients:
        """Names for what the core returns; `states` are gradients of initial states, and final states."""
        graph, ports, frozen = facts
        initial, final = states
        trained = (one for one in graph.parameters.values() if one.offset not in frozen)
        return cls(
            params=ParameterGradients(views(trained, arena)),
            inputs=ports.input_gradients(inputs, batch),
            initial_state=from_slots(initial, graph, batch.rows, settable=True),
            arena=arena_view(arena, frozen_ranges(graph, frozen), graph.padding),
            final_state=from_slots(final, graph, batch.rows),
            penalty=penalty,
            losses=dict(zip(ports.outputs, losses, strict=False)),
        )


class Run(NoCopies, AttributeGuard):
    """One forward pass. It owns what `backward` needs, so the network may be run again meanwhile.

    `outputs` is (N, T, width), or (T, N, width) when not batch_first, 0 past each row's length and at masked
    steps; (N, width) for an output of rows; a dict by name for a network of several outputs.
    `final_state` maps a name to (layers * directions, N, size), each row's state after its last valid step.
    `lengths` is (N,), or None where every row has all T steps; a dict by axis for sequences on several
    axes. `penalty` is what regularizers add to a loss:
    the mean over the valid steps of what each adds, and what the parameters add; None where none does, or
    without training.
    """

    _instead_of_a_copy = "keep run.outputs and run.final_state, which are arrays"

    def __init__(self, core: _core.Run, facts: Facts, batch: Batch, dtype: str, training: bool) -> None:
        self._core = core
        self._facts = facts
        self._batch = batch
        self._dtype = dtype
        self._training = training
        self.outputs: Any = facts.ports.outward(core.outputs, batch)
        self.final_state: dict[str, Array] = from_slots(core.final_state, facts.graph, batch.rows)
        self.lengths: Array | dict[str, Array | None] | None = (
            {axis: one.lengths for axis, one in batch.axes.items()} if batch.others else batch.lengths
        )
        self.penalty: float | None = core.penalty

    def __repr__(self) -> str:
        return call(self, outputs=self.outputs, final_state=self.final_state or None, penalty=self.penalty)

    def backward(
        self, d_outputs: Any, d_final_state: Any = None, d_penalty: float | None = None
    ) -> Gradients:
        """Gradients of a scalar from its derivatives by the outputs, the final state and the penalty.

        d_outputs: like `outputs`, or None for zeros; padding and masked steps are not read. In a dict, a
        missing name means zeros.
        d_final_state: a dict like `final_state`; a missing name means zeros.
        d_penalty: 1 if `penalty` is part of the scalar, 0 if not. It is required for a network with
        penalties, because a run has no loss.
        Raises ConfigError without training=True and for a d_penalty that is missing or has no use;
        ShapeError, DTypeError.
        """
        if not self._training:
            raise ConfigError(
                "backward needs a run with training=True; this one kept nothing for it. With "
                "regularize=False too, regularizers are at rest"
            )
        if self.penalty is None and d_penalty is not None:
            raise ConfigError(
                f"d_penalty is {shown(d_penalty)}, but no regularizer of this network adds to a loss"
            )
        if self.penalty is not None and d_penalty is None:
            raise ConfigError(
                "d_penalty is missing: regularizers of this network add run.penalty to the loss; give 1.0 "
                "where it is part of what is differentiated, 0.0 where not. value_and_grad adds it by itself"
            )
        scale = 0.0 if d_penalty is None else checks.number("backward", "d_penalty", d_penalty)
        batch, dtype, (graph, ports, _) = self._batch, self._dtype, self._facts
        d_out = ports.read_d_outputs(d_outputs, batch, dtype)
        d_state = to_slots(
            "d_final_state", d_final_state, graph, batch.rows, dtype, partial=True, settable=False
        )
        arena, inputs, state = self._core.backward(d_out, d_state, scale)
        penalty = scale * (self.penalty or 0.0)
        states = (state, self._core.final_state)
        return Gradients.from_core(arena, inputs, states, self._facts, batch, penalty)
