"""`stack`: several steps, one after the other, as one step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ostinato.cell import Cell, Memory, Param, State
from ostinato.errors import ConfigError
from ostinato.layers.inlined import Composed, Inlined, joined_memories
from ostinato.namespace import Names
from ostinato.ops import Value
from ostinato.options import Configured
from ostinato.plugins.registry import registry
from ostinato.trace import Noise


@dataclass(frozen=True)
class Steps:
    """The steps of a stack, in their order."""

    steps: tuple[Inlined, ...]

    @property
    def parameters(self) -> dict[str, Param]:
        """Those of all steps."""
        return {name: one for step in self.steps for name, one in step.parameters.items()}

    @property
    def states(self) -> dict[str, State]:
        """Those of all steps."""
        return {name: one for step in self.steps for name, one in step.states.items()}

    @property
    def memories(self) -> dict[str, Memory]:
        """Those of all steps, by their own names."""
        return joined_memories("stack", self.steps)


class Stack(Composed[Steps]):
    """Steps of one program: each reads the output of the step before it. Made by `ost.stack`."""

    name = "stack"

    def __init__(self, *cells: Any) -> None:
        if not cells:
            raise ConfigError("stack: no cells; expected at least one, such as ost.stack('gru', 'gru')")
        self.cells: tuple[Cell, ...] = tuple(
            registry.make("cell", one, Cell, {}, argument=f"stack: cell {place}")
            for place, one in enumerate(cells)
        )

    def _compose(self, input_size: int, hidden_size: int) -> Steps:
        """Return the steps: the input of each has the width of the output before it."""
        made: list[Inlined] = []
        width = input_size
        for place, cell in enumerate(self.cells):
            made.append(Inlined(cell, width, hidden_size, prefix=f"step{place}_"))
            width = made[-1].output_size
        return Steps(tuple(made))

    def _made_of(self) -> Iterable[Configured]:
        """Return the cells."""
        return self.cells

    def step(
        self,
        x: Value,
        state: Names[Value],
        p: Names[Value],
        memory: Names[Value] | None = None,
        noise: Noise | None = None,
    ) -> tuple[Value, dict[str, Value]]:
        """Return the output of the last step, and the new states of all."""
        new: dict[str, Any] = {}
        for one in self._parts_with(state, p).steps:
            x, update = one(x, state, p, memory, noise)
            new |= update
        return x, new


def stack(*cells: str | type[Cell] | Cell) -> Stack:
    """One step made of several: each reads the output of the step before it.

        ost.Recurrent(ost.stack("gru", "lstm", ost.Head(20)), 8, 32)

    A loop over several layers and a head is then one program, which the planner sees as a whole.

    cells: names ("gru", "acme/cell"), Cell subclasses or instances; all have the hidden size of the layer.
    Parameters and states have the number of the step before their names: `step0_weight_hh`, `step1_h`. A
    memory keeps its name, so that all steps that read "source" read the same memory.

    Raises ConfigError for an unknown name; and, when a layer is made of it, for a step that runs in Python
    and for memories with the same name and different widths.
    """
    return Stack(*cells)
