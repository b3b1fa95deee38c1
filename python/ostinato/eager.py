"""The readable reference for the engine: a cell's own step in a plain NumPy loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ostinato import checks
from ostinato.cell import Cell, declared, takes_noise
from ostinato.entry_values import EntryValues
from ostinato.errors import ConfigError, DTypeError, ShapeError, shown
from ostinato.namespace import Names
from ostinato.sequences.arrays import as_array
from ostinato.settings import ignoring
from ostinato.suggest import did_you_mean
from ostinato.trace import Noise

__all__ = ["run"]

Floats = NDArray[np.floating[Any]]


def run(
    cell: Cell,
    params: Mapping[str, ArrayLike],
    x: Floats,
    state: Mapping[str, ArrayLike] | None = None,
    *,
    hidden_size: int | None = None,
    memories: Mapping[str, ArrayLike] | None = None,
) -> tuple[Floats, dict[str, Floats]]:
    """Run one sequence x (T, F), float32 or float64, through a cell; all results have the dtype of x.

    Returns the outputs (T, n) and the final states. `state` holds the initial states by name. Without it
    they are zeros, and `hidden_size` is required. `memories` holds the entries (S, width) of each memory
    of the cell by name; a step sees them as values on entries (`ops.entries`). Raises ConfigError for
    unknown or missing names, ShapeError and DTypeError for x of another rank or type, and for states and
    outputs whose shape changes.
    """
    if not isinstance(cell, Cell):
        raise DTypeError(f"run: cell is {shown(cell)}; expected an instance of Cell")
    owner = f"cell {cell.name!r}"
    x = as_array(f"{owner}: x", x)
    checks.mapping(owner, "params", params, "a dict of arrays by name")
    if state is not None:
        checks.mapping(owner, "state", state, "a dict of arrays by name")
    if memories is not None:
        checks.mapping(owner, "memories", memories, "a dict of arrays by name")
    if hidden_size is not None:
        checks.count(owner, "hidden_size", hidden_size, at_least=1)
    if x.dtype not in (np.float32, np.float64):
        raise DTypeError(f"{owner}: x is {x.dtype}; expected float32 or float64")
    if x.ndim != 2:
        raise ShapeError(f"{owner}: x has shape {x.shape}; expected (T, F), one sequence")
    given = dict(memories or {})
    on: dict[str, EntryValues] = {}
    if state is None or given:
        if hidden_size is None:
            needs = (
                "hidden_size, which memories need" if given else "the initial state, or hidden_size to start"
            )
            raise ConfigError(f"{owner}: give {needs}{'' if given else ' from zeros'}")
        made = declared(cell, x.shape[1], hidden_size)
        _check_names(owner, "parameter", params, made.params)
        _check_names(owner, "memory", given, made.memories)
        of_row = {name: one for name, one in made.states.items() if one.on is None}
        state = {name: np.zeros(one.shape) for name, one in of_row.items()} if state is None else state
        for name, one in made.states.items():
            if one.on is not None:
                on[name] = EntryValues(
                    one.on, np.zeros((len(np.asarray(given[one.on])), *one.shape), x.dtype)
                )
    p = Names(
        owner,
        "parameter",
        {name: _frozen(value, x.dtype, f"params[{name!r}]") for name, value in params.items()},
    )
    held: dict[str, Any] = {
        name: _frozen(value, x.dtype, f"state[{name!r}]") for name, value in state.items()
    } | on

    step = _with_memories(cell, given, x.dtype)
    if cell.batched:
        step = _one_row(cell)
    outputs = []
    for row in x:
        output, new = step(_frozen(row, x.dtype), Names(owner, "state", held), p)
        _check_names(owner, "state", new, held)
        for name, value in new.items():
            if (
                isinstance(value, EntryValues) != (name in on)
                or np.shape(_array(value)) != _array(held[name]).shape
            ):
                raise ShapeError(
                    f"{owner}: step returns state {shown(name)} with shape {np.shape(_array(value))}; "
                    f"expected {_array(held[name]).shape}"
                )
        held = {
            name: EntryValues(on[name].memory, new[name].values)
            if name in on
            else _frozen(new[name], x.dtype)
            for name in held
        }
        outputs.append(np.asarray(output, x.dtype))
    final = {name: value for name, value in held.items() if name not in on}
    if not outputs:
        # No step has run: a step on zeros gives the width of the output, and its values are not used.
        output, _ = ignoring(step, np.zeros(x.shape[1], x.dtype), Names(owner, "state", held), p)
        return np.zeros((0, *np.shape(output)), x.dtype), _writable(final)
    return np.stack(outputs), _writable(final)


def _array(value: Any) -> Any:
    """The numbers of a value, for all entries if it lies on some."""
    return value.values if isinstance(value, EntryValues) else value


def _with_memories(cell: Cell, memories: Mapping[str, ArrayLike], dtype: np.dtype[Any]) -> Callable[..., Any]:
    """The step of a cell with its memories, if it has some, and without randomness."""
    owner = f"cell {cell.name!r}"
    values: dict[str, EntryValues] = {}
    for name, given in memories.items():
        entries = _frozen(given, dtype)
        if entries.ndim != 2:
            raise ShapeError(
                f"{owner}: memory {shown(name)} has shape {entries.shape}; expected (S, width), the entries "
                "of one sequence"
            )
        values[name] = EntryValues(name, entries)
    drawn = {"noise": Noise(None, False, (), (), {})} if takes_noise(cell) else {}
    if not values and not drawn:
        return cell.step
    more = (Names(owner, "memory", values),) if values else ()
    return lambda x, state, p: cell.step(x, state, p, *more, **drawn)


def _one_row(cell: Cell) -> Callable[..., tuple[Any, dict[str, Any]]]:
    """The step of a cell with `batched`, for one row."""

    def step(x: Any, state: Names[Any], p: Names[Any]) -> tuple[Any, dict[str, Any]]:
        states = Names(f"cell {cell.name!r}", "state", {name: state[name][None] for name in state})
        output, new = cell.step(x[None], states, p)
        return output[0], {name: value[0] for name, value in new.items()}

    return step


def _frozen(value: ArrayLike, dtype: np.dtype[Any], name: str = "x") -> Floats:
    """Copy to a read-only array: a step that changes its arguments in place would not be an equation."""
    array = as_array(name, value)
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"{name} is {shown(value)}; expected an array of numbers")
    copy = np.array(array, dtype)
    copy.setflags(write=False)
    return copy


def _writable(state: Mapping[str, Floats]) -> dict[str, Floats]:
    return {name: value.copy() for name, value in state.items()}


def _check_names(owner: str, noun: str, given: Mapping[str, object], expected: Mapping[str, object]) -> None:
    for name in given:
        if name not in expected:
            raise ConfigError(
                f"{owner} has no {noun} {shown(name)}; {did_you_mean(name, expected, 'declared')}"
            )
    for name in expected:
        if name not in given:
            raise ConfigError(f"{owner}: {noun} {shown(name)} is missing; expected {', '.join(expected)}")
