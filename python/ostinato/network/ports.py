"""The named inputs and outputs of a network: reading what a caller gives, and giving results back.

A network of one input takes its array, and one of several a dict by name; so it is with outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ostinato.errors import ConfigError, DTypeError, ShapeError, a_type, shown
from ostinato.network.graph import Node
from ostinato.sequences.arrays import Array, as_floats, as_integers
from ostinato.sequences.axis import ROW
from ostinato.sequences.batch import Batch, read_batch, read_rows, read_steps
from ostinato.sequences.by_axis import by_axis
from ostinato.suggest import did_you_mean

INPUT = "x"
OUTPUT = "output"


@dataclass(frozen=True)
class Ports:
    """Inputs and outputs by name. `plain_output`: results are an array, not a dict."""

    inputs: Mapping[str, Node]
    outputs: Mapping[str, Node]
    plain_output: bool

    @property
    def output(self) -> Node:
        """The first output."""
        return next(iter(self.outputs.values()))

    def called_with(self, network: str, values: Sequence[Any]) -> dict[str, Any]:
        """Values in the order of the inputs, by name. Raises DTypeError for another number of them."""
        if len(values) != len(self.inputs):
            raise DTypeError(
                f"{network} is called with {len(values)} values; it has {_counted(self.inputs)}. For a "
                "state write "
                "net.run(x, state=state)"
            )
        return dict(zip(self.inputs, values, strict=True))

    def read(
        self, x: Any, lengths: Any, dtype: str, batch_first: bool, mask: Any = None
    ) -> tuple[list[Array], Batch]:
        """All inputs in the core's form and order, and their rows and steps.

        Raises ShapeError, DTypeError or ConfigError that names the input.
        """
        given = self.by_name("x", x, self.inputs, plain=len(self.inputs) == 1)
        axes: dict[str, Batch] = {}
        arrays: dict[str, Array] = {}
        counts, masks = by_axis("lengths", lengths, self.axes), by_axis("mask", mask, self.axes)
        for name, node in self.inputs.items():
            axis = node.axis
            if axis == ROW:
                continue
            if axis in axes:
                arrays[name] = _along(name, given[name], axes[axis], node, dtype)
                continue
            arrays[name], batch = read_batch(
                given[name],
                counts.get(axis),
                node.width,
                node.limit,
                dtype,
                batch_first,
                name,
                axis,
                f"lengths[{axis!r}]" if isinstance(lengths, Mapping) else "lengths",
                masks.get(axis),
                f"mask[{axis!r}]" if isinstance(mask, Mapping) else "mask",
            )
            _same_rows(batch, axes)
            axes[axis] = batch
        if axes:
            first, *others = axes.values()
            batch = replace(first, others=tuple(others)) if others else first
        else:
            batch = _of_rows(given, {"lengths": lengths, "mask": mask}, self.inputs, dtype)
        for name, node in self.inputs.items():
            if node.axis == ROW:
                trailing, kind = _form(node, dtype)
                arrays[name] = read_rows(name, given[name], batch.rows, trailing, kind, node.limit)
        return [arrays[name] for name in self.inputs], batch

    def read_rows(self, rows: Any, count: int, dtype: str) -> list[tuple[int, Array]]:
        """The inputs of rows in the core's form, each with its number, from a dict by name.

        Raises ShapeError, DTypeError or ConfigError that names the input.
        """
        named = {name: node for name, node in self.inputs.items() if node.axis == ROW}
        if not named:
            if rows is not None:
                raise ConfigError("rows is given, but no input of this network is a value of rows; omit it")
            return []
        if rows is None:
            entries = ", ".join(f"{name!r}: ..." for name in named)
            raise ConfigError(
                f"rows is missing: this network reads values of rows; write rows={{{entries}}}, one value "
                "for each sequence"
            )
        given = self.by_name("rows", rows, named, plain=False)
        numbers = {name: number for number, name in enumerate(self.inputs)}
        read = []
        for name, node in named.items():
            trailing, kind = _form(node, dtype)
            read.append((numbers[name], read_rows(name, given[name], count, trailing, kind, node.limit)))
        return read

    @property
    def axes(self) -> list[str]:
        """The axes of the sequences among the inputs, in order."""
        return list(dict.fromkeys(node.axis for node in self.inputs.values() if node.axis != ROW))

    def read_d_outputs(self, value: Any, batch: Batch, dtype: str) -> list[Array | None]:
        """Gradients of the outputs, None for zeros; in a dict names may be left out."""
        if value is None:
            return [None] * len(self.outputs)
        given = self.by_name("d_outputs", value, self.outputs, plain=self.plain_output, partial=True)
        read: list[Array | None] = []
        for name, node in self.outputs.items():
            argument = "d_outputs" if self.plain_output else f"d_outputs[{name!r}]"
            one = given.get(name)
            if one is None:
                read.append(None)
            elif node.axis == ROW:
                read.append(read_rows(argument, one, batch.rows, (node.width,), dtype))
            else:
                read.append(read_steps(argument, one, batch.of(node.axis), (node.width,), dtype))
        return read

    def outward(self, arrays: Sequence[Array], batch: Batch) -> Any:
        """Results of the core as the caller gets them: an array, or a dict by name."""
        named = {
            name: array if node.axis == ROW else batch.outward(array)
            for (name, node), array in zip(self.outputs.items(), arrays, strict=True)
        }
        return named[next(iter(named))] if self.plain_output else named

    def input_gradients(self, arrays: Sequence[Array | None], batch: Batch) -> Any:
        """Gradients of the inputs as the caller gets them; None for ids."""
        named = {
            name: array if array is None or node.axis == ROW else batch.outward(array)
            for (name, node), array in zip(self.inputs.items(), arrays, strict=True)
        }
        return next(iter(named.values())) if len(named) == 1 else named

    def by_name(
        self, argument: str, value: Any, names: Mapping[str, Any], *, plain: bool, partial: bool = False
    ) -> dict[str, Any]:
        """A value by name: a dict as it is; what is no dict where there is one name.

        Raises DTypeError for what is no dict where there are several, ConfigError for unknown and missing
        names.
        """
        if not isinstance(value, Mapping):
            if plain:
                return {next(iter(names)): value}
            raise DTypeError(
                f"{argument} is {a_type(value)}; expected a dict of {', '.join(map(repr, names))}"
            )
        for name in value:
            if name not in names:
                raise ConfigError(
                    f"{argument} has the name {shown(name)}; {did_you_mean(str(name), names, 'expected')}"
                )
        missing = [name for name in names if name not in value]
        if missing and not partial:
            raise ConfigError(
                f"{argument} has no {shown(missing[0])}; expected {', '.join(map(repr, names))}"
            )
        return dict(value)


def _counted(inputs: Mapping[str, Node]) -> str:
    names = ", ".join(map(repr, inputs))
    return f"one input, {names}" if len(inputs) == 1 else f"{len(inputs)} inputs, {names}"


def _same_rows(batch: Batch, axes: Mapping[str, Batch]) -> None:
    for other in axes.values():
        if other.rows != batch.rows:
            raise ShapeError(
                f"{batch.name} has {batch.rows} rows; expected {other.rows}, as {other.name} has"
            )


def _form(node: Node, dtype: str) -> tuple[tuple[int, ...], str | None]:
    """The axes after rows and steps, and the type of floats; None for ids."""
    return ((), None) if node.limit is not None else ((node.width,), dtype)


def _along(name: str, value: Any, batch: Batch, node: Node, dtype: str) -> Array:
    trailing, kind = _form(node, dtype)
    return read_steps(name, value, batch, trailing, kind, node.limit)


def _of_rows(
    given: Mapping[str, Any], extent: Mapping[str, Any], inputs: Mapping[str, Node], dtype: str
) -> Batch:
    """The rows of a network without a sequence."""
    for argument, value in extent.items():
        if value is not None:
            raise ConfigError(
                f"{argument} is given, but no input of this network is a sequence; expected None"
            )
    name, node = next(iter(inputs.items()))
    array = as_integers(name, given[name]) if node.limit is not None else as_floats(name, given[name], dtype)
    if array.ndim == 0:
        raise ShapeError(f"{name} is {array.shape}; expected one value for each row")
    return Batch(None, len(array), 0, False, True)
