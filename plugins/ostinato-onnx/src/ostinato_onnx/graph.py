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
from ostinato_onnx.moves import MOVES, Sequenced, plain
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
    finals: list[Value] = field(default_factory=list)
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

    def model(self, metadata: Mapping[str, str]) -> ModelProto:
        """The whole file. Raises ConfigError for what ONNX cannot express."""
        self._inputs()
        for number, node in enumerate(self.nodes):
            if number not in self.values:
                self.values[number] = self._node(number, node)
        outputs = [self._output(name, number) for name, number in self.graph["outputs"]]
        if self.options.states:
            outputs += self._final_states()
        graph = self.g.graph("ostinato", self.inputs, outputs, True)
        model = helper.make_model(
            graph,
            producer_name="ostinato",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR,
        )
        helper.set_model_props(model, dict(metadata))
        return model

    # inputs

    def _inputs(self) -> None:
        axes = dict.fromkeys(
            node["axis"] for node in self.nodes if node["op"] in ("input", "ids") and node["axis"] != "row"
        )
        for number, node in enumerate(self.nodes):
            if node["op"] in ("input", "ids"):
                self.values[number] = self._input(node)
        for axis in axes:
            self._lengths(axis, "lengths" if len(axes) == 1 else f"lengths.{axis}")
        if self.options.states:
            self._initial_states()

    def _input(self, node: Mapping[str, Any]) -> Sequenced:
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
        if not self.options.lengths:
            self.valid[axis] = None
            self.counts[axis] = g.op("Expand", g.op("Cast", size, to=g.float_type), self.dims.rows)
            return
        self.inputs.append(helper.make_tensor_value_info(g.declare(name), INT64, ["N"]))
        places = g.op("Range", g.constant(0, "int64"), size, g.constant(1, "int64"))
        self.lengths[axis] = name
        self.valid[axis] = g.op("Less", g.op("Unsqueeze", places, g.ints(1)), name)
        self.counts[axis] = g.op("Cast", name, to=g.float_type)

    def _initial_states(self) -> None:
        bridged = self._bridged()
        members: dict[str, list[int]] = {}
        for slot, name in enumerate(self.slots):
            members.setdefault(name, []).append(slot)
        for name, slots in members.items():
            if name in bridged:
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

    def _bridged(self) -> set[str]:
        """The states that start from values of the graph."""
        found, slot = set(), 0
        for node in self.nodes:
            if node["op"] == "layer":
                program = self._program(node)
                for k in carried(program):
                    if program["nodes"][k]["name"] in node.get("initial", {}):
                        found.add(self.slots[slot])
                    slot += 1
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
            program = self._program(self.nodes[parts[0]])
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

    def _program(self, node: Mapping[str, Any]) -> dict[str, Any]:
        """The step of inference."""
        made: dict[str, Any] = self.graph["programs"][node.get("inference", node["program"])]
        return made

    def _layer(self, number: int, node: Mapping[str, Any]) -> Sequenced:
        program = self._program(node)
        parts = [self.values[part] for part in node["parts"]]
        memories = [plain(self, self.values[part]) for part in node.get("memories", ())]
        axes = {one.axis for one in parts if one.axis != "row"}
        axis = axes.pop() if axes else "row"
        mirrored = {one.mirrored for one in parts if "T" in one.value.lead}
        if len(mirrored) > 1:
            parts = [plain(self, one) for one in parts]
            mirrored = {False}
        backward = mirrored == {True}
        first = len(self.finals)
        states = self._starts(node, program, first)
        layer = Layer(
            program,
            [one.value for one in parts],
            list(map(self._parameter, node["params"], self._shapes(program))),
            [self._memory(one) for one in memories],
            states,
            self.valid.get(axis),
            backward,
        )
        context = self._context(program, axis, memories)
        result = None
        if self.options.cells != "scan" and axis != "row":
            result = native.run(context, layer, self.lengths.get(axis))
        if result is None:
            result = run(context, layer)
        self.results[number] = result
        own = carried(program)
        self.finals += [
            one for k, one in zip(sources(program, "state"), result.states, strict=True) if k in own
        ]
        if self.options.states and len(own) < len(result.states):
            raise ConfigError(
                f"{context.where} has a state on the entries of a memory, which is no state of the network; "
                "export without states=True"
            )
        output = result.outputs[program["outputs"][0][0]]
        return Sequenced(output, axis, backward and "T" in output.lead)

    def _starts(self, node: Mapping[str, Any], program: Mapping[str, Any], first: int) -> list[Value | None]:
        starts: list[Value | None] = []
        places = {k: place for place, k in enumerate(carried(program))}
        for k in sources(program, "state"):
            if k not in places:
                starts.append(None)
                continue
            place = places[k]
            bridge = node.get("initial", {}).get(program["nodes"][k]["name"])
            shape = self.description["states"][first + place][1]
            if bridge is None:
                starts.append(self.initial.get(first + place))
                continue
            value = self.values[bridge].value
            if tuple(shape) != value.shape:
                name = self.g.op("Reshape", value.name, self.g.ints(0, *shape))
                value = replace(value, name=name, shape=tuple(shape))
            starts.append(value)
        return starts

    def _shapes(self, program: Mapping[str, Any]) -> list[tuple[int, ...]]:
        context = self._context(program, "row", [])
        return [context.shape(program["nodes"][k]["shape"]) for k in sources(program, "param")]

    def _parameter(self, offset: int, shape: tuple[int, ...]) -> Value:
        name, own = self.parameters[offset]
        if tuple(own) != shape:
            name = self.g.op("Reshape", name, self.g.ints(*shape))
        return Value(name, "", shape)

    def _memory(self, one: Sequenced) -> Value:
        """A sequence (T, N, F) as entries (N, S, F)."""
        name = self.g.op("Transpose", one.value.name, perm=[1, 0, *range(2, 2 + len(one.value.shape))])
        return replace(one.value, name=name, lead="NS", entries=one.axis)

    def _context(self, program: Mapping[str, Any], axis: str, memories: Sequence[Sequenced]) -> Context:
        masks: dict[str, str | None] = {}
        for one in memories:
            valid = self.valid[one.axis]
            masks[one.axis] = None if valid is None else self.g.op("Transpose", valid, perm=[1, 0])
        where = f"layer {program['name']!r}"
        return Context(self.g, self.dims, where, program["sizes"], masks, self.counts, axis)

    # outputs

    def _output(self, name: str, number: int) -> ValueInfoProto:
        g, one = self.g, plain(self, self.values[number])
        value = one.value
        context = self._context({"name": name, "sizes": {}}, one.axis, [])
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

    def _final_states(self) -> list[ValueInfoProto]:
        g, infos = self.g, []
        for name in dict.fromkeys(self.slots):
            slots = [slot for slot, other in enumerate(self.slots) if other == name]
            parts = [g.op("Unsqueeze", self.finals[slot].name, g.ints(0)) for slot in slots]
            joined = g.op("Concat", *parts, axis=0) if len(parts) > 1 else parts[0]
            g.rename(joined, f"{name}.next")
            shape = self.description["states"][slots[0]][1]
            infos.append(
                helper.make_tensor_value_info(f"{name}.next", g.float_type, [len(slots), "N", *shape])
            )
        return infos
