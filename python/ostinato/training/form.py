"""Reads what a caller gives as batches of one network: names, axes, arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.network import Network
from ostinato.network.port import Port
from ostinato.sequences.arrays import as_array
from ostinato.sequences.axis import ROW, TIME
from ostinato.sequences.containers import rows_in
from ostinato.sequences.packed import is_packed, rows_of
from ostinato.strategy import Axes, Batch
from ostinato.strategy.axes import by_name, like


@dataclass(frozen=True)
class Form:
    """The names and axes of the inputs and outputs of `net`, as batches for it have them.

    In a batch x is a dict if the network has several inputs, and otherwise an array or a list of rows; so it
    is with targets and weights by outputs.
    """

    net: Network

    @property
    def axes(self) -> Axes:
        """The axes of the network; batches call its only axis of sequences "time".

        Raises ConfigError for sequences on several axes.
        """
        net = self.net
        several = net._ports.axes
        if len(several) > 1:
            raise ConfigError(
                f"net has sequences on several axes ({', '.join(map(repr, several))}), and a batch has one "
                "array of lengths; call net.value_and_grad and the step of an optimizer in a loop"
            )

        def axis(port: Port) -> str:
            return ROW if port.axis == ROW else TIME

        return Axes(
            {name: axis(port) for name, port in net.inputs.items()},
            {name: axis(port) for name, port in net.outputs.items()},
        )

    @property
    def batch_first(self) -> bool:
        """Whether rows come before steps."""
        return self.net.batch_first is not False

    def read(self, batch: Batch) -> Batch:
        """A batch with the axes of the network, and with its names checked.

        Raises ConfigError and DTypeError for names that are unknown, missing or not given.
        """
        ports = self.net._ports
        inputs = ports.by_name("x", batch.x, ports.inputs, plain=len(ports.inputs) == 1)
        outputs = {"targets": batch.targets, "weights": batch.weights}
        return replace(
            batch,
            x=_value(inputs, ports.inputs),
            axes=self.axes,
            **{what: self._by_output(what, value) for what, value in outputs.items()},
        )

    def whole(self, x: Any, targets: Any, lengths: Any, weights: Any, mask: Any = None) -> Batch:
        """All data of a call as one batch of arrays, or of lists of rows.

        If the first sequence is a list of rows, all sequences become such lists. Raises ConfigError,
        DTypeError and ShapeError, naming the argument.
        """
        if x is None:
            raise ConfigError("x is None; expected data as Network.run takes it")
        batch = self.read(Batch(x, targets, lengths, weights, batch_first=self.batch_first))
        batch = _each(batch, _array)
        _check_extent(batch)
        whole = _each(batch, lambda part, axis, name: _rows_of(part, batch, axis, name))
        return whole if mask is None else masked(whole, mask)

    def _by_output(self, what: str, value: Any) -> Any:
        if value is None:
            return None
        ports = self.net._ports
        plain = len(ports.outputs) == 1
        return _value(ports.by_name(what, value, ports.outputs, plain=plain, partial=True), ports.outputs)


def masked(batch: Batch, mask: Any) -> Batch:
    """The batch with a mask in the form of its sequences. Raises ShapeError, DTypeError, ConfigError."""
    if batch.axes.sequence is None:
        raise ConfigError("mask is given, but no input of this network is a sequence; expected None")
    valid = batch.replace(mask=mask).valid
    if batch.ragged:
        return batch.replace(mask=[row[:n] for row, n in zip(valid, batch.row_lengths, strict=True)])
    return batch.replace(mask=valid if batch.batch_first else valid.T)


def _value(parts: Mapping[str, Any], names: Mapping[str, Any]) -> Any:
    """The only part if there is one name, else a dict. None if a dict for the only name is empty."""
    return dict(parts) if len(names) > 1 else next(iter(parts.values()), None)


def _each(batch: Batch, change: Callable[[Any, str, str], Any]) -> Batch:
    """The batch with `change(part, axis, name)` of each input, target and weight; `name` is for errors."""
    axes = batch.axes

    def changed(value: Any, of: Mapping[str, str], told: Callable[[str], str]) -> Any:
        parts = {name: change(part, of[name], told(name)) for name, part in by_name(value, of).items()}
        return like(value, parts, of)

    return replace(
        batch,
        x=changed(batch.x, axes.inputs, axes.input_name),
        targets=changed(batch.targets, axes.outputs, partial(axes.output_name, "targets")),
        weights=changed(batch.weights, axes.outputs, partial(axes.output_name, "weights")),
    )


def _array(part: Any, axis: str, name: str) -> Any:
    """An array; a list of the rows of a sequence stays a list. Raises ShapeError, DTypeError."""
    if axis == "row":
        return as_array(name, part)
    part = rows_of(name, part) if is_packed(part) else rows_in(name, part)
    if not isinstance(part, (list, tuple)):
        return as_array(name, part)
    for n, row in enumerate(part):
        if not isinstance(row, (list, tuple)) and np.ndim(row) == 0:
            raise ShapeError(
                f"{name}[{n}] is {shown(row)}; expected a row of steps, (T, ...){_of_rows(name)}"
            )
    return part


def _check_extent(batch: Batch) -> None:
    """Raises ShapeError and ConfigError for inputs without rows or steps, and for lengths that do not fit."""
    axes = batch.axes
    for name, part in by_name(batch.x, axes.inputs).items():
        least = 2 if axes.inputs[name] == "time" else 1
        if not isinstance(part, (list, tuple)) and part.ndim < least:
            expected = "rows and steps, (N, T, ...)" if least == 2 else "one value for each row, (N, ...)"
            raise ShapeError(f"{axes.input_name(name)} is {part.shape}; expected {expected}")
    first = _first(batch)
    if batch.ragged and batch.lengths is not None:
        raise ConfigError(
            f"lengths is given, but {first} is a list of rows, each of which has its own; expected None"
        )
    lengths = batch.row_lengths
    if lengths.shape != (batch.rows,):
        raise ShapeError(f"lengths is {lengths.shape}; expected ({batch.rows},), one for each row of {first}")


def _first(batch: Batch) -> str:
    """What errors call the input that sets the rows and steps."""
    return batch.axes.input_name(batch.axes.sequence or next(iter(batch.axes.inputs)))


def _rows_of(part: Any, batch: Batch, axis: str, name: str) -> Any:
    """One part, which has as many rows as the batch; as a list of rows if the batch consists of such."""
    first = _first(batch)
    listed = isinstance(part, (list, tuple))
    place = 0 if listed or axis == "row" or batch.batch_first else 1
    found = len(part) if listed else (part.shape[place] if part.ndim > place else 0)
    if found != batch.rows:
        raise ShapeError(f"{name} has {found} rows; {first} has {batch.rows}")
    if axis == "time" and listed and batch.ragged:
        for n, (row, length) in enumerate(zip(part, batch.row_lengths, strict=True)):
            if len(row) != length:
                raise ShapeError(f"{name}[{n}] has {len(row)} steps; {first}[{n}] has {length}")
    if axis == "row" or listed or not batch.ragged:
        return part
    rows = part if batch.batch_first else np.swapaxes(part, 0, 1)
    if rows.ndim < 2 or rows.shape[1] != batch.steps:
        raise ShapeError(
            f"{name} is {part.shape}; expected a list of rows like {first}, or {batch.steps} steps, those of "
            f"the longest row of {first}{_of_rows(name) if rows.ndim == 1 else ''}"
        )
    return [row[:length] for row, length in zip(rows, batch.row_lengths, strict=True)]


def _of_rows(name: str) -> str:
    """A hint for targets of rows where targets of steps are expected, as the end of a message."""
    if not name.startswith(("targets", "weights")):
        return ""
    return "; for one target per row, reduce the sequence in the network, such as with ost.Last()"
