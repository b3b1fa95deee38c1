"""A network's graph as an ONNX graph: inputs, layers, the functions between them, outputs.

Within the file, sequences have the axis of steps in front, as `Scan` and the recurrent nodes expect it; the
inputs and outputs of the file are (N, T, F), as everywhere in ostinato.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import NDArray
from onnx import ModelProto, ValueInfoProto, helper

from ostinato import ConfigError
from ostinato_onnx import native
from ostinato_onnx.context import Context
from ostinato_onnx.emitter import INT64, Emitter
from ostinato_onnx.moves import MOVES, Sequenced, full, plain
from ostinato_onnx.step import Layer, Result, run, sources
from ostinato_onnx.value import Dims, Value

# Operator set 21 and IR version 10 are read by ONNX Runtime since 1.18.
OPSET, IR = 21, 10


def carried(program: Mapping[str, Any]) -> list[int]:
    """The states of a program that are states of the network: those on entries begin at 0 in each call."""
    return [k for k in sources(program, "state") if "axis" not in program["nodes"][k]]


@dataclass
class Options:
    """What an export has: see `ostinato_onnx.export`."""

    cells: str = "auto"
    states: bool = False
    lengths: bool = True


@dataclass
class Exporter:
    """Makes the ONNX graph of a network from its description and its parameters."""

    description: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]
    dtype: str
    options: Options
    inputs: list[ValueInfoProto] = field(default_factory=list)
    values: dict[int, Sequenced] = field(default_factory=dict)
    finals: dict[int, Value] = field(default_factory=dict)
    results: dict[int, Result] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.g = Emitter(self.dtype)
        self.g.initializers.update(self.arrays)
        self.dims = Dims()
        self.graph = self.description["graph"]
        self.nodes: list[dict[str, Any]] = self.graph["nodes"]
        self.parameters = {at: (name, shape) for name, at, shape in self.description["parameters"]}
        self.valid: dict[str, str | None] = {}
        self.counts: dict[str, str] = {}
        self.lengths: dict[str, str] = {}
        self.slots: list[str] = [name for name, _ in self.description["states"]]
        self.initial: dict[int, Value] = {}
        self.first_slot: dict[int, int] = {}
        slots = 0
        for number, node in enumerate(self.nodes):
            if node["op"] == "layer":
                self.first_slot[number] = slots
                slots += len(carried(self.program(node)))

    def model(self, metadata: Mapping[str, str]) -> ModelProto:
        """The whole file. Raises ConfigError for what ONNX cannot express."""
        self._inputs()
        for number, node in enumerate(self.nodes):
            if number not in self.values and self.is_part(number):
                self.values[number] = self._node(number, node)
        outputs = self.outputs()
        names = [one.name for one in (*self.inputs, *outputs)]
        twice = next((name for name in names if names.count(name) > 1 or name in self.arrays), None)
        if twice is not None:
            raise ConfigError(
                f"export: {twice!r} would name two things in the file; rename that input or output (lengths, "
                "states and parameters have names too)"
            )
        graph = self.g.graph("ostinato", self.inputs, outputs, "all" if metadata else "nodes")
        model = helper.make_model(
            graph,
            producer_name="ostinato",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR,
        )
        helper.set_model_props(model, dict(metadata))
        return model

    def is_part(self, number: int) -> bool:
        """Whether a node is in the file."""
        return True

    def outputs(self) -> list[ValueInfoProto]:
        """The outputs of the file."""
        made = [self.output(name, number) for name, number in self.graph["outputs"]]
        return made + (self.final_states() if self.options.states else [])

    # inputs

    def axes(self) -> list[str]:
        """The axes of all sequences of the network."""
        inputs = [node for node in self.nodes if node["op"] in ("input", "ids")]
        return list(dict.fromkeys(node["axis"] for node in inputs if node["axis"] != "row"))

    def _inputs(self) -> None:
        for number, node in enumerate(self.nodes):
            if node["op"] in ("input", "ids") and self.is_part(number):
                self.values[number] = self.input(node)
        self.more_inputs()
        for axis in self.dims.steps:
            self._lengths(axis, "lengths" if len(self.axes()) == 1 else f"lengths.{axis}")
        if self.options.states:
            self._initial_states()

    def more_inputs(self) -> None:
        """Inputs of the file that are no inputs of the network."""

    def input(self, node: Mapping[str, Any]) -> Sequenced:
        """Declare an input."""
        g, ids, axis = self.g, node["op"] == "ids", node["axis"]
        shape = () if ids else (node["width"],)
        lead = ["N"] if axis == "row" else ["N", "T" if axis == "time" else f"T_{axis}"]
        name = g.declare(node["name"])
        self.inputs.append(
            helper.make_tensor_value_info(name, INT64 if ids else g.float_type, [*lead, *shape])
        )
        if not self.dims.rows:
            self.dims.rows = g.op("Shape", name, start=0, end=1)
        if axis == "row":
            return Sequenced(Value(name, "N", shape, is_id=ids), "row")
        if axis not in self.dims.steps:
            self.dims.steps[axis] = g.op("Shape", name, start=1, end=2)
        turned = g.op("Transpose", name, perm=[1, 0] if ids else [1, 0, 2])
        return Sequenced(Value(turned, "TN", shape, is_id=ids), axis)

    def _lengths(self, axis: str, name: str) -> None:
        g, steps = self.g, self.dims.steps[axis]
        size = g.op("Squeeze", steps, g.ints(0))
        if not self.has_lengths(axis):
            self.valid[axis] = None
            self.counts[axis] = g.op("Expand", g.op("Cast", size, to=g.float_type), self.dims.rows)
            return
        self.inputs.append(helper.make_tensor_value_info(g.declare(name), INT64, ["N"]))
        places = g.op("Range", g.constant(0, "int64"), size, g.constant(1, "int64"))
        self.lengths[axis] = name
        self.valid[axis] = g.op("Less", g.op("Unsqueeze", places, g.ints(1)), name)
        self.counts[axis] = g.op("Cast", name, to=g.float_type)

    def has_lengths(self, axis: str) -> bool:
        """Whether the lengths of an axis are an input."""
        return self.options.lengths

    def next_slot(self, number: int) -> int:
        """The slot after those of a layer."""
        return self.first_slot[number] + len(carried(self.program(self.nodes[number])))

    def members(self) -> dict[str, list[int]]:
        """The slots of each state whose layers are in the file."""
        found: dict[str, list[int]] = {}
        for number, first in self.first_slot.items():
            if self.is_part(number):
                for slot in range(first, self.next_slot(number)):
                    found.setdefault(self.slots[slot], []).append(slot)
        return found

    def _initial_states(self) -> None:
        bridged = self.bridged()
        for name, slots in self.members().items():
            if any(slot in bridged for slot in slots):
                continue
            shape = self.description["states"][slots[0]][1]
            self.inputs.append(
                helper.make_tensor_value_info(
                    self.g.declare(name), self.g.float_type, [len(slots), "N", *shape]
                )
            )
            for place, slot in enumerate(slots):
                one = self.g.op("Gather", name, self.g.constant(place, "int64"), axis=0)
                self.initial[slot] = Value(one, "N", tuple(shape))

    def bridged(self) -> dict[int, int]:
        """The slots that start from values of the graph, and these values."""
        found = {}
        for number, first in self.first_slot.items():
            node = self.nodes[number]
            program = self.program(node)
            for slot, k in enumerate(carried(program), first):
                origin = node.get("initial", {}).get(program["nodes"][k]["name"])
                if origin is not None:
                    found[slot] = origin
        return found

    # nodes

    def _node(self, number: int, node: Mapping[str, Any]) -> Sequenced:
        if node["op"] == "layer":
            return self._layer(number, node)
        parts = node["parts"]
        if node["op"] == "output":
            result = self.results[parts[0]]
            return replace(self.values[parts[0]], value=result.outputs[node["name"]])
        if node["op"] == "final":
            result = self.results[parts[0]]
            program = self.program(self.nodes[parts[0]])
            names = [program["nodes"][k]["name"] for k in sources(program, "state")]
            return Sequenced(result.states[names.index(node["name"])], "row")
        values = [self.values[part] for part in parts]
        for place, pair in enumerate(node.get("columns", ())):
            values[place] = self._columns(values[place], *pair)
        return MOVES[node["op"]](self, values)

    def _columns(self, value: Sequenced, start: int, stop: int) -> Sequenced:
        g = self.g
        name = g.op("Slice", value.value.name, g.ints(start), g.ints(stop), g.ints(-1))
        return replace(value, value=replace(value.value, name=name, shape=(stop - start,)))

    def program(self, node: Mapping[str, Any]) -> dict[str, Any]:
        """The step of inference."""
        made: dict[str, Any] = self.graph["programs"][node.get("inference", node["program"])]
        return made

    def _layer(self, number: int, node: Mapping[str, Any]) -> Sequenced:
        program = self.program(node)
        parts = [self.values[part] for part in node["parts"]]
        memories = [plain(self, self.values[part]) for part in node.get("memories", ())]
        axes = {one.axis for one in parts if one.axis != "row"}
        axis = axes.pop() if axes else "row"
        mirrored = {one.mirrored for one in parts if "T" in one.value.lead}
        if len(mirrored) > 1:
            parts = [plain(self, one) for one in parts]
            mirrored = {False}
        backward = mirrored == {True}
        first = self.first_slot[number]
        states = self._starts(program, first)
        layer = Layer(
            program,
            [one.value for one in parts],
            list(map(self._parameter, node["params"], self._shapes(program))),
            [self._memory(one) for one in memories],
            states,
            self.valid.get(axis),
            backward,
        )
        context = self.context(program, axis, memories)
        result = None
        if self.options.cells != "scan" and axis != "row":
            result = native.run(context, layer, self.lengths.get(axis))
        if result is None:
            result = run(context, layer)
        self.results[number] = result
        own = carried(program)
        finals = [one for k, one in zip(sources(program, "state"), result.states, strict=True) if k in own]
        self.finals |= dict(enumerate(finals, first))
        if self.options.states and len(own) < len(result.states):
            raise ConfigError(
                f"{context.where} has a state on the entries of a memory, which is no state of the network; "
                "export without states=True"
            )
        output = result.outputs[program["outputs"][0][0]]
        return Sequenced(output, axis, backward and "T" in output.lead)

    def _starts(self, program: Mapping[str, Any], first: int) -> list[Value | None]:
        slots = {k: slot for slot, k in enumerate(carried(program), first)}
        return [self.start(slots[k]) if k in slots else None for k in sources(program, "state")]

    def start(self, slot: int) -> Value | None:
        """The initial state of a slot; None for zeros."""
        origin = self.bridged().get(slot)
        if origin is None:
            return self.initial.get(slot)
        shape, value = tuple(self.description["states"][slot][1]), self.values[origin].value
        if shape == value.shape:
            return value
        return replace(value, name=self.g.op("Reshape", value.name, self.g.ints(0, *shape)), shape=shape)

    def _shapes(self, program: Mapping[str, Any]) -> list[tuple[int, ...]]:
        context = self.context(program, "row", [])
        return [context.shape(program["nodes"][k]["shape"]) for k in sources(program, "param")]

    def _parameter(self, offset: int, shape: tuple[int, ...]) -> Value:
        name, own = self.parameters[offset]
        if tuple(own) != shape:
            name = self.g.op("Reshape", name, self.g.ints(*shape))
        return Value(name, "", shape)

    def _memory(self, one: Sequenced) -> Value:
        """A sequence (T, N, F) as entries (N, S, F)."""
        value = full(self, one)
        name = self.g.op("Transpose", value.name, perm=[1, 0, *range(2, 2 + len(value.shape))])
        return replace(value, name=name, lead="NS", entries=one.axis)

    def context(self, program: Mapping[str, Any], axis: str, memories: Sequence[Sequenced]) -> Context:
        """What the ops of a step use."""
        masks: dict[str, str | None] = {}
        for one in memories:
            valid = self.valid[one.axis]
            masks[one.axis] = None if valid is None else self.g.op("Transpose", valid, perm=[1, 0])
        where = f"layer {program['name']!r}"
        return Context(self.g, self.dims, where, program["sizes"], masks, self.counts, axis)

    # outputs

    def output(self, name: str, number: int) -> ValueInfoProto:
        """A node as an output."""
        g, one = self.g, plain(self, self.values[number])
        value = one.value
        context = self.context({"name": name, "sizes": {}}, one.axis, [])
        lead: list[Any] = ["N"]
        if one.axis != "row":
            value = context.full(value, "TN", None)
            valid = self.valid[one.axis]
            if valid is not None:
                truth = g.op("Unsqueeze", valid, g.ints(*range(2, 2 + len(value.shape))))
                value = context.like_where(truth, value, context.number(0.0))
            perm = [1, 0, *range(2, 2 + len(value.shape))]
            value = replace(value, name=g.op("Transpose", value.name, perm=perm))
            lead = ["N", "T" if one.axis == "time" else f"T_{one.axis}"]
        else:
            value = context.full(value, "N", None)
        taken = {info.name for info in self.inputs} | set(self.arrays)
        final = f"{name}.output" if name in taken else name
        g.rename(value.name, final)
        return helper.make_tensor_value_info(final, g.float_type, [*lead, *value.shape])

    def final_states(self) -> list[ValueInfoProto]:
        """The states after the last step, as outputs."""
        return [
            self.state(f"{name}.next", [self.finals[slot] for slot in slots])
            for name, slots in self.members().items()
        ]

    def state(self, name: str, values: Sequence[Value]) -> ValueInfoProto:
        """The values of a state for all layers and directions, as an output."""
        g = self.g
        parts = [g.op("Unsqueeze", one.name, g.ints(0)) for one in values]
        g.rename(g.op("Concat", *parts, axis=0) if len(parts) > 1 else parts[0], name)
        return helper.make_tensor_value_info(name, g.float_type, [len(values), "N", *values[0].shape])
