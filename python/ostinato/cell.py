"""The classes for authors of cells: `Cell`, `Param`, `Const`, `State`, `Memory`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ostinato.checks import LARGEST_COUNT, flag
from ostinato.dims import Dim, describe, named
from ostinato.errors import ConfigError, DTypeError, ShapeError, shown
from ostinato.namespace import Names
from ostinato.ops.table import Value
from ostinato.options import Configured
from ostinato.sequences.axis import ROW, TIME
from ostinato.specs import CellSpec

# In quotes, because NumPy imports its random module when the name is first used.
Init: TypeAlias = Callable[[tuple[int, ...], "np.random.Generator"], NDArray[np.float64]]
"""Makes the initial values of a parameter: `(shape, rng) -> float64 array`."""

__all__ = ["Cell", "CellSpec", "Const", "Declared", "Init", "Memory", "Param", "State", "declared"]


@dataclass(frozen=True)
class Param:
    """A parameter of a cell: its shape (rank 0 to 2, sizes of at least 1) and its initial values.

    `init` is the name of an initializer or a callable `(shape, rng) -> float64 array`. With `learned=False`
    no optimizer ever changes the parameter, and it has no gradient: it is always frozen. It is in the model
    file like the others. Raises ShapeError for another shape, ConfigError for another init or `learned`.
    """

    shape: tuple[int, ...]
    init: str | Init = "xavier_uniform"
    learned: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _checked_shape("Param: shape", self.shape))
        if not isinstance(self.init, str) and not callable(self.init):
            raise ConfigError(
                f"Param: init is {shown(self.init)}; expected a name or a callable (shape, rng) -> array"
            )
        flag("Param", "learned", self.learned)


@dataclass(frozen=True, eq=False)
class _Fixed:
    """An initializer that gives the same values always."""

    values: NDArray[np.float64]

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
        return self.values


class Const(Param):
    """An array that a step reads as `p.name`: a parameter that is not learned, with these initial values.

    array: numbers of rank 0 to 2, all finite. A network holds a copy in its dtype. A step may also use an
    array of up to 1024 numbers directly. Raises ShapeError for another rank or an empty array, DTypeError for
    what is no array of numbers, ConfigError for values that are not finite.
    """

    def __init__(self, array: ArrayLike) -> None:
        """Declare the array."""
        values = np.array(array)
        if values.dtype.kind not in "biuf":
            raise DTypeError(f"Const: array is {shown(array)}; expected an array of numbers")
        values = values.astype(np.float64)
        if not np.isfinite(values).all():
            raise ConfigError("Const: array has a value that is not finite")
        values.flags.writeable = False
        super().__init__(values.shape, _Fixed(values), learned=False)


@dataclass(frozen=True)
class State:
    """A state of a cell, zero at the start: `State(size.hidden)`, or `State((heads, width))` for a matrix.

    `State((), on="source")` has one number for each entry of the memory "source": the sum of the weights so
    far, or the weights of the step before. It starts from zeros, and is no state of the network that a caller
    sets or gets.
    """

    shape: tuple[int, ...]
    on: str | None = None

    def __init__(self, shape_or_size: int | Sequence[int], *, on: str | None = None) -> None:
        """Declare a state of this shape, of the row or on the entries of a memory.

        Raises ShapeError for a rank above 2 or a size below 1, ConfigError if `on` is no name.
        """
        if on is not None and not isinstance(on, str):
            raise ConfigError(f"State: on is {shown(on)}; expected the name of a memory")
        object.__setattr__(self, "shape", _checked_shape("State: shape_or_size", shape_or_size))
        object.__setattr__(self, "on", on)


@dataclass(frozen=True)
class Memory:
    """A memory of a cell: a sequence that each step reads as a whole, with `width` features per entry.

    Raises ShapeError for a width below 1.
    """

    width: int

    def __post_init__(self) -> None:
        (width,) = _checked_shape("Memory: width", (self.width,))
        object.__setattr__(self, "width", width)


class Cell(Configured):
    """A step as equations, which the engine repeats through time.

    Derive from this class and write `parameters`, `state` and `step`; options are keyword arguments of
    `__init__`, stored as attributes. `size` has the Dims `input` and `hidden`, and those that `sizes` adds.
    The registry name is the class attribute `name`, by default the class's name in lower case.

    A step that cannot be traced still runs if the cell has a method for its gradient:
    `vjp(x, state, p, d_output, d_state) -> d_x, {state: gradient}, {parameter: gradient}`, the
    vector-Jacobian product of `step`. The engine then calls `step` and `vjp` in Python, with read-only
    float64 arrays. A call gets one row, x (input,). If the class attribute `batched` is True, it gets many
    rows, x (N, input), and returns gradients of parameters summed over the rows.

    A step with an argument `noise` draws random numbers: `noise.normal`, `noise.uniform`, `noise.drop`,
    `noise.mix`. They are new at each step of each row in training; in inference, where `noise.training` is
    False, nothing is random.
    """

    kind: ClassVar[str] = "cell"
    _noun: ClassVar[str] = "cell"
    """What messages call it."""
    batched: ClassVar[bool] = False

    def sizes(self, size: Names[Dim]) -> dict[str, int]:
        """Return further named sizes, in addition to input and hidden; none by default."""
        return {}

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return the parameters by name; none by default."""
        return {}

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return the states by name; none by default."""
        return {}

    def memories(self, size: Names[Dim]) -> dict[str, Memory]:
        """Return the memories by name; none by default.

        A memory is a sequence with lengths of its own, such as the outputs of an encoder, that stays the same
        while the step is repeated. A step of a cell with memories takes them as its last argument:
        `step(self, x, state, p, memory)`; `memory.source` has one vector (width,) for each entry.
        """
        return {}

    if TYPE_CHECKING:
        # A cell with memories takes one more argument, and so does one that draws noise.
        step: Callable[..., tuple[Value, dict[str, Value]]]
    else:

        def step(self, x: Value, state: Names[Value], p: Names[Value]) -> tuple[Value, dict[str, Value]]:
            """Return the output (n,) and the new states, from x (input,), the states and the parameters."""
            raise ConfigError(
                f"cell {shown(self.name)} has no step; write step(self, x, state, p) -> output, new_states"
            )


def takes_noise(of: Any) -> bool:
    """Whether the step of a cell, or of a loss, has an argument `noise`."""
    return "noise" in inspect.signature(of.step).parameters


@dataclass(frozen=True)
class Declared:
    """The declarations of a cell for given sizes: named sizes, parameters and states."""

    sizes: dict[str, Dim]
    params: dict[str, Param]
    states: dict[str, State]
    memories: dict[str, Memory] = field(default_factory=dict)


def declared(cell: Cell, input_size: int, hidden_size: int) -> Declared:
    """Call the methods of a cell for its sizes, parameters and states, and check the results.

    Raises ShapeError for sizes below 1, ConfigError if a cell returns anything but Param and State.
    """
    owner = f"{cell._noun} {cell.name!r}"
    sizes = _named_sizes(owner, {"input": input_size, "hidden": hidden_size})
    more = checked_mapping(owner, "sizes", cell.sizes(Names(owner, "size", sizes)), int)
    sizes.update(_named_sizes(owner, more))
    size = Names(owner, "size", sizes)
    params = checked_mapping(owner, "parameters", cell.parameters(size), Param)
    states = checked_mapping(owner, "state", cell.state(size), State)
    memories = checked_mapping(owner, "memories", cell.memories(size), Memory)
    for name in memories:
        if name in (ROW, TIME):
            raise ConfigError(
                f"{owner}: a memory is called {shown(name)}, which is the name of another axis; expected "
                "another name, such as 'source'"
            )
    for name, state in states.items():
        if state.on is not None and state.on not in memories:
            known = ", ".join(map(repr, memories)) or "none"
            raise ConfigError(
                f"{owner}: state {shown(name)} lies on {shown(state.on)}, which memories() does not declare; "
                f"its memories: {known}"
            )
    return Declared(sizes, params, states, memories)


def _named_sizes(owner: str, sizes: Mapping[str, int]) -> dict[str, Dim]:
    for name, value in sizes.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ShapeError(f"{owner}: {name} size is {shown(value)}; expected an integer of at least 1")
    return named(sizes)


def checked_mapping(owner: str, method: str, answer: Any, kind: type) -> dict[str, Any]:
    """The answer of a method that returns a dict of `kind`. Raises ConfigError for anything else."""
    if not isinstance(answer, Mapping):
        raise ConfigError(f"{owner}: {method}() returns {shown(answer)}; expected a dict of {kind.__name__}")
    for name, one in answer.items():
        if not isinstance(one, kind):
            raise ConfigError(
                f"{owner}: {method}() gives {shown(one)} for {shown(name)}; expected {kind.__name__}"
            )
    return dict(answer)


def _checked_shape(noun: str, shape: int | Sequence[int]) -> tuple[int, ...]:
    if not isinstance(shape, int | float | np.integer | list | tuple):
        raise ShapeError(f"{noun} is {shown(shape)}; expected an integer, or a tuple of up to two")
    sizes = tuple(shape) if isinstance(shape, list | tuple) else (shape,)
    for one in sizes:
        if isinstance(one, bool) or not isinstance(one, int | np.integer):
            raise ShapeError(f"{noun} is {shown(sizes)}: {shown(one)} is not whole; divide sizes with //")
        if one < 1:
            raise ShapeError(f"{noun} is {shown(sizes)}: size {shown(one)} is below 1")
        if one > LARGEST_COUNT:
            raise ShapeError(f"{noun} is {shown(sizes)}; expected sizes of at most {LARGEST_COUNT}")
    if len(sizes) > 2:  # () is a single number
        raise ShapeError(f"{noun} is {describe(sizes)}, which has {len(sizes)} axes; expected at most 2")
    return tuple(one if isinstance(one, int) else int(one) for one in sizes)
