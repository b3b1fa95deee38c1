"""`Symbol`: a value of a graph that is being written, before there is a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ostinato.errors import ConfigError, ShapeError
from ostinato.network.graph import Axis, Graph, Node, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

# What can be made of symbols without a layer.
REDUCTIONS: Final = ("last", "first", "mean", "max", "sum")


@dataclass(frozen=True, eq=False)
class Symbol:
    """A value of every row, or of every row and step, that a graph will compute.

    Made by `Input`, by calling a layer with a symbol, and by functions such as `concat` and `last`. `width`
    is its features per step or row; `axis` says where it varies, "time" or "row"; `limit` is the number of
    ids where it holds ids. Two symbols are equal only if they are the same.
    """

    op: str
    parts: tuple[Symbol, ...]
    width: int
    axis: Axis
    limit: int | None = None
    name: str | None = None
    layer: Any = None

    def __repr__(self) -> str:
        shape = "(N, T" if self.axis == "time" else "(N"
        kind = f"ids below {self.limit} {shape})" if self.limit is not None else f"{shape}, {self.width})"
        made = {"input": f"input {self.name!r}", "layer": repr(self.layer)}.get(self.op, self.op)
        return f"<Symbol {kind}: {made}>"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"{self!r} is no array: it has no values before the graph runs; write "
            "ost.Graph(outputs=...).run(...)"
        )

    def __add__(self, other: Any) -> Any:
        raise TypeError(f"{self!r} takes no operators; write ost.add(a, b) for a sum of two symbols")

    __radd__ = __add__

    def __getitem__(self, place: Any) -> Any:
        raise TypeError(
            f"{self!r} takes no index; ost.last(x) and ost.first(x) give the last and the first step of each "
            "row"
        )

    def into(self, graph: Graph, nodes: Sequence[Node]) -> Node:
        """Adds what makes this value to `graph`; `nodes` are its parts. Layers add themselves."""
        if self.op == "input":
            assert self.name is not None
            if self.limit is not None:
                return graph.index_input(self.name, self.limit, self.axis)
            return graph.input(self.name, self.width, self.axis)
        if self.op == "concat":
            return graph.concat(nodes)
        if self.op == "add":
            return graph.add(nodes[0], nodes[1])
        if self.op == "reverse":
            return graph.reverse(nodes[0])
        if self.op == "repeat":
            return graph.repeat(nodes[0])
        return graph.reduce(self.op, nodes[0])


def applied(layer: Any, x: Symbol) -> Symbol:
    """What `layer` gives for `x`. Raises ShapeError when they do not fit, DTypeError for features as ids."""
    if layer.takes_ids:
        if x.limit is None:
            raise ShapeError(f"{layer!r} takes ids below {layer.input_size}; {x!r} holds features")
        if x.limit > layer.input_size:
            raise ShapeError(f"{layer!r} takes ids below {layer.input_size}; {x!r} has ids below {x.limit}")
    elif x.limit is not None:
        raise ShapeError(f"{layer!r} takes features; {x!r} holds ids: write an Embedding before it")
    elif not layer.any_width and layer.input_size != x.width:
        raise ShapeError(f"{layer!r} takes {layer.input_size} features; {x!r} has {x.width}")
    graph = Graph()
    node = layer._assemble(graph, _as_input(graph, "x", x), Scope())
    return Symbol("layer", (x,), node.width, node.axis, node.limit, layer=layer)


def combined(op: str, *parts: Symbol) -> Symbol:
    """A symbol that moves elements of others. Raises ShapeError when they do not fit."""
    for part in parts[:1] if op == "repeat" else parts:  # its second part is read for its steps alone
        if part.limit is not None:
            raise ShapeError(
                f"{op}: {part!r} holds ids, which have no features; write an Embedding before it"
            )
    graph = Graph()
    nodes = [_as_input(graph, f"x{place}", part) for place, part in enumerate(parts)]
    node = Symbol(op, parts, 0, "time").into(graph, nodes)
    return Symbol(op, parts, node.width, node.axis, node.limit)


def sequence_input(x: Symbol) -> Symbol:
    """The input along time that gives the sequence `x` its steps."""
    while x.op != "input":
        x = next(part for part in x.parts if part.axis == "time")
    return x


def _as_input(graph: Graph, name: str, part: Symbol) -> Node:
    if part.limit is not None:
        return graph.index_input(name, part.limit, part.axis)
    return graph.input(name, part.width, part.axis)


def in_order(outputs: Sequence[Symbol]) -> list[Symbol]:
    """All symbols that the outputs are made of, parts before what is made of them."""
    order: list[Symbol] = []
    seen: set[int] = set()
    stack: list[tuple[Symbol, bool]] = [(one, False) for one in reversed(outputs)]
    while stack:
        symbol, expanded = stack.pop()
        if expanded:
            order.append(symbol)
        elif id(symbol) not in seen:
            seen.add(id(symbol))
            stack.append((symbol, True))
            stack += [(part, False) for part in reversed(symbol.parts) if id(part) not in seen]
    return _distinct(order)


def _distinct(order: list[Symbol]) -> list[Symbol]:
    found: dict[int, Symbol] = {}
    for symbol in order:
        found.setdefault(id(symbol), symbol)
    return list(found.values())


def check_symbols(what: str, values: Sequence[Any]) -> None:
    """Raises ConfigError for what is no symbol."""
    for value in values:
        if not isinstance(value, Symbol):
            raise ConfigError(
                f"{what} is given a {type(value).__name__}; expected symbols: what ost.Input makes, and "
                "layers called with symbols"
            )
