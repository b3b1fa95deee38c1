"""The layers of a network in the form of Keras."""

from __future__ import annotations

from dataclasses import dataclass, field

from ostinato.errors import ConfigError, shown
from ostinato.io.keras.activations import here
from ostinato.io.keras.layer import Layer
from ostinato.layers.bidirectional import Bidirectional
from ostinato.layers.dense import Dense
from ostinato.layers.embedding import Embedding
from ostinato.layers.functional import Graph
from ostinato.layers.recurrent import Recurrent
from ostinato.layers.sequential import Sequential
from ostinato.network.network import Network

KINDS = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}


@dataclass
class Place:
    """A layer that takes weights. names: of its parameters, for each direction, as Keras orders the arrays.

    before: the numbers of the places whose outputs it reads, apart from itself. A recurrent layer has two
    biases, the second one for the state.
    """

    layer: Layer
    names: tuple[tuple[str, ...], ...]
    before: set[int] = field(default_factory=set)


def places(net: Network) -> list[Place]:
    """The layers with weights, in order. Raises ConfigError for a layer that Keras does not have."""
    made: list[Place] = []
    _add(made, net, "", frozenset())
    return made


def _add(made: list[Place], net: Network, prefix: str, before: frozenset[int]) -> frozenset[int]:
    """Adds the places of a network that reads the places `before`; returns those that its output reads."""
    if isinstance(net, Sequential):
        for name, layer in net.layers.items():
            before = _add(made, layer, f"{prefix}{name}.", before)
    elif isinstance(net, Graph):
        return _add_graph(made, net, prefix, before)
    elif isinstance(net, Bidirectional) and isinstance(net.forward, Recurrent):
        return _recurrent(made, net.forward, prefix, before, bidirectional=True, whole=net)
    elif isinstance(net, Recurrent):
        return _recurrent(made, net, prefix, before, net.bidirectional, net)
    elif isinstance(net, Dense) and net.tied_to is None and set(net.parameters()) <= {"weight", "bias"}:
        names = (f"{prefix}weight", f"{prefix}bias")[: 1 + net.bias]
        dense = Layer("Dense", net.input_size, net.output_size, net.bias, activation=here(net.activation))
        return _placed(made, dense, (names,), before)
    elif isinstance(net, Embedding):
        table = Layer("Embedding", net.input_size, net.output_size)
        return _placed(made, table, ((f"{prefix}weight",),), before)
    elif net.arena.size:
        raise _unknown(net, prefix)
    return before


def _placed(
    made: list[Place], layer: Layer, names: tuple[tuple[str, ...], ...], before: frozenset[int]
) -> frozenset[int]:
    made.append(Place(layer, names, set(before)))
    return frozenset({len(made) - 1})


def _add_graph(made: list[Place], net: Graph, prefix: str, before: frozenset[int]) -> frozenset[int]:
    sources: list[frozenset[int]] = []
    called: dict[
        str, tuple[int, frozenset[int]]
    ] = {}  # of each layer: its first place, what its output reads
    for node in net._nodes:
        given = before.union(*(sources[part] for part in node.parts))
        if node.layer is None:
            sources.append(given)
        elif node.layer not in called:
            first = len(made)
            sources.append(_add(made, net.layers[node.layer], f"{prefix}{node.layer}.", given))
            if len(made) > first:
                called[node.layer] = first, sources[-1]
        else:
            first, read = called[node.layer]
            made[first].before |= given - {first}
            sources.append(read)
    return frozenset().union(*(sources[place] for place in net._named.values()))


def _recurrent(
    made: list[Place],
    net: Recurrent,
    prefix: str,
    before: frozenset[int],
    bidirectional: bool,
    whole: Network,
) -> frozenset[int]:
    kind = KINDS.get(net.cell_name.removeprefix("ostinato/"), "")
    options = dict(net.cell_options)
    bias, activation = options.pop("bias", True), options.pop("nonlinearity", "tanh")
    after = options.pop("reset", "after") == "after"
    one_way = whole is net or (net.num_layers == 1 and not net.bidirectional)
    if not kind or any(options.values()) or net.residual or not one_way or not _is_built_in(net):
        raise _unknown(whole, prefix)
    parameters = whole.parameters()
    bases = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")[: 4 if bias else 2]
    for number in range(net.num_layers):
        ends = [f"_l{number}{way}" for way in ("", "_reverse")[: 1 + bidirectional]]
        layer = Layer(
            kind,
            parameters[f"weight_ih{ends[0]}"].shape[1],
            net.hidden_size,
            bias,
            bidirectional,
            activation=here(activation) if kind == "SimpleRNN" else None,
            reset_after=after if kind == "GRU" else None,
        )
        names = tuple(tuple(f"{prefix}{base}{end}" for base in bases) for end in ends)
        before = _placed(made, layer, names, before)
    return before


def _is_built_in(net: Recurrent) -> bool:
    """Whether its equations are those of the built-in cell of this name: regularizers may change them."""
    plain = Recurrent(
        f"ostinato/{net.cell_name.removeprefix('ostinato/')}",
        *(net.input_size, net.hidden_size, net.num_layers),
        bidirectional=net.bidirectional,
        **net.cell_options,
    )
    return _equations(plain) == _equations(net)


def _equations(net: Recurrent) -> list[str]:
    """Without what happens in training alone."""
    return [(unit.inference or unit.program).hash for layer in net._units for unit in layer]


def _unknown(net: Network, prefix: str) -> ConfigError:
    where = f"layer {shown(prefix[:-1])}" if prefix else "the network"
    return ConfigError(
        f"load_keras: {where} is {shown(net)}, which Keras does not have; expected layers RNN, LSTM, GRU, "
        "Dense and Embedding, without a tie, a residual or further equations"
    )
