"""The recurrent nodes of an ONNX file of another program as layers: RNN, GRU and LSTM with their weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

import ostinato as ost
from ostinato import FormatError
from ostinato_onnx.native import BLOCKS

Array = NDArray[Any]

# What may stand between two layers: it moves axes and changes no number.
MOVES: Final = ("Transpose", "Squeeze", "Unsqueeze", "Reshape", "Identity", "Flatten")
# What may compute the operands of these, and the zeros that states start from.
SIZES: Final = ("Constant", "Shape", "Gather", "Concat", "ConstantOfShape", "Expand", "Slice", "Cast")
USUAL: Final = {"RNN": ("Tanh",), "GRU": ("Sigmoid", "Tanh"), "LSTM": ("Sigmoid", "Tanh", "Tanh")}
NONLINEARITIES: Final = ("Tanh", "Relu", "Sigmoid")
DIRECTIONS: Final = {"forward": 1, "reverse": 1, "bidirectional": 2}
KNOWN: Final = (
    *("hidden_size", "direction", "activations", "clip", "input_forget", "linear_before_reset", "layout"),
    *("activation_alpha", "activation_beta"),
)
W, R, B, STEPS, H, C, P = range(1, 8)


@dataclass
class Source:
    """An ONNX graph with its constants, as far as they are needed."""

    graph: onnx.GraphProto

    def __post_init__(self) -> None:
        self.tensors = {one.name: one for one in self.graph.initializer}
        self.makers = {name: node for node in self.graph.node for name in node.output if name}
        self.inputs = {one.name for one in self.graph.input} - set(self.tensors)

    def constant(self, name: str) -> Array | None:
        """The array of a name; None if it is computed or comes from outside. Raises FormatError."""
        tensor = self.tensors.get(name)
        maker = self.makers.get(name)
        if tensor is None and maker is not None and maker.op_type == "Constant":
            tensor = next((one.t for one in maker.attribute if one.name == "value"), None)
        if tensor is None:
            return None
        inside(tensor)
        return np.asarray(numpy_helper.to_array(tensor))

    def zeros(self, name: str) -> bool:
        """Whether a value is 0 everywhere, whatever its size."""
        array = self.constant(name)
        if array is not None:
            return not array.any()
        maker = self.makers.get(name)
        if maker is None:
            return False
        if maker.op_type == "ConstantOfShape":
            return not any(numpy_helper.to_array(one.t).any() for one in maker.attribute)
        moves = maker.op_type in (*MOVES, "Expand", "Slice", "Cast")
        return moves and self.zeros(maker.input[0])


def inside(tensor: TensorProto) -> None:
    """Raises FormatError for a tensor whose numbers are in another file."""
    if tensor.data_location == TensorProto.EXTERNAL:
        raise FormatError(
            f"the initializer {tensor.name!r} is in another file (external data); save the model in one "
            "file: onnx.save(onnx.load(path), other_path)"
        )


def recurrent(graph: onnx.GraphProto, name: str | None) -> Any:
    """The recurrent node called `name`, or all of them one after the other. Raises FormatError."""
    source = Source(graph)
    nodes = [node for node in graph.node if node.op_type in BLOCKS]
    if name is not None:
        found = [node for node in nodes if node.name == name]
        if len(found) != 1:
            names = [node.name for node in nodes]
            raise FormatError(f"the file has no recurrent node {name!r}; it has {names}")
        return _network([layer(source, found[0])])
    if not nodes:
        kinds = sorted({node.op_type for node in graph.node})
        raise FormatError(f"the file has no node RNN, GRU or LSTM; it has {', '.join(kinds)}")
    other = next((node for node in graph.node if node.op_type not in (*BLOCKS, *MOVES, *SIZES)), None)
    if other is not None:
        raise FormatError(
            f"the node {_called(other)} is no recurrent layer; load(path, node=...) reads one of "
            f"{[node.name for node in nodes]} alone"
        )
    for before, node in pairwise(nodes):
        if _origin(source, node.input[0]) is not before:
            raise FormatError(
                f"{_called(node)} does not read the output of {_called(before)}; load(path, node=...) reads "
                "one alone"
            )
    return _network([layer(source, node) for node in nodes])


def _origin(source: Source, name: str) -> NodeProto | None:
    """The recurrent node whose first output a value is, with other axes."""
    maker = source.makers.get(name)
    while maker is not None and maker.op_type in MOVES:
        name = maker.input[0]
        maker = source.makers.get(name)
    return maker if maker is not None and maker.output[0] == name else None


@dataclass
class Recurrent:
    """A layer, and whether it runs from the last step to the first."""

    layer: ost.Recurrent
    backward: bool


def _network(layers: Sequence[Recurrent]) -> Any:
    if not any(one.backward for one in layers):
        return layers[0].layer if len(layers) == 1 else ost.Sequential(*(one.layer for one in layers))
    value = ost.Input("x", size=layers[0].layer.input_size)
    for one in layers:
        value = ost.reverse(one.layer(ost.reverse(value))) if one.backward else one.layer(value)
    return ost.Graph(value)


def layer(source: Source, node: NodeProto) -> Recurrent:
    """The layer of a node. Raises FormatError for what a layer of ostinato does not compute."""
    called = _called(node)
    given = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    unknown = next((one for one in given if one not in KNOWN), None)
    if unknown is not None:
        raise FormatError(f"{called} has the attribute {unknown!r}; expected {', '.join(KNOWN)}")
    direction = given.get("direction", b"forward").decode()
    if direction not in DIRECTIONS:
        raise FormatError(f"{called} has the direction {direction!r}; expected {', '.join(DIRECTIONS)}")
    count = DIRECTIONS[direction]
    options = _options(called, node.op_type, given, count)
    names = [*node.input, *[""] * 8]
    arrays: dict[int, Array] = {}
    for place, what in ((W, "W"), (R, "R"), (B, "B"), (P, "P")):
        if names[place]:
            array = source.constant(names[place])
            if array is None:
                raise FormatError(
                    f"{called}: {what}, {names[place]!r}, is no initializer, so it has no numbers"
                )
            arrays[place] = array
    for place in (H, C):
        if names[place] and names[place] not in source.inputs and not source.zeros(names[place]):
            raise FormatError(
                f"{called} starts from the state {names[place]!r} of the file; make it an input of the "
                "graph, or zeros, and give it as state= of a call"
            )
    return _filled(called, node.op_type, arrays, count, options, direction == "reverse", given)


def _options(called: str, kind: str, given: dict[str, Any], count: int) -> dict[str, Any]:
    """The options of the built-in cell."""
    for name in ("clip", "input_forget", "activation_alpha", "activation_beta"):
        if given.get(name):
            raise FormatError(
                f"{called} has {name}={given[name]}, which no layer here has; expected a file that was "
                f"exported without {name}"
            )
    activations = [one.decode().capitalize() for one in given.get("activations", ())]
    usual = list(USUAL[kind]) * count
    if kind == "RNN":
        first = activations[0] if activations else "Tanh"
        if (activations or usual) != [first] * count or first not in NONLINEARITIES:
            raise FormatError(
                f"{called} has the activations {activations}; expected one of {NONLINEARITIES}, the same "
                "in both directions"
            )
        return {"nonlinearity": first.lower()}
    if activations and activations != usual:
        raise FormatError(f"{called} has the activations {activations}; expected {usual}")
    return {"reset": "after" if given.get("linear_before_reset") else "before"} if kind == "GRU" else {}


def _filled(
    called: str,
    kind: str,
    arrays: dict[int, Array],
    count: int,
    options: dict[str, Any],
    backward: bool,
    given: dict[str, Any],
) -> Recurrent:
    """The layer with the weights."""
    gates = len(BLOCKS[kind])
    hidden = arrays[R].shape[-1]
    inputs = arrays[W].shape[-1]
    expected = {
        W: (count, gates * hidden, inputs),
        R: (count, gates * hidden, hidden),
        B: (count, 2 * gates * hidden),
        P: (count, 3 * hidden),
    }
    for place, array in arrays.items():
        if array.shape != expected[place] or given.get("hidden_size", hidden) != hidden:
            raise FormatError(
                f"{called}: {'_WRB____P'[place]} is {array.shape}; expected {expected[place]} with "
                f"hidden_size={given.get('hidden_size', hidden)}"
            )
    dtype = arrays[W].dtype.name
    if dtype not in ("float32", "float64"):
        raise FormatError(f"{called} has weights of {dtype}; expected float32 or float64")
    if P in arrays:
        options["peepholes"] = True
    make = getattr(ost, kind)
    made = make(inputs, hidden, bidirectional=count == 2, bias=B in arrays, dtype=dtype, **options)
    own = made.parameters()
    order = np.argsort(BLOCKS[kind])  # from ONNX's gates to ours

    def ours(array: Array) -> Array:
        return np.concatenate([np.split(array, gates)[block] for block in order])

    for place, end in enumerate(("_l0", "_l0_reverse")[:count]):
        own[f"weight_ih{end}"][...] = ours(arrays[W][place])
        own[f"weight_hh{end}"][...] = ours(arrays[R][place])
        if B in arrays:
            for name, part in zip(("bias_ih", "bias_hh"), np.split(arrays[B][place], 2), strict=True):
                own[f"{name}{end}"][...] = ours(part)
        if P in arrays:
            for name, part in zip("iof", np.split(arrays[P][place], 3), strict=True):
                own[f"peephole_{name}{end}"][...] = part
    return Recurrent(made, backward)


def _called(node: NodeProto) -> str:
    return f"{node.op_type} {node.name!r}" if node.name else str(node.op_type)
