"""`Emitter`: collects the nodes of one ONNX graph, or of the body of a `Scan` inside it.

A body reads values of the graph around it by their names. A node of a body that reads nothing of the body is
added to the graph around it, so what does not change from step to step is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

TYPES: Final = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}
INT64: Final = TensorProto.INT64
BOOL: Final = TensorProto.BOOL


class Emitter:
    """The nodes of a graph. `dtype` is the float type of the network; `around` is the graph of a body."""

    def __init__(self, dtype: str, around: Emitter | None = None) -> None:
        self.dtype = dtype
        self.around = around
        self.nodes: list[NodeProto] = []
        self.initializers: dict[str, NDArray[Any]] = {} if around is None else around.initializers
        self._local: set[str] = set()
        self._made: dict[Any, list[str]] = {}
        self._counter: list[int] = [0] if around is None else around._counter

    @property
    def float_type(self) -> int:
        """ONNX's number of the float type."""
        number: int = TYPES[self.dtype]
        return number

    def name(self, hint: str) -> str:
        """A name that occurs once in the file; no parameter has a name with a slash in front."""
        self._counter[0] += 1
        return f"/{hint}/{self._counter[0]}"

    def declare(self, name: str) -> str:
        """Register an input of this graph."""
        self._local.add(name)
        return name

    def is_local(self, name: str) -> bool:
        """Whether the value belongs to this graph, not to the one around it."""
        return self.around is None or name in self._local

    def outputs(self, kind: str, inputs: Sequence[str], count: int, **attributes: Any) -> list[str]:
        """Add a node with `count` outputs; the same node is added once."""
        if self.around is not None and not any(one in self._local for one in inputs):
            return self.around.outputs(kind, inputs, count, **attributes)
        key = None
        if "body" not in attributes:
            key = (kind, tuple(inputs), count, tuple(sorted((k, repr(v)) for k, v in attributes.items())))
            if key in self._made:
                return self._made[key]
        results = [self.name(kind) for _ in range(count)]
        self.nodes.append(helper.make_node(kind, list(inputs), results, name=results[0], **attributes))
        self._local.update(results)
        if key is not None:
            self._made[key] = results
        return results

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output and return the name of the output."""
        return self.outputs(kind, inputs, 1, **attributes)[0]

    def rename(self, value: str, name: str) -> str:
        """Give a value the name of an output of this graph."""
        self.nodes.append(helper.make_node("Identity", [value], [name], name=name))
        self._local.add(name)
        return name

    def constant(self, value: Any, dtype: str) -> str:
        """The name of a constant array; equal ones are stored once."""
        array = np.asarray(value, dtype)
        key = ("constant", dtype, array.shape, array.tobytes())
        root = self.root
        if key not in root._made:
            name = self.name("constant")
            root.initializers[name] = array
            root._made[key] = [name]
        return root._made[key][0]

    def number(self, value: float) -> str:
        """A float constant without axes."""
        return self.constant(value, self.dtype)

    def zeros(self, shape: Sequence[int]) -> str:
        """Zeros of a shape."""
        return self.constant(np.zeros(shape), self.dtype)

    def ints(self, *values: int) -> str:
        """A list of int64."""
        return self.constant(values, "int64")

    @property
    def root(self) -> Emitter:
        """The outermost graph."""
        return self if self.around is None else self.around.root

    def graph(
        self,
        name: str,
        inputs: list[ValueInfoProto],
        outputs: list[ValueInfoProto],
        arrays_of: str = "nothing",
    ) -> GraphProto:
        """The graph, without nodes that no output needs.

        arrays_of: "nothing", what the "nodes" read, or also "all" parameters, which are there for `load`.
        """
        nodes = live(self.nodes, {one.name for one in outputs})
        arrays = []
        if arrays_of != "nothing":
            read = {one for node in nodes for one in reads(node)}
            arrays = [
                numpy_helper.from_array(array, own)
                for own, array in self.initializers.items()
                if own in read or (arrays_of == "all" and not own.startswith("/"))
            ]
        return helper.make_graph(nodes, name, inputs, outputs, arrays)


def reads(node: NodeProto) -> set[str]:
    """The names that a node reads, those of its body included."""
    names = set(node.input)
    for attribute in node.attribute:
        if attribute.HasField("g"):
            for inner in attribute.g.node:
                names |= reads(inner)
            names |= {one.name for one in attribute.g.output}
    return names - {""}


def live(nodes: list[NodeProto], outputs: set[str]) -> list[NodeProto]:
    """The nodes on which the outputs depend."""
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            kept.append(node)
            needed |= reads(node)
    return kept[::-1]
