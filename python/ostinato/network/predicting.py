"""`predict`: the outputs for many rows, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol

import numpy as np

from ostinato import checks
from ostinato.errors import ShapeError, shown
from ostinato.network.port import Port
from ostinato.network.ports import Ports
from ostinato.sequences.arrays import as_array
from ostinato.sequences.axis import ROW
from ostinato.sequences.containers import rows_in
from ostinato.sequences.packed import is_packed, rows_of

BATCH_SIZE: Final = 256


class Runs(Protocol):
    """The parts of a network that `predict` uses."""

    batch_first: bool | None
    _ports: Ports

    @property
    def inputs(self) -> Mapping[str, Port]:
        """Axis and size of each input."""

    @property
    def outputs(self) -> Mapping[str, Port]:
        """Axis and size of each output."""

    def run(self, x: Any, *, lengths: Any = None, mask: Any = None) -> Any:
        """The forward pass."""


def predict(net: Runs, x: Any, lengths: Any, mask: Any, batch_size: Any) -> Any:
    """The outputs of `net` for x, `batch_size` rows at a time; see `Network.predict`."""
    size = checks.count("predict", "batch_size", batch_size, at_least=1)
    ports, first = net._ports, net.batch_first is not False
    plain = len(ports.inputs) == 1
    parts = {
        name: _listed(name, part) for name, part in ports.by_name("x", x, ports.inputs, plain=plain).items()
    }
    axes = {name: port.axis for name, port in net.inputs.items()}
    rows, steps = _counted(parts, axes, first)
    lengths = _each(lengths, lambda value: as_array("lengths", value))
    mask = _each(mask, lambda value: _listed("mask", value))
    for what, value in (("lengths", lengths), ("mask", mask)):
        for one in value.values() if isinstance(value, dict) else [value]:
            if one is not None and _count(one, what != "mask" or first) != rows:
                raise ShapeError(f"{what} has {_count(one, what != 'mask' or first)} rows; x has {rows}")

    found: dict[str, list[Any]] = {name: [] for name in net.outputs}
    for start in range(0, max(rows, 1), size):
        part = slice(start, start + size)
        chosen = {name: _cut(values, first or axes[name] == ROW, part) for name, values in parts.items()}
        run = net.run(
            next(iter(chosen.values())) if plain else chosen,
            lengths=_each(lengths, partial(_cut, first=True, rows=part)),
            mask=_each(mask, partial(_cut, first=first, rows=part)),
        )
        outputs = run.outputs if isinstance(run.outputs, dict) else {next(iter(found)): run.outputs}
        for name, values in outputs.items():
            axis = net.outputs[name].axis
            if axis in steps:
                by_row = values if first else np.swapaxes(values, 0, 1)
                found[name] += [row[:n] for row, n in zip(by_row, steps[axis][part], strict=True)]
            else:
                found[name].append(values)
    made = {
        name: values
        if net.outputs[name].axis in steps
        else np.concatenate(values, axis=0 if first or net.outputs[name].axis == ROW else 1)
        for name, values in found.items()
    }
    return made if len(made) > 1 else next(iter(made.values()))


def _listed(name: str, part: Any) -> Any:
    """Rows as a list, anything else as an array."""
    part = rows_of(name, part) if is_packed(part) else rows_in(name, part)
    return list(part) if isinstance(part, (list, tuple)) else as_array(name, part)


def _counted(
    parts: Mapping[str, Any], axes: Mapping[str, str], first: bool
) -> tuple[int, dict[str, list[int]]]:
    """N, and by axis the steps of the rows of lists. Raises ShapeError for inputs of different N."""
    counts: dict[str, int] = {}
    steps: dict[str, list[int]] = {}
    for name, part in parts.items():
        by_row = first or axes[name] == ROW
        if isinstance(part, list) and axes[name] != ROW:
            wrong = next(
                (n for n, row in enumerate(part) if np.ndim(row) == 0 and not isinstance(row, list)), None
            )
            if wrong is not None:
                raise ShapeError(
                    f"{name}[{wrong}] is {shown(part[wrong])}; expected a row of steps, (T, ...)"
                )
            steps[axes[name]] = [len(row) for row in part]
        if not isinstance(part, list) and part.ndim <= (0 if by_row else 1):
            raise ShapeError(f"{name} is {part.shape}; expected rows, (N, ...)")
        counts[name] = _count(part, by_row)
    (one, rows), *others = counts.items()
    for name, count in others:
        if count != rows:
            raise ShapeError(f"{name} has {count} rows; {one} has {rows}")
    return rows, steps


def _count(part: Any, first: bool) -> int:
    """The rows of a list or an array; -1 for an array without them."""
    place = 0 if first else 1
    return len(part) if isinstance(part, list) else int(part.shape[place]) if part.ndim > place else -1


def _cut(values: Any, first: bool, rows: slice) -> Any:
    return values[rows] if isinstance(values, list) or first else values[:, rows]


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    """`change` of a value, or of each in a dict by axis."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {name: None if one is None else change(one) for name, one in value.items()}
    return change(value)
