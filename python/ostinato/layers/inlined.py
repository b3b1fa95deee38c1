"""`Inlined`: the step of one cell as a part of the step of another; `Composed`: a cell made of such parts."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from ostinato.cell import Cell, Memory, Param, State, declared, takes_noise
from ostinato.dims import Dim
from ostinato.errors import ConfigError, shown
from ostinato.namespace import Names
from ostinato.options import Configured
from ostinato.trace import Noise, trace_cell


class Inlined:
    """A cell for an input of `input_size` features, whose equations become a part of another step.

    Its parameters and states are called `{prefix}{name}{suffix}` there. Memories keep their names, so that
    all parts that read "source" read the same memory. `output_size` is the width of its output.

    Raises ShapeError or TraceError, with the author's line, for a cell that cannot be traced at these sizes;
    ConfigError for a step that is Python code.
    """

    def __init__(
        self, cell: Cell, input_size: int, hidden_size: int, *, prefix: str = "", suffix: str = ""
    ) -> None:
        self.cell, self._prefix, self._suffix = cell, prefix, suffix
        traced = trace_cell(cell, input_size, hidden_size)
        if traced.function is not None:
            raise ConfigError(
                f"cell {shown(cell.name)}: its step runs in Python, which cannot be a part of another step; "
                "write it as equations, or use it alone in ost.Recurrent"
            )
        made = declared(cell, input_size, hidden_size)
        self.output_size = traced.output_size
        self.own_states: dict[str, State] = {key: _plain(one) for key, one in made.states.items()}
        """The states by their names in the cell."""
        self.memories: dict[str, Memory] = {key: Memory(int(one.width)) for key, one in made.memories.items()}
        self._params = traced.params

    @property
    def parameters(self) -> dict[str, Param]:
        """The parameters by their names in the other step."""
        return {self.name_of(name): one for name, one in self._params.items()}

    @property
    def states(self) -> dict[str, State]:
        """The states by their names in the other step."""
        return {self.name_of(name): one for name, one in self.own_states.items()}

    def name_of(self, name: str) -> str:
        """What a parameter or a state of the cell is called in the other step."""
        return f"{self._prefix}{name}{self._suffix}"

    def __call__(
        self,
        x: Any,
        state: Mapping[str, Any] | Names[Any],
        p: Names[Any],
        memory: Names[Any] | None,
        noise: Noise | None,
    ) -> tuple[Any, dict[str, Any]]:
        """The output of the cell, and its new states by their names in the other step."""
        owner = f"cell {self.cell.name!r}"
        held = Names(owner, "state", {name: state[self.name_of(name)] for name in self.own_states})
        own = Names(owner, "parameter", {name: p[self.name_of(name)] for name in self._params})
        more: tuple[Names[Any], ...] = ()
        if self.memories:
            assert memory is not None
            more = (Names(owner, "memory", {name: memory[name] for name in self.memories}),)
        drawn = {"noise": noise} if takes_noise(self.cell) else {}
        output, new = self.cell.step(x, held, own, *more, **drawn)
        return output, {self.name_of(name): new[name] for name in self.own_states}


class Parts(Protocol):
    """What a composed cell consists of at given sizes."""

    @property
    def parameters(self) -> dict[str, Param]:
        """All parameters."""

    @property
    def states(self) -> dict[str, State]:
        """All states."""

    @property
    def memories(self) -> dict[str, Memory]:
        """All memories."""


P = TypeVar("P", bound=Parts)


class Composed(Cell, Generic[P]):
    """A cell whose step consists of the steps of others: write `_compose`, `_made_of` and `step`."""

    _found: dict[tuple[int, int], P]

    @abstractmethod
    def _compose(self, input_size: int, hidden_size: int) -> P:
        """Return the parts for these sizes."""

    @abstractmethod
    def _made_of(self) -> Iterable[Configured]:
        """Return the cells and scorers, whose plugins a model file names."""

    def _parts(self, size: Names[Dim]) -> P:
        """The parts for these sizes, made once."""
        key = int(size.input), int(size.hidden)
        found = vars(self).setdefault("_found", {})
        if key not in found:
            found[key] = self._compose(*key)
        made: P = found[key]
        return made

    def _parts_with(self, state: Iterable[str], p: Iterable[str]) -> P:
        """The parts with these names of states and parameters: a step gets values, and no sizes."""
        names = set(state), set(p)
        return next(one for one in self._found.values() if (set(one.states), set(one.parameters)) == names)

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return those of all parts."""
        return self._parts(size).parameters

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return those of all parts."""
        return self._parts(size).states

    def memories(self, size: Names[Dim]) -> dict[str, Memory]:
        """Return those of all parts."""
        return self._parts(size).memories

    def __deepcopy__(self, memo: dict[int, Any]) -> Composed[P]:
        return self  # nothing changes it

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_found"}


def joined_memories(owner: str, parts: Sequence[Inlined]) -> dict[str, Memory]:
    """The memories of all parts. Raises ConfigError for one name with two widths."""
    found: dict[str, tuple[str, Memory]] = {}
    for part in parts:
        for name, one in part.memories.items():
            first, known = found.setdefault(name, (part.cell.name, one))
            if known.width != one.width:
                raise ConfigError(
                    f"{owner}: cell {shown(first)} reads the memory {shown(name)} with {known.width} "
                    f"features per entry, cell {shown(part.cell.name)} with {one.width}; cells that read "
                    "one name read the same memory: expected one width, or different names"
                )
    return {name: one for name, (_, one) in found.items()}


def _plain(state: State) -> State:
    """The state with numbers for the names of sizes, which differ between the parts of a step."""
    made = copy.copy(state)
    object.__setattr__(made, "shape", tuple(int(size) for size in state.shape))
    return made
