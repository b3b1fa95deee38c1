"""The axis of each input and each output of a network, by which a batch is counted and cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ostinato import checks
from ostinato.errors import ConfigError, shown


@dataclass(frozen=True)
class Axes:
    """Name -> "row" for one value of each row, or the axis of a sequence; of inputs and of outputs.

    A single axis of sequences is called "time" in a batch; several have the names that the network gives
    them, and lengths of their own. By default one input and one output, both sequences.
    """

    inputs: Mapping[str, str] = field(default_factory=lambda: {"x": "time"})
    outputs: Mapping[str, str] = field(default_factory=lambda: {"output": "time"})

    def __post_init__(self) -> None:
        for name in ("inputs", "outputs"):
            found = checks.mapping("Axes", name, getattr(self, name), "a dict of axes by name")
            for key, axis in found.items():
                if not isinstance(key, str) or not isinstance(axis, str) or not axis:
                    raise ConfigError(f"Axes: {name} is {shown(found)}; expected 'time' or 'row' by name")
        for axis in self.outputs.values():
            if axis not in ("time", "row", *self.inputs.values()):
                raise ConfigError(
                    f"Axes: outputs has the axis {shown(axis)}, which no input has; expected 'time' or 'row' "
                    "by name, or the axis of an input"
                )

    @property
    def sequence(self) -> str | None:
        """The first input that is a sequence; None if there is none."""
        return next(iter(self.sequences.values()), None)

    @property
    def sequences(self) -> dict[str, str]:
        """Each axis of sequences, and the first input on it, which sets its steps and lengths."""
        first: dict[str, str] = {}
        for name, axis in self.inputs.items():
            if axis != "row":
                first.setdefault(axis, name)
        return first

    @property
    def fed(self) -> str | None:
        """The input that a network may be fed its own output by: the only one on the axis of the only output.

        None if there is no such input.
        """
        if len(self.outputs) != 1:
            return None
        (axis,) = self.outputs.values()
        found = [name for name, own in self.inputs.items() if own == axis]
        return found[0] if axis != "row" and len(found) == 1 else None

    def input_name(self, name: str) -> str:
        """What errors call an input: "x" if there is one."""
        return "x" if len(self.inputs) == 1 else name

    def output_name(self, what: str, name: str) -> str:
        """What errors call the targets or weights of an output: "targets" if there is one output."""
        return what if len(self.outputs) == 1 else f"{what}[{name!r}]"


def by_name(value: Any, axes: Mapping[str, str]) -> dict[str, Any]:
    """The parts of x, or of targets or weights, by name; a value that is no dict belongs to the only name.

    Raises ConfigError for a dict where there is one name: no trainer has read this batch.
    """
    if value is None:
        return {}
    if len(axes) > 1:
        return dict(value)
    if isinstance(value, Mapping):
        raise ConfigError(
            f"the batch has a dict of {', '.join(map(repr, value))}, but its axes have one name; a Trainer "
            "sets the axes of its network, or write Batch(..., axes=ost.Axes(inputs, outputs))"
        )
    return {next(iter(axes)): value}


def like(value: Any, parts: Mapping[str, Any], axes: Mapping[str, str]) -> Any:
    """Changed parts in the form of `value`: a dict if there are several names, else the only part."""
    if value is None:
        return None
    return dict(parts) if len(axes) > 1 else next(iter(parts.values()))
