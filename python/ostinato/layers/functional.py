"""`Graph`: a network of named inputs and outputs, written as functions of symbols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from ostinato import checks
from ostinato.errors import ConfigError, shown
from ostinato.layers import functions
from ostinato.layers.children import common_settings, redraw_equal
from ostinato.network import graph as description
from ostinato.network.arena import Array
from ostinato.network.network import Network
from ostinato.network.ports import OUTPUT
from ostinato.network.symbol import Symbol, applied, check_symbols, combined, in_order, through
from ostinato.suggest import item

if TYPE_CHECKING:  # Most programs read no model file.
    from ostinato.network.programs import Programs
    from ostinato.network.record import Record


@dataclass(frozen=True)
class Placed:
    """A symbol in the list of a graph: its parts by their places, its layer by its name."""

    symbol: Symbol
    parts: tuple[int, ...]
    layer: str | None


class Graph(Network):
    """A network made of symbols: `Graph(outputs={"tags": tags, "mood": mood})`, or of one symbol.

    The graph finds its inputs: every `Input` that the outputs depend on. `run`, `value_and_grad`, losses and
    targets take dicts by name. A network of one input also takes an array, and a network whose output is
    given as a symbol returns an array.

    A layer that is called twice has one set of parameters, whose gradients add up, and one state for each
    call, in the order of the calls.

    Layers are numbered in the order in which the graph computes them, which may differ from the order of the
    calls: `0.weight_ih_l0`. As in Sequential, their parameters become views into this network's arena, and
    `seed` draws all of them anew.

    All sequences of an axis have the same lengths. If there are several axes, `lengths` is a dict by axis.
    A Graph cannot be a part of another network, and a layer belongs to one network: for a second view of the
    same layers, add an output.

    Raises ConfigError for outputs that hold ids, names that occur twice, and layers that disagree on dtype or
    batch_first or have a place in a network already.
    """

    kind = "graph"
    _fixed: ClassVar[tuple[str, ...]] = ("layers",)

    def __init__(self, outputs: Symbol | Mapping[str, Symbol], *, seed: int | None = None) -> None:
        if seed is not None:
            checks.whole("Graph", "seed", seed, at_least=0)
        plain = isinstance(outputs, Symbol)
        named = {OUTPUT: outputs} if isinstance(outputs, Symbol) else outputs
        if not isinstance(named, Mapping) or not named:
            raise ConfigError(
                f"Graph: outputs is {shown(named)}; expected a symbol, or a dict of at least one symbol by "
                "name"
            )
        self._fill(dict(named), plain)
        if seed is None:
            redraw_equal(self, self.layers)
        else:
            self._redraw(self._arena, description.Scope(), seed)

    def _fill(self, outputs: dict[str, Symbol], plain: bool) -> None:
        self._arrange(outputs, plain)
        self._set_up()

    def _arrange(self, outputs: dict[str, Symbol], plain: bool) -> None:
        named: dict[str, Any] = {f"outputs[{name!r}]": one for name, one in outputs.items()}
        check_symbols("Graph", **named)
        for name, symbol in outputs.items():
            if not isinstance(name, str) or not name:
                raise ConfigError(f"Graph: an output is called {shown(name)}; expected a text")
            if symbol.limit is not None:
                raise ConfigError(
                    f"Graph: output {shown(name)} is {shown(symbol)}; a network does not return its ids"
                )
        symbols = in_order(list(outputs.values()))
        inputs = [symbol for symbol in symbols if symbol.op == "input"]
        if not inputs:
            raise ConfigError("Graph: no ost.Input is among what the outputs are made of")
        layers: dict[int, Network] = {}
        for symbol in symbols:
            if symbol.op == "layer":
                layers.setdefault(id(symbol.layer), symbol.layer)
        self.layers = {str(place): layer for place, layer in enumerate(layers.values())}
        self._nodes = _placed(symbols, {id(layer): name for name, layer in self.layers.items()})
        place = {id(symbol): number for number, symbol in enumerate(symbols)}
        self._named, self._plain = {name: place[id(symbol)] for name, symbol in outputs.items()}, plain
        self.dtype, self.batch_first = common_settings(self.layers)
        first = inputs[0]
        self.takes_ids = first.limit is not None
        self.input_size = first.width if first.limit is None else first.limit

    def __getitem__(self, name: str | int) -> Network:
        """The layer of this place."""
        return item("layer", self.layers, name)

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        inputs = ", ".join(map(repr, self._ports.inputs))
        return f"Graph({inputs} -> {', '.join(map(repr, self._named))}; {len(self.layers)} layers)"

    def _build(self, graph: description.Graph) -> tuple[dict[str, description.Node], bool]:
        outputs = self._place(graph, {}, description.Scope())
        graph.ties.check()
        return outputs, self._plain

    def _place(
        self, graph: description.Graph, given: Mapping[str, description.Node], scope: description.Scope
    ) -> dict[str, description.Node]:
        """Adds all nodes to `graph`, but for the inputs that are `given`; the outputs by name."""
        nodes: list[description.Node] = []
        slots: dict[int, dict[str, list[int]]] = {}  # Of each call of a layer: its states by name.
        seen: set[str] = set()
        sharing = graph.sharing
        for number, one in enumerate(self._nodes):
            parts = [nodes[part] for part in one.parts]
            if one.symbol.op == "input" and str(one.symbol.name) in given:
                nodes.append(given[str(one.symbol.name)])
                continue
            if one.symbol.op == "final":
                ((name, place),) = one.symbol.places
                nodes.append(graph.final(slots[one.parts[0]][name][place]))
                continue
            if one.layer is None:
                nodes.append(one.symbol.into(graph, parts))
                continue
            graph.sharing = sharing or one.layer in seen
            seen.add(one.layer)
            layer, inside = self.layers[one.layer], scope.inside(one.layer)
            before = {name: len(members) for name, members in graph.states.items()}
            inputs = len(parts) - len(one.symbol.places)
            nodes.append(layer._join(graph, parts[:inputs], inside))
            graph.sharing = sharing
            slots[number] = {
                name: graph.states[inside.state(name)][before.get(inside.state(name), 0) :]
                for name in layer.state_shapes
            }
            for (name, place), value in zip(one.symbol.places, parts[inputs:], strict=True):
                graph.start(slots[number][name][place], value)
        return {name: nodes[place] for name, place in self._named.items()}

    def _assemble(
        self, graph: description.Graph, x: description.Node, scope: description.Scope
    ) -> description.Node:
        raise ConfigError(f"{shown(self)} is no layer: a Graph does not stand inside another network")

    def _children(self) -> list[Network]:
        return list(self.layers.values())

    def _redraw(self, values: Array, scope: description.Scope, seed: int | None) -> None:
        for name, (layer, part) in zip(self.layers, self._parts(values), strict=True):
            layer._redraw(part, scope.inside(name), seed)

    def _record(self, programs: Programs) -> dict[str, Any]:
        nodes: list[dict[str, Any]] = []
        for one in self._nodes:
            symbol = one.symbol
            node: dict[str, Any] = {"op": symbol.op, "parts": list(one.parts)}
            if symbol.op == "input":
                node["name"], node["axis"] = symbol.name, symbol.axis
                node["ids" if symbol.limit is not None else "size"] = symbol.limit or symbol.width
            elif one.layer is not None:
                node["layer"] = one.layer
            elif symbol.unit is not None:
                node["step"] = programs.add(symbol.unit)
            elif symbol.columns is not None:
                node["columns"] = list(symbol.columns)
            if symbol.places:
                node["states"] = [list(place) for place in symbol.places]
            nodes.append(node)
        return {
            "kind": self.kind,
            "layers": [[name, layer._record(programs)] for name, layer in self.layers.items()],
            "nodes": nodes,
            "outputs": [[name, {"node": place}] for name, place in self._named.items()],
            "plain": self._plain,
        }

    @classmethod
    def _restore(cls, record: Record, programs: Programs) -> Graph:
        outputs, layers = cls._read(record, programs)
        plain = record.flag("plain")
        record.done()
        if plain and list(outputs) != [OUTPUT]:
            raise record.error(f"a plain output that is not the one output {shown(OUTPUT)}")
        self = cls.__new__(cls)
        self._fill(outputs, plain)
        self._check_layers(record, layers)
        return self

    @staticmethod
    def _read(record: Record, programs: Programs) -> tuple[dict[str, Symbol], dict[str, Network]]:
        """The outputs and the layers that a record describes."""
        layers = {name: programs.network(inner) for name, inner in record.named("layers")}
        symbols: list[Symbol] = []
        for inner in record.objects("nodes"):
            symbols.append(_symbol(inner, symbols, layers, programs))
        outputs: dict[str, Symbol] = {}
        for name, inner in record.named("outputs"):
            outputs[name] = _at(inner, inner.whole("node"), symbols)
            inner.done()
        if not outputs:
            raise record.error("no outputs")
        if in_order(list(outputs.values())) != symbols:
            raise record.error("nodes that no output is made of, or in another order")
        return outputs, layers

    def _check_layers(self, record: Record, layers: Mapping[str, Network]) -> None:
        if list(self.layers.items()) != list(layers.items()):
            raise record.error("layers that no node calls, or by other names")


def _placed(symbols: list[Symbol], names: Mapping[int, str]) -> list[Placed]:
    """The symbols without what they refer to, so that a copy of the list is short and knows no old layer."""
    place = {id(symbol): number for number, symbol in enumerate(symbols)}
    return [
        Placed(
            replace(symbol, parts=(), layer=None),
            tuple(place[id(part)] for part in symbol.parts),
            names[id(symbol.layer)] if symbol.op == "layer" else None,
        )
        for symbol in symbols
    ]


def _at(record: Record, place: Any, symbols: list[Symbol]) -> Symbol:
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < len(symbols):
        raise record.error(f"the node {shown(place)}; expected one of the {len(symbols)} before it")
    return symbols[place]


def _places(record: Record) -> list[tuple[str, int]]:
    """States by name and place, as a model file holds them."""
    found = record.items("states")
    for one in found:
        match one:
            case [str(), int(place)] if not isinstance(place, bool) and place >= 0:
                continue
        raise record.error(f"the state {shown(one)}; expected a name and a place")
    return [(name, place) for name, place in found]


def _symbol(record: Record, before: list[Symbol], layers: dict[str, Network], programs: Programs) -> Symbol:
    """A symbol out of a model file. Raises FormatError, or ShapeError where its parts do not fit."""
    op = record.text("op")
    parts = [_at(record, place, before) for place in record.items("parts")]
    if op == "input":
        name, axis = record.text("name"), record.text("axis")
        kinds = [kind for kind in ("size", "ids") if record.has(kind)]
        if parts:
            raise record.error(f"an input of {len(parts)} parts")
        if not axis:
            raise record.error("an axis without a name")
        if len(kinds) != 1:
            raise record.error("not exactly one of 'size' and 'ids'")
        made = functions.Input(name, axis=axis, **{kinds[0]: record.whole(kinds[0])})
    elif op == "layer":
        layer = record.text("layer")
        if layer not in layers:
            raise record.error(f"the unknown layer {shown(layer)}")
        places = _places(record) if record.has("states") else []
        inputs = len(layers[layer]._ports.inputs)
        if len(parts) != inputs + len(places):
            raise record.error(f"a layer of {len(parts)} parts")
        initial: dict[str, list[Symbol]] = {}
        for (name, place), part in zip(places, parts[inputs:], strict=True):
            if place != len(initial.setdefault(name, [])):
                raise record.error("initial states in another order")
            initial[name].append(part)
        made = applied(layers[layer], *parts[:inputs], initial_state=initial or None)
    elif op == "final":
        places = _places(record)
        if len(parts) != 1 or len(places) != 1:
            raise record.error("a final state of not exactly one layer")
        made = functions.final_state(parts[0], *places[0])
    elif op == "slice":
        columns = record.items("columns")
        if len(parts) != 1 or len(columns) != 2 or not all(type(one) is int for one in columns):
            raise record.error(f"a slice of {len(parts)} parts with the features {shown(columns)}")
        made = combined("slice", *parts, columns=(columns[0], columns[1]))
    elif op in ("apply", "regularize"):
        unit = programs.step(record.inner("step"))
        if len(parts) != len(unit.program.inputs) or (op != "apply" and len(parts) != 1):
            raise record.error(f"a step of {len(parts)} parts")
        made = through(unit, *parts, op=op)
    else:
        counts = {"concat": len(parts) or 1, "add": 2, "repeat": 2}
        known = ("concat", "add", "reverse", "repeat", "last", "first", "mean", "max", "sum")
        if op not in known:
            raise record.error(f"the unknown op {shown(op)}")
        if len(parts) != counts.get(op, 1):
            raise record.error(f"the op {shown(op)} of {len(parts)} parts")
        if op == "repeat" and parts[1].op != "input":
            raise record.error("a repeat whose steps are not those of an input")
        made = functions.repeat(*parts) if op == "repeat" else combined(op, *parts)
    record.done()
    return made
