"""The two parts of an encoder-decoder as files of their own: the encoder once, the decoder step by step.

The decoder is what depends on the inputs of the output's axis. What it reads of the rest of the network are
outputs of the encoder's file and inputs of the decoder's: memories, values of rows, and initial states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from onnx import ValueInfoProto, helper

from ostinato import ConfigError
from ostinato_onnx.graph import Exporter, Options
from ostinato_onnx.moves import Sequenced
from ostinato_onnx.value import Value


class Split(Exporter):
    """What both parts know: which nodes are the decoder's, and what it reads of the others."""

    @cached_property
    def whole(self) -> Exporter:
        """The network as one file, for the axes and shapes of its nodes."""
        made = Exporter(self.description, self.arrays, self.dtype, Options(self.options.cells, False, True))
        made.model({})
        return made

    @cached_property
    def decoder(self) -> set[int]:
        """The nodes of the decoder. Raises ConfigError for a network that has none."""
        axes = {self.whole.values[number].axis for _, number in self.graph["outputs"]}
        found: set[int] = set()
        for number, node in enumerate(self.nodes):
            of_axis = self.whole.values[number].axis in axes
            if of_axis or any(part in found for part in _read(node)):
                found.add(number)
        if len(axes) != 1 or axes == {"row"} or not self._others(found):
            raise ConfigError(
                "export: part: the network is no encoder and decoder; expected outputs on one axis, and a "
                "memory, initial states or values of rows of another axis"
            )
        return found

    def _others(self, found: set[int]) -> set[int]:
        return {part for number in found for part in _read(self.nodes[number]) if part not in found}

    @cached_property
    def border(self) -> dict[int, str]:
        """The nodes that the decoder reads of the others, by the names that they have in the files."""
        read = {part for number in self.decoder for part in _operands(self.nodes[number])} - self.decoder
        numbers = sorted(number for number in read if self.nodes[number]["op"] not in ("input", "ids"))
        names: dict[int, str] = {}
        for kind, of_kind in (
            ("memory", [one for one in numbers if self.whole.values[one].axis != "row"]),
            ("row", [one for one in numbers if self.whole.values[one].axis == "row"]),
        ):
            for place, number in enumerate(of_kind):
                names[number] = kind if len(of_kind) == 1 else f"{kind}.{place}"
        return names

    def decoder_slots(self) -> dict[str, list[int]]:
        """The slots of each state of the decoder."""
        found: dict[str, list[int]] = {}
        for number, first in self.first_slot.items():
            if number in self.decoder:
                for slot in range(first, self.next_slot(number)):
                    found.setdefault(self.slots[slot], []).append(slot)
        return found


class EncoderPart(Split):
    """What the decoder reads, of the inputs of the other axes."""

    def is_part(self, number: int) -> bool:
        """Whether a node is in the file."""
        return number not in self.decoder

    def outputs(self) -> list[ValueInfoProto]:
        """What the decoder reads, and its initial states."""
        made = [self.output(name, number) for number, name in self.border.items()]
        context = self.context({"name": "encoder", "sizes": {}}, "row", [])
        for name, slots in self.decoder_slots().items():
            values = []
            for slot in slots:
                shape = tuple(self.description["states"][slot][1])
                zeros = Value(self.g.zeros(shape), "", shape)
                values.append(context.full(self.start(slot) or zeros, "N", None))
            made.append(self.state(name, values))
        return made


class DecoderPart(Split):
    """The outputs, of the inputs of their axis, of what the encoder's file gives, and of states."""

    def is_part(self, number: int) -> bool:
        """Whether a node is in the file."""
        read = {part for one in self.decoder for part in _operands(self.nodes[one])}
        return number in self.decoder or (number in read and self.nodes[number]["op"] in ("input", "ids"))

    def has_lengths(self, axis: str) -> bool:
        """The decoder's own steps are all valid: it runs as long as it is called."""
        return self.options.lengths and axis != self.whole.values[self.graph["outputs"][0][1]].axis

    def more_inputs(self) -> None:
        """The outputs of the encoder's file."""
        g = self.g
        for number, name in self.border.items():
            one = self.whole.values[number]
            shape = one.value.shape
            lead = ["N"] if one.axis == "row" else ["N", f"T_{one.axis}"]
            self.inputs.append(helper.make_tensor_value_info(g.declare(name), g.float_type, [*lead, *shape]))
            if not self.dims.rows:
                self.dims.rows = g.op("Shape", name, start=0, end=1)
            if one.axis == "row":
                self.values[number] = Sequenced(Value(name, "N", shape), "row")
                continue
            if one.axis not in self.dims.steps:
                self.dims.steps[one.axis] = g.op("Shape", name, start=1, end=2)
            turned = g.op("Transpose", name, perm=[1, 0, 2])
            self.values[number] = Sequenced(Value(turned, "TN", shape), one.axis)

    def bridged(self) -> dict[int, int]:
        """Every state is an input."""
        return {}


def _operands(node: Mapping[str, Any]) -> list[int]:
    return [*node.get("parts", ()), *node.get("memories", ())]


def _read(node: Mapping[str, Any]) -> list[int]:
    return [*_operands(node), *node.get("initial", {}).values()]


def parts(exporter: Exporter, part: str) -> Exporter:
    """The exporter of a part of the same network."""
    kind = EncoderPart if part == "encoder" else DecoderPart
    options = replace(exporter.options, states=part == "decoder")
    return kind(exporter.description, exporter.arrays, exporter.dtype, options)
