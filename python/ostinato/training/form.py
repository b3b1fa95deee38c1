"""Reads what a caller gives as batches of one network: names, axes, arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from ostinato.checks import flag
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.network import Network
from ostinato.network.objective import without_ignored
from ostinato.network.port import Port
from ostinato.sequences.arrays import as_array
from ostinato.sequences.axis import ROW, TIME
from ostinato.sequences.by_axis import by_axis, like_axes
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
    of_rows: frozenset[str] = frozenset()
    """The outputs whose loss has one target for each row of a sequence."""
    ignored: Mapping[str, int] = field(default_factory=dict)
    """The id that stands for no target, of the outputs whose loss has one."""

    @property
    def axes(self) -> Axes:
        """The axes of the network; batches call its only axis of sequences "time"."""
        net = self.net
        several = len(net._ports.axes) > 1

        def axis(port: Port) -> str:
            return port.axis if several or port.axis == ROW else TIME

        return Axes(
            {name: axis(port) for name, port in net.inputs.items()},
            {name: ROW if name in self.of_rows else axis(port) for name, port in net.outputs.items()},
        )

    @property
    def batch_first(self) -> bool:
        """Whether rows come before steps."""
        return self.net.batch_first is not False

    def read(self, batch: Batch) -> Batch:
        """A batch with the axes of the network, and with its names checked.

        Raises ConfigError and DTypeError for names that are unknown, missing or not given, and for a state
        that cannot be carried over.
        """
        ports, axes = self.net._ports, self.axes
        _check_fields(batch, axes, self.batch_first)
        if batch.carries:
            self.check_carries()
        inputs = ports.by_name("x", batch.x, ports.inputs, plain=len(ports.inputs) == 1)
        given = {"targets": batch.targets, "weights": batch.weights}
        outputs = {what: self._by_output(what, value) for what, value in given.items()}
        if self.ignored and outputs["targets"] is not None:
            outputs["weights"] = self._weights(**outputs)
        return replace(
            batch,
            x=_value(inputs, ports.inputs),
            axes=axes,
            batch_first=self.batch_first,
            lengths=self.along("lengths", batch.lengths),
            mask=self.along("mask", batch.mask),
            **outputs,
        )

    def _weights(self, targets: Any, weights: Any) -> Any:
        """Weights that are 0 where a target stands for none."""
        ports, axes = self.net._ports.outputs, self.axes.outputs
        of_targets, of_weights = by_name(targets, axes), by_name(weights, axes)
        found = {
            name: without_ignored(
                "targets" if len(ports) == 1 else f"targets[{name!r}]",
                of_targets[name],
                of_weights.get(name),
                self.ignored.get(name),
                self.net.dtype.name,
            )
            for name in of_targets
        }
        return _value({name: one for name, one in found.items() if one is not None}, ports) if found else None

    def check_carries(self) -> None:
        """Raises ConfigError if a batch cannot carry the state of the network over to the next."""
        bridged = self.net._graph.bridged
        if bridged:
            raise ConfigError(
                f"a batch carries the state over, but the state {shown(bridged[0])} of net starts from a "
                "value of the graph (initial_state=) in each batch; give whole rows"
            )

    def whole(self, x: Any, targets: Any, lengths: Any, weights: Any, mask: Any = None) -> Batch:
        """All data of a call as one batch of arrays, or of lists of rows.

        If the first sequence of an axis is a list of rows, all sequences of that axis become such lists.
        Raises ConfigError, DTypeError and ShapeError, naming the argument.
        """
        if x is None:
            raise ConfigError("x is None; expected data as Network.run takes it")
        batch = self.read(Batch(x, targets, lengths, weights, batch_first=self.batch_first))
        batch = _each(batch, _array)
        _check_extent(batch)
        whole = _each(batch, lambda part, axis, name: _rows_of(part, batch, axis, name))
        return masked(whole, self.along("mask", mask))

    def along(self, what: str, value: Any) -> Any:
        """Lengths or masks by the axes of a batch. Raises ConfigError."""
        axes = self.net._ports.axes
        if value is not None and not axes:
            raise ConfigError(f"{what} is given, but no input of this network is a sequence; expected None")
        return like_axes(by_axis(what, value, axes), axes)

    def _by_output(self, what: str, value: Any) -> Any:
        if value is None:
            return None
        ports = self.net._ports
        plain = len(ports.outputs) == 1
        return _value(ports.by_name(what, value, ports.outputs, plain=plain, partial=True), ports.outputs)


def _check_fields(batch: Batch, axes: Axes, batch_first: bool) -> None:
    """Raises ConfigError for a field of a given batch that would not be used, or contradicts another."""
    flag("Batch", "carries", batch.carries)
    flag("Batch", "batch_first", batch.batch_first)
    if batch.carries and batch.state is not None:
        raise ConfigError(
            "the batch has state and carries=True, but starts from one of them: omit state to continue the "
            "batch before, or carries to start from state"
        )
    if batch.seed is not None:
        raise ConfigError(
            f"the batch has seed {shown(batch.seed)}, but a trainer draws the noise of each update from its "
            "own seed; write Trainer(net, seed=...)"
        )
    if batch.truth is not None:
        raise ConfigError("the batch has truth, which only a strategy of the role 'feeding' sets; omit it")
    if batch.is_last:
        raise ConfigError("the batch has is_last=True, which the trainer sets; omit it")
    if batch.sample is not None:
        raise ConfigError("the batch has sample, which only a strategy of the role 'feeding' sets; omit it")
    if not batch.batch_first and batch_first:
        raise ConfigError(
            "the batch has batch_first=False, but the network takes (N, T, ...); make the network with "
            "batch_first=False, or swap the first two axes of the arrays"
        )
    own = batch.axes
    for what, given, known in (("input", own.inputs, axes.inputs), ("output", own.outputs, axes.outputs)):
        if own != Axes() and list(given.values()) != list(known.values()):
            raise ConfigError(
                f"the batch has the {what} axes {shown(dict(given))}, the network {shown(dict(known))}; "
                "omit axes, which a trainer takes from its network"
            )


def masked(batch: Batch, mask: Any) -> Batch:
    """The batch with a mask, or masks by axis, in the form of its sequences.

    Raises ShapeError, DTypeError, ConfigError.
    """
    if mask is None:
        return batch
    axes = batch.axes.sequences
    if not axes:
        raise ConfigError("mask is given, but no input of this network is a sequence; expected None")
    given = batch.replace(mask=mask)

    def form(axis: str) -> Any:
        valid = given.valid_of(axis)
        if batch.is_ragged(axis):
            return [row[:n] for row, n in zip(valid, batch.lengths_of(axis), strict=True)]
        return valid if batch.batch_first else valid.T

    return batch.replace(mask=like_axes({axis: form(axis) for axis in by_axis("mask", mask, axes)}, axes))


def _value(parts: Mapping[str, Any], names: Mapping[str, Any]) -> Any:
    """The only part if there is one name, else a dict. None if a dict for the only name is empty."""
    return dict(parts) if len(names) > 1 else next(iter(parts.values()), None)


def _each(batch: Batch, change: Callable[[Any, str, str], Any]) -> Batch:
    """The batch with `change(part, axis, name)` of each input, target and weight; `name` is for errors."""
    axes = batch.axes

    def changed(value: Any, of: Mapping[str, str], named: Callable[[str], str]) -> Any:
        parts = {name: change(part, of[name], named(name)) for name, part in by_name(value, of).items()}
        return like(value, parts, of)

    return replace(
        batch,
        x=changed(batch.x, axes.inputs, axes.input_name),
        targets=changed(batch.targets, axes.outputs, partial(axes.output_name, "targets")),
        weights=changed(batch.weights, axes.outputs, partial(axes.output_name, "weights")),
    )


def _array(part: Any, axis: str, name: str) -> Any:
    """An array; a list of the rows of a sequence stays a list. Raises ShapeError, DTypeError."""
    if axis == ROW:
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
        least = 1 if axes.inputs[name] == ROW else 2
        if not isinstance(part, (list, tuple)) and part.ndim < least:
            expected = "rows and steps, (N, T, ...)" if least == 2 else "one value for each row, (N, ...)"
            raise ShapeError(f"{axes.input_name(name)} is {part.shape}; expected {expected}")
    for axis, given in by_axis("lengths", batch.lengths, axes.sequences).items():
        argument = "lengths" if len(axes.sequences) == 1 else f"lengths[{axis!r}]"
        first = _first(batch, axis)
        if batch.is_ragged(axis):
            raise ConfigError(
                f"{argument} is given, but {first} is a list of rows, each of which has its own; "
                "expected None"
            )
        shape = as_array(argument, given).shape
        if shape != (batch.rows,):
            raise ShapeError(f"{argument} is {shape}; expected ({batch.rows},), one for each row of {first}")


def _first(batch: Batch, axis: str) -> str:
    """What errors call the input that sets the steps of an axis, or for "row" the rows."""
    axes = batch.axes
    return axes.input_name(axes.sequences.get(axis) or axes.sequence or next(iter(axes.inputs)))


def _rows_of(part: Any, batch: Batch, axis: str, name: str) -> Any:
    """One part, which has as many rows as the batch; as a list of rows if its axis consists of such."""
    listed = isinstance(part, (list, tuple))
    place = 0 if listed or axis == ROW or batch.batch_first else 1
    found = len(part) if listed else (part.shape[place] if part.ndim > place else 0)
    if found != batch.rows:
        raise ShapeError(f"{name} has {found} rows; {_first(batch, ROW)} has {batch.rows}")
    if axis == ROW or not batch.is_ragged(axis):
        return part
    first, lengths = _first(batch, axis), batch.lengths_of(axis)
    if listed:
        for n, (row, length) in enumerate(zip(part, lengths, strict=True)):
            if len(row) != length:
                raise ShapeError(f"{name}[{n}] has {len(row)} steps; {first}[{n}] has {length}")
        return part
    rows, steps = part if batch.batch_first else np.swapaxes(part, 0, 1), batch.steps_of(axis)
    if rows.ndim < 2 or rows.shape[1] != steps:
        raise ShapeError(
            f"{name} is {part.shape}; expected a list of rows like {first}, or {steps} steps, those of "
            f"the longest row of {first}{_of_rows(name) if rows.ndim == 1 else ''}"
        )
    return [row[:length] for row, length in zip(rows, lengths, strict=True)]


def _of_rows(name: str) -> str:
    """A hint for targets of rows where targets of steps are expected, as the end of a message."""
    if not name.startswith(("targets", "weights")):
        return ""
    return "; for one target per row, reduce the sequence in the network, such as with ost.Last()"
