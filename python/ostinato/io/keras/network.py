"""The layers of a network in the form of Keras."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ostinato.errors import ConfigError, shown
from ostinato.io.keras.layer import Layer
from ostinato.layers.bidirectional import Bidirectional
from ostinato.layers.dense import Dense
from ostinato.layers.embedding import Embedding
from ostinato.layers.functional import Graph
from ostinato.layers.recurrent import Recurrent
from ostinato.layers.sequential import Sequential
from ostinato.network.network import Network

KINDS = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}
LINEAR = {"identity": "linear"}
"""Names of activations that are others in Keras."""


@dataclass(frozen=True)
class Place:
    """A layer that takes weights. names: of its parameters, for each direction, as Keras orders the arrays.

    A recurrent layer has two biases, the second one for the state.
    """

    layer: Layer
    names: tuple[tuple[str, ...], ...]


def places(net: Network, prefix: str = "") -> Iterator[Place]:
    """The layers with weights, in order. Raises ConfigError for a layer that Keras does not have."""
    if isinstance(net, (Sequential, Graph)):
        for name, layer in net.layers.items():
            yield from places(layer, f"{prefix}{name}.")
    elif isinstance(net, Bidirectional) and isinstance(net.forward, Recurrent):
        yield from _recurrent(net.forward, prefix, bidirectional=True, whole=net)
    elif isinstance(net, Recurrent):
        yield from _recurrent(net, prefix, net.bidirectional, net)
    elif isinstance(net, Dense) and net.tied_to is None and set(net.parameters()) <= {"weight", "bias"}:
        names = (f"{prefix}weight", f"{prefix}bias")[: 1 + net.bias]
        activation = LINEAR.get(net.activation, net.activation)
        yield Place(
            Layer("Dense", net.input_size, net.output_size, net.bias, activation=activation), (names,)
        )
    elif isinstance(net, Embedding):
        yield Place(Layer("Embedding", net.input_size, net.output_size), ((f"{prefix}weight",),))
    elif net.arena.size:
        raise _unknown(net, prefix)


def _recurrent(net: Recurrent, prefix: str, bidirectional: bool, whole: Network) -> Iterator[Place]:
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
            activation=LINEAR.get(activation, activation) if kind == "SimpleRNN" else None,
            reset_after=after if kind == "GRU" else None,
        )
        yield Place(layer, tuple(tuple(f"{prefix}{base}{end}" for base in bases) for end in ends))


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
