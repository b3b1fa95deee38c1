"""A cell's own equations in another array library, as a user would write them, read from the cell's program.

Values that do not depend on the state are computed for all steps together, as a careful user does; the rest
step by step. `Steps` knows which is which; a rival brings the loop and the functions of its library.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class Library(Protocol):
    """What equations need, by the names of the step language; arrays have leading batch axes."""

    def function(self, op: str) -> Callable[..., Any]:
        """An elementwise function, such as "sigmoid"."""

    def concat(self, parts: Sequence[Any]) -> Any:
        """Parts joined along the last axis."""

    def layer_norm(self, x: Any, eps: float) -> Any:
        """Normalized over the last axis."""


BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
}


@dataclass(frozen=True)
class Node:
    """One equation."""

    op: str
    args: tuple[int, ...]
    attrs: dict[str, Any]
    name: str


class Steps:
    """The equations of one step: parameters `params`, one state each in `states`."""

    def __init__(self, program: str) -> None:
        """`program` is the canonical text of a program whose values are vectors and numbers."""
        content = json.loads(program)
        self.nodes = [
            Node(one["op"], tuple(one.get("args", ())), one, one.get("name", "")) for one in content["nodes"]
        ]
        self.output = content["outputs"][0][1]
        self.updates = dict(content["updates"])
        self.states = {n.name: k for k, n in enumerate(self.nodes) if n.op == "state"}
        self.params = {n.name: k for k, n in enumerate(self.nodes) if n.op == "param"}
        (self.input,) = (k for k, n in enumerate(self.nodes) if n.op == "input")
        on_state, on_input = set(self.states.values()), {self.input}
        for k, node in enumerate(self.nodes):
            for group in (on_state, on_input):
                if group.intersection(node.args):
                    group.add(k)
        computed = [k for k, n in enumerate(self.nodes) if n.args]
        self.once = [k for k in computed if k not in on_state and k not in on_input]
        self.before = [k for k in computed if k in on_input and k not in on_state]
        self.loop = [k for k in computed if k in on_state]
        read = {arg for k in self.loop for arg in self.nodes[k].args} | {self.output, *self.updates.values()}
        self.read_by_loop = [k for k in (self.input, *self.before) if k in read]

    def constants(self) -> dict[int, float]:
        """Values of the constants."""
        return {k: float(n.attrs["value"]) for k, n in enumerate(self.nodes) if n.op == "const"}

    def compute(self, which: Sequence[int], values: dict[int, Any], library: Library) -> None:
        """Adds the values of the nodes `which` to those given."""
        for k in which:
            node = self.nodes[k]
            a = [values[arg] for arg in node.args]
            if node.op == "matmul":
                weight = a[0] if node.attrs["transpose"] else a[0].T
                values[k] = a[1] @ weight
            elif node.op == "slice":
                values[k] = a[0][..., int(node.attrs["start"]) : int(node.attrs["stop"])]
            elif node.op == "concat":
                values[k] = library.concat(a)
            elif node.op == "layer_norm":
                values[k] = library.layer_norm(a[0], node.attrs["eps"])
            else:
                values[k] = (BINARY.get(node.op) or library.function(node.op))(*a)
