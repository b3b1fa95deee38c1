"""`Symbol`: a value of a graph that is being written, before there is a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ostinato import ops
from ostinato.errors import ConfigError, DTypeError, ShapeError, a_type, shown
from ostinato.network.graph import Graph, Node, Scope, Unit
from ostinato.network.steps import regularized, step_of
from ostinato.regularizer import Regularizer
from ostinato.sequences.axis import ROW, TIME, Axis

_UFUNCS: Final = {"add": ops.add, "subtract": ops.sub, "multiply": ops.mul, "divide": ops.div}

InitialState: TypeAlias = "Symbol | Sequence[Symbol]"

# What can be made of symbols without a layer.
REDUCTIONS: Final = ("last", "first", "mean", "max", "sum")


@dataclass(frozen=True, eq=False)
class Symbol:
    """A value of every row, or of every row and step, that a graph will compute.

    Made by `Input`, by calling a layer with a symbol, and by functions such as `concat` and `last`. `width`
    is its features per step or row; `axis` says where it varies, "row" or the axis of a sequence, which is
    "time" by default; `limit` is the number of ids where it holds ids. Two symbols are equal only if
    they are the same.
    """

    op: str
    parts: tuple[Symbol, ...]
    width: int
    axis: Axis
    limit: int | None = None
    name: str | None = None
    layer: Any = None
    unit: Unit | None = None
    places: tuple[tuple[str, int], ...] = ()
    """Of a layer: the state, and its place among those of this name, of each part after its inputs. Of a
    final state: its own."""
    columns: tuple[int, int] | None = None
    """Of a slice: the first feature, and the one after the last."""

    def __repr__(self) -> str:
        shape = "(N" if self.axis == ROW else "(N, T"
        kind = f"ids below {self.limit} {shape})" if self.limit is not None else f"{shape}, {self.width})"
        along = "" if self.axis in (ROW, TIME) else f" on the axis {self.axis!r}"
        made = {"input": f"input {self.name!r}", "layer": repr(self.layer)}.get(self.op, self.op)
        made = made if self.unit is None else self.unit.program.name
        if self.op == "final":
            made = f"final state {self.places[0][0]!r} of {self.parts[0].layer!r}"
        return f"<Symbol {kind}{along}: {made}>"

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"{shown(self)} is no array: it has no values before the graph runs; write "
            "ost.Graph(outputs=...).run(...)"
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        op = _UFUNCS.get(ufunc.__name__) if method == "__call__" and not options else None
        if op is None:  # what NumPy calls for an operator with its number on the left is in the table
            raise TypeError(
                f"np.{ufunc.__name__}: {shown(self)} is no array; write ost.apply(lambda x: ..., x) with "
                "functions of ost.ops"
            )
        return _operator(op, *inputs)

    def __add__(self, other: Any) -> Symbol:
        return _operator(ops.add, self, other)

    def __radd__(self, other: Any) -> Symbol:
        return _operator(ops.add, other, self)

    def __sub__(self, other: Any) -> Symbol:
        return _operator(ops.sub, self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return _operator(ops.sub, other, self)

    def __mul__(self, other: Any) -> Symbol:
        return _operator(ops.mul, self, other)

    def __rmul__(self, other: Any) -> Symbol:
        return _operator(ops.mul, other, self)

    def __truediv__(self, other: Any) -> Symbol:
        return _operator(ops.div, self, other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return _operator(ops.div, other, self)

    def __pow__(self, other: Any) -> Symbol:
        return _operator(ops.pow, self, other)

    def __rpow__(self, other: Any) -> Symbol:
        return _operator(ops.pow, other, self)

    def __neg__(self) -> Symbol:
        return apply(ops.neg, self)

    def __matmul__(self, other: Any) -> Any:
        raise TypeError(f"{shown(self)} is no matrix; write ost.Dense for a product with parameters")

    __rmatmul__ = __matmul__

    def __bool__(self) -> bool:
        raise TypeError(f"{shown(self)} has no values before the graph runs, so it is neither true nor false")

    def _regularized(self, regularizer: Regularizer) -> Symbol:
        """What a regularizer makes of this value in training."""
        return through(regularized(regularizer, self.width), self, op="regularize")

    def __getitem__(self, place: Any) -> Symbol:
        if isinstance(place, tuple) and len(place) == 2 and place[0] is ... and isinstance(place[1], slice):
            start, stop, step = place[1].indices(self.width)
            if step == 1:
                return combined("slice", self, columns=(start, stop))
        raise DTypeError(
            f"place is {shown(place)}; {shown(self)} takes the index [..., start:stop] alone, for some of "
            "its "
            "features; ost.last(x) and ost.first(x) give the last and the first step of each row"
        )

    def into(self, graph: Graph, nodes: Sequence[Node]) -> Node:
        """Adds what makes this value to `graph`; `nodes` are its parts. Layers add themselves."""
        if self.op == "input":
            assert self.name is not None
            if self.limit is not None:
                return graph.index_input(self.name, self.limit, self.axis)
            return graph.input(self.name, self.width, self.axis)
        if self.unit is not None:
            if self.op == "regularize":
                return graph.regularize(self.unit, nodes[0])
            return graph.apply(self.unit, nodes)
        if self.columns is not None:
            return graph.slice(nodes[0], *self.columns)
        if self.op == "concat":
            return graph.concat(nodes)
        if self.op == "add":
            return graph.add(nodes[0], nodes[1])
        if self.op == "reverse":
            return graph.reverse(nodes[0])
        if self.op == "repeat":
            return graph.repeat(nodes[0], nodes[1])
        return graph.reduce(self.op, nodes[0])


def applied(layer: Any, *values: Symbol, initial_state: Any = None) -> Symbol:
    """What `layer` gives for a symbol for each of its inputs.

    initial_state: as in `Network.__call__`. Raises ShapeError when they do not fit, ConfigError for unknown
    states.
    """
    for (name, port), x in zip(layer._ports.inputs.items(), values, strict=True):
        takes = "takes" if len(values) == 1 else f"takes as {name!r}"
        if port.limit is not None:
            if x.limit is None:
                raise ShapeError(f"{shown(layer)} {takes} ids below {port.limit}; {shown(x)} holds features")
            if x.limit > port.limit:
                raise ShapeError(
                    f"{shown(layer)} {takes} ids below {port.limit}; {shown(x)} has ids below {x.limit}"
                )
        elif x.limit is not None:
            raise ShapeError(
                f"{shown(layer)} {takes} features; {shown(x)} holds ids: write an Embedding before it"
            )
        elif not layer.any_width and port.width != x.width:
            raise ShapeError(f"{shown(layer)} {takes} {port.width} features; {shown(x)} has {x.width}")
    graph = Graph()
    nodes = [_as_input(graph, f"x{place}", x) for place, x in enumerate(values)]
    node = layer._join(graph, nodes, Scope())
    places = _initial_places(layer, initial_state)
    for number, ((name, place), value) in enumerate(places):
        graph.start(graph.states[name][place], _as_input(graph, f"state {number}", value))
    parts = (*values, *(value for _, value in places))
    names = tuple(place for place, _ in places)
    return Symbol("layer", parts, node.width, node.axis, node.limit, layer=layer, places=names)


def by_keyword(layer: Any, given: int, arguments: dict[str, Any]) -> list[Any]:
    """Takes the values of further inputs out of the arguments of a call: those after the `given` first ones.

    Raises ConfigError for an input that has a value already, or none before a later one.
    """
    names = list(layer._ports.inputs)
    for name in names[:given]:
        if name in arguments:
            raise ConfigError(
                f"{shown(layer)}: input {shown(name)} is given twice, by its place and by its name"
            )
    found = [name for name in names[given:] if name in arguments]
    for name, expected in zip(found, names[given:], strict=False):
        if name != expected:
            raise ConfigError(
                f"{shown(layer)} is called without {shown(expected)}; its inputs are "
                f"{', '.join(map(repr, names))}"
            )
    return [arguments.pop(name) for name in found]


def check_call(layer: Any, values: Sequence[Any], arguments: Mapping[str, Any]) -> None:
    """Raises ConfigError or DTypeError unless a layer may be called with these symbols."""
    for value in values:
        if not isinstance(value, Symbol):
            raise DTypeError(
                f"{shown(layer)} is called with a symbol and a {type(value).__name__}; expected symbols "
                "alone: "
                "make an ost.Input for the values, and give them to the run of the graph; write "
                "initial_state=... for symbols from which states start"
            )
    unknown = [name for name, value in arguments.items() if isinstance(value, Symbol) and name != "state"]
    if unknown:
        names = ", ".join(map(repr, layer._ports.inputs))
        raise ConfigError(f"{shown(layer)} has no input {shown(unknown[0])}; its inputs: {names}")
    if arguments:
        hint = "; write initial_state=... for symbols from which states start" if "state" in arguments else ""
        raise ConfigError(
            f"{type(layer).__name__} is called with a symbol and {', '.join(arguments)}; give those to the "
            f"run of the graph{hint}"
        )
    inputs = layer._ports.inputs
    if len(values) != len(inputs):
        one = "one input" if len(inputs) == 1 else f"{len(inputs)} inputs, {', '.join(map(repr, inputs))}"
        hint = "; ost.concat(a, b) joins their features" if len(inputs) == 1 else ""
        raise DTypeError(f"{shown(layer)} is called with {len(values)} symbols; it has {one}{hint}")


def _initial_places(layer: Any, initial_state: Any) -> list[tuple[tuple[str, int], Symbol]]:
    """The state, and its place among those of its name, of each symbol of an initial state."""
    if initial_state is None:
        return []
    if not isinstance(initial_state, Mapping):
        raise ConfigError(
            f"initial_state is {a_type(initial_state)}; expected a dict of symbols by the name "
            "of a state, such as ost.final_states(encoded) or {'h': value}"
        )
    found: list[tuple[tuple[str, int], Symbol]] = []
    for name, given in initial_state.items():
        count = count_of_states(layer, name)
        if name in layer._graph.bridged:
            raise ConfigError(
                f"initial_state has {shown(name)}, which starts from a value inside {shown(layer)}; leave "
                "it out"
            )
        values = [given] if isinstance(given, Symbol) else given
        if not isinstance(values, (list, tuple)) or len(values) != count:
            raise ConfigError(
                f"initial_state[{shown(name)}] is {shown(given)}; {shown(layer)} has {count} of this state "
                "(layers * "
                f"directions): expected {'a symbol' if count == 1 else f'a list of {count} symbols'}"
            )
        check_symbols(f"initial_state[{name!r}]", values)
        found += [((name, place), value) for place, value in enumerate(values)]
    return found


def count_of_states(layer: Any, name: Any) -> int:
    """How many states of a layer have this name. Raises ConfigError for an unknown one."""
    if not isinstance(name, str) or name not in layer.state_shapes:
        known = ", ".join(map(repr, layer.state_shapes)) or "none"
        raise ConfigError(
            f"name is {shown(name)}; {shown(layer)} has no state {shown(name)}; its states: {known}"
        )
    return int(layer.state_shapes[name][0])


def combined(op: str, *parts: Symbol, columns: tuple[int, int] | None = None) -> Symbol:
    """A symbol that moves elements of others. Raises ShapeError when they do not fit."""
    for part in parts[:1] if op == "repeat" else parts:  # its second part is read for its steps alone
        if part.limit is not None:
            raise ShapeError(
                f"{op}: {shown(part)} holds ids, which have no features; write an Embedding before it"
            )
    graph = Graph()
    nodes = [_as_input(graph, f"x{place}", part) for place, part in enumerate(parts)]
    node = Symbol(op, parts, 0, TIME, columns=columns).into(graph, nodes)
    return Symbol(op, parts, node.width, node.axis, node.limit, columns=columns)


def apply(fn: Callable[..., Any], *values: Symbol) -> Symbol:
    """`fn(*values)` at every step, or once a row: any function of `ost.ops` on the values of one step.

    `ost.apply(lambda a, b: a * ops.sigmoid(b), x, y)`: in it each value has the shape (width,), and an id is
    one number. `fn` returns (n,) or one number. Together with a sequence, a value of rows is
    the same at every step.
    Symbols have the operators + - * / ** too, with symbols and with numbers.

    Raises DTypeError for what is no symbol; TraceError or ShapeError, with the line, for a function that
    cannot be recorded.
    """
    if not callable(fn):
        raise DTypeError(f"apply: fn is {shown(fn)}; expected a function of the values of one step")
    if not values:
        raise ConfigError("apply: no symbols; expected at least one")
    for value in values:
        if not isinstance(value, Symbol):
            raise DTypeError(
                f"apply is given {a_type(value)} as a value; expected symbols. A number may stand "
                "in the function itself"
            )
    return through(
        step_of(fn, ["index" if one.limit is not None else (one.width,) for one in values]), *values
    )


def through(unit: Unit, *values: Symbol, op: str = "apply") -> Symbol:
    """What a step without parameters gives for `values`. Raises ShapeError when they do not fit."""
    graph = Graph()
    nodes = [_as_input(graph, f"x{place}", one) for place, one in enumerate(values)]
    node = graph.apply(unit, nodes)
    return Symbol(op, values, node.width, node.axis, unit=unit)


def _operator(op: Callable[..., Any], a: Any, b: Any) -> Symbol:
    """`op` of two symbols, or of a symbol and a number."""
    for one in (a, b):
        if not isinstance(one, Symbol) and (isinstance(one, bool) or not isinstance(one, (int, float))):
            raise DTypeError(
                f"{op.__name__} of a symbol and a {type(one).__name__}; expected two symbols, or a symbol "
                "and a number"
            )
    symbols = [one for one in (a, b) if isinstance(one, Symbol)]
    for one in symbols:
        if one.limit is not None:
            raise ShapeError(
                f"{op.__name__}: {shown(one)} holds ids, which have no features; write an Embedding before it"
            )
    widths = {one.width for one in symbols} - {1}
    if len(widths) > 1:
        raise ShapeError(
            f"{op.__name__}: {shown(a)} and {shown(b)}; expected as many features in both, or one feature"
        )

    def step(*values: Any) -> Any:
        left = iter(values)
        return op(*(next(left) if isinstance(one, Symbol) else one for one in (a, b)))

    step.__name__ = op.__name__
    return apply(step, *symbols)


def sequence_input(x: Symbol) -> Symbol:
    """The input that gives the sequence `x` its steps."""
    while x.op != "input":
        x = next(part for part in x.parts if part.axis == x.axis)
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


def check_symbols(what: str, values: Sequence[Any] = (), /, **named: Any) -> None:
    """Raises ConfigError for what is no symbol; `values` are called by their places."""
    for name, value in ({f"values[{place}]": one for place, one in enumerate(values)} | named).items():
        if not isinstance(value, Symbol):
            raise ConfigError(
                f"{what}: {name} is {shown(value)}; expected a symbol: what ost.Input makes, or a layer "
                "called with symbols"
            )
