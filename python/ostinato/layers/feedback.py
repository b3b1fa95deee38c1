"""`feedback`: a step whose output is an input of the next step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from ostinato import checks, ops
from ostinato.cell import Cell, Memory, Param, State
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.layers.inlined import Composed, Inlined
from ostinato.namespace import Names
from ostinato.ops import Value
from ostinato.options import Configured
from ostinato.plugins.registry import registry
from ostinato.trace import Noise

FED: Final = "fed"
"""The state that holds the output of the step before."""


@dataclass(frozen=True)
class Fed:
    """The cell at given sizes."""

    cell: Inlined

    @property
    def parameters(self) -> dict[str, Param]:
        """Those of the cell."""
        return self.cell.parameters

    @property
    def states(self) -> dict[str, State]:
        """Those of the cell, and its last output."""
        return {**self.cell.states, FED: State(self.cell.output_size)}

    @property
    def memories(self) -> dict[str, Memory]:
        """Those of the cell."""
        return self.cell.memories


class Feedback(Composed[Fed]):
    """A step whose output is an input of the next step. Made by `ost.feedback`."""

    name = "feedback"

    def __init__(self, cell: Any, through: bool = True) -> None:
        self.cell = registry.make("cell", cell, Cell, {}, argument="feedback: cell")
        self.through = checks.flag("feedback", "through", through)

    def _compose(self, input_size: int, hidden_size: int) -> Fed:
        """Return the cell; its input is as wide as all inputs but the code."""
        if input_size < 2:
            raise ShapeError(
                f"feedback: input_size is {input_size}; expected own features, the features of the output "
                "and one for the code"
            )
        made = Inlined(self.cell, input_size - 1, hidden_size)
        if made.output_size > input_size - 1:
            raise ShapeError(
                f"feedback: cell {shown(self.cell.name)} returns {made.output_size} features, and input_size "
                f"is {input_size}; expected at least {made.output_size + 1}: own features, the features of "
                "the output and one for the code"
            )
        if FED in made.own_states:
            raise ConfigError(
                f"feedback: cell {shown(self.cell.name)} has a state {shown(FED)}, the name of the output of "
                "the step before; expected a state of another name"
            )
        return Fed(made)

    def _made_of(self) -> Iterable[Configured]:
        """Return the cell."""
        return [self.cell]

    def step(
        self,
        x: Value,
        state: Names[Value],
        p: Names[Value],
        memory: Names[Value] | None = None,
        noise: Noise | None = None,
    ) -> tuple[Value, dict[str, Value]]:
        """Return the output of the cell, which is also what the next step may read."""
        cell = self._parts_with(state, p).cell
        width = int(x.shape[0])
        own = width - 1 - cell.output_size
        truth, code = x[own : width - 1], x[width - 1 :]
        fed = ops.where(code > 0.5, truth, state[FED])
        given = ops.concat([x[:own], fed]) if own else fed
        output, new = cell(given, state, p, memory, noise)
        return output, {**new, FED: output if self.through else ops.stop_gradient(output)}


def feedback(cell: str | type[Cell] | Cell, *, through: bool = True) -> Feedback:
    """A step that reads its own output of the step before: free running, for outputs that are no ids.

        net = ost.Recurrent(ost.feedback(ost.stack("gru", ost.Head(2))), 3 + 2 + 1, 32)
        net(np.concatenate([features, truth, code], axis=2))

    The input of the layer is `[own; truth; code]`: F features of its own (F may be 0), K features, and one
    number, where the cell returns K features. The cell reads `[own; truth]` where the code is above 0.5, and
    `[own; y_{t-1}]` otherwise, where y_{t-1} is its own output of the step before, and 0 before the first
    step. So codes of 1 are teacher forcing, codes of 0 free running, and drawn ones scheduled sampling
    (Bengio et al. 2015); a 1 at the first step only generates a sequence from one value. What the code leaves
    out is not read: it may be NaN.

    Args:
        cell: a name, a Cell subclass or an instance, such as `ost.stack("gru", ost.Head(2))`.
        through: whether gradients flow through the outputs that are fed back. False takes them as data.

    Its parameters and states have the names that they have in the cell; the state `fed` is y_{t-1}, of shape
    (1, N, K).

    Raises ConfigError for an unknown name; and, when a layer is made of it, ConfigError for a cell with a
    state "fed" or a step that runs in Python, ShapeError for an input_size without room for K features and
    the code.
    """
    return Feedback(cell, through)
