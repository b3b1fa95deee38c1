"""The recurrent nodes of ONNX: for which step programs they are equal, and their operands.

A step is recognized by its equations, not by the name of its class: its program equals the one that ostinato
traces of the built-in cell, apart from names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np

import ostinato as ost
from ostinato_onnx.context import Context, dimension
from ostinato_onnx.emitter import BOOL
from ostinato_onnx.step import Layer, Result, sources
from ostinato_onnx.value import Value

# Rows of our gates in ONNX's order: i f g o -> i o f c, and r z n -> z r h.
BLOCKS: Final = {"RNN": (0,), "LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2)}


@dataclass(frozen=True)
class Kind:
    """A node of ONNX, its attributes, and the options of the built-in cell with the same equations."""

    op: str
    states: int
    options: tuple[tuple[str, Any], ...]
    attributes: tuple[tuple[str, Any], ...] = ()

    def layer(self, inputs: int, hidden: int, **more: Any) -> ost.Recurrent:
        """The built-in layer."""
        made: ost.Recurrent = getattr(ost, self.op)(inputs, hidden, **dict(self.options), **more)
        return made


KINDS: Final = (
    Kind("LSTM", 2, ()),
    Kind("GRU", 1, (("reset", "after"),), (("linear_before_reset", 1),)),
    Kind("GRU", 1, (("reset", "before"),), (("linear_before_reset", 0),)),
    *(Kind("RNN", 1, (("nonlinearity", name.lower()),), (("activations", (name,)),))
      for name in ("Tanh", "Relu", "Sigmoid")),
)  # fmt: skip


def run(c: Context, layer: Layer, lengths: str | None) -> Result | None:
    """The layer as one node, or None if no node has its equations."""
    # ONNX Runtime has no float64 kernels of these nodes
    if c.g.dtype != "float32" or layer.memories or len(layer.inputs) != 1 or not layer.inputs[0].shape:
        return None
    kind = recognized(layer.program)
    if kind is None:
        return None
    g, (x,) = c.g, layer.inputs
    x = c.full(x, "TN", None)
    hidden = layer.params[1].shape[1]
    order = np.concatenate([np.arange(hidden) + hidden * block for block in BLOCKS[kind.op]])
    rows = g.constant(order, "int64")
    weights = [g.op("Gather", one.name, rows, axis=0) for one in layer.params]
    w, r = (g.op("Unsqueeze", one, g.ints(0)) for one in weights[:2])
    bias = g.op("Unsqueeze", g.op("Concat", *weights[2:], axis=0), g.ints(0)) if weights[2:] else ""
    steps = ""
    if lengths is not None:
        steps = g.op("Cast", g.op("Min", lengths, c.dims.steps[c.steps]), to=6)
    initial = ["" if one is None else g.op("Unsqueeze", one.name, g.ints(0)) for one in layer.states]
    y, *finals = g.outputs(
        kind.op,
        [x.name, w, r, bias, steps, *initial],
        1 + kind.states,
        hidden_size=hidden,
        direction="reverse" if layer.backward else "forward",
        **dict(kind.attributes),
    )
    output = Value(g.op("Squeeze", y, g.ints(1)), "TN", (hidden,))
    states = [Value(g.op("Squeeze", one, g.ints(0)), "N", (hidden,)) for one in finals]
    if lengths is not None:
        # ONNX does not say what the final state of a row of length 0 is
        some = g.op("Unsqueeze", g.op("Cast", lengths, to=BOOL), g.ints(1))
        states = [
            c.like_where(some, one, start or c.number(0.0))
            for one, start in zip(states, layer.states, strict=True)
        ]
    return Result({layer.program["outputs"][0][0]: output}, states)


def recognized(program: Mapping[str, Any]) -> Kind | None:
    """The node with the equations of a step program."""
    states, params = sources(program, "state"), sources(program, "param")
    if len(states) not in (1, 2) or len(params) not in (2, 4) or len(program["outputs"]) != 1:
        return None
    nodes = program["nodes"]
    shapes = [nodes[k].get("shape", []) for k in (sources(program, "input")[0], states[0])]
    if any(len(one) != 1 for one in shapes):
        return None
    inputs, hidden = (dimension(one[0], program["sizes"]) for one in shapes)
    own = signature(program)
    for kind in KINDS:
        if kind.states == len(states) and own == _reference(kind, inputs, hidden, len(params) == 4):
            return kind
    return None


@cache
def _reference(kind: Kind, inputs: int, hidden: int, bias: bool) -> Any:
    import json

    text = kind.layer(inputs, hidden, bias=bias).graph().to_json()
    return signature(json.loads(text)["graph"]["programs"][0])


def signature(program: Mapping[str, Any]) -> Any:
    """The equations of a program without names."""
    sizes = program["sizes"]

    def entry(node: Mapping[str, Any]) -> Any:
        kept = {key: value for key, value in node.items() if key not in ("name", "shape")}
        shape = tuple(dimension(text, sizes) for text in node.get("shape", ()))
        return (sorted((key, repr(value)) for key, value in kept.items()), shape)

    states = [program["nodes"][k]["name"] for k in sources(program, "state")]
    updates = dict(program["updates"])
    return (
        [entry(node) for node in program["nodes"]],
        [k for _, k in program["outputs"]],
        [updates[name] for name in states],
    )
