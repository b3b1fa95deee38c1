"""`Bridge`: initial states of a decoder from the final states of an encoder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any, TypeAlias

from ostinato import checks
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.layers import functions
from ostinato.layers.decoder import Decoder
from ostinato.layers.decoder_step import FEED
from ostinato.layers.dense import ACTIVATIONS, Dense
from ostinato.layers.layer import Layer, MadeAs
from ostinato.network.network import Network
from ostinato.network.symbol import Symbol
from ostinato.sequences.axis import ROW

Sizes: TypeAlias = "dict[str, list[int]]"

METHODS = ("dense", "copy")


class Bridge(Layer):
    """Initial states of a decoder from the final states of an encoder, whose sizes may differ.

        encoder = ost.GRU(8, 12, bidirectional=True)
        decoder = ost.Decoder("gru", 8, 16, 24)
        encoded = encoder(source)
        decoded = decoder(words, source=encoded, initial_state=ost.Bridge(encoder, decoder)(encoded))

    Called with what the encoder returned, a bridge returns a dict for `initial_state`. Called with one
    value of rows, all final states side by side, it returns all initial states side by side.

    Args:
        encoder: the layer whose final states are read, or its states by name: {"h": [12, 12]} are the
            widths of a state "h" of two layers or directions, in the order of `Run.final_state`.
        decoder: the layer whose initial states are made, or its states by name. The vector that a Decoder
            feeds is left out: it starts at 0.
        method: "dense": each initial state is activation(W s + b), where s are all final states of the same
            name, of all layers and directions; or all final states of the encoder where it has no state of
            this name (the `c` of an LSTM after a GRU). "copy": the final states themselves; the directions of
            a layer are joined, so the decoder has as many layers, and as many features as all directions of
            the encoder together.
        activation: of "dense"; one of those of `Dense`.
        dtype: float32 or float64; None for that of the decoder, float32 where it is given as a dict.

    Raises ConfigError for a layer without states, for method="copy" where sizes, names or numbers of layers
    differ, and for an unknown method or activation; ShapeError when it is called with what another layer
    returned. Source of "dense": Bahdanau et al. 2015, appendix A.2.2, s_0 = tanh(W_s h_1).
    """

    examples = (
        {"encoder": {"h": [2, 2]}, "decoder": {"h": [3]}},
        {"encoder": {"h": [2, 2, 2]}, "decoder": {"h": [3, 3], "c": [3, 3]}, "activation": "relu"},
        {"encoder": {"h": [2, 2, 2, 2]}, "decoder": {"h": [4, 4]}, "method": "copy"},
    )

    encoder: Any
    decoder: Any
    method: str = "dense"
    activation: str = "tanh"
    dtype: Any = field(default=None, kw_only=True)

    def _complete(self) -> None:
        if self.dtype is None:
            vars(self)["dtype"] = self.decoder.dtype if isinstance(self.decoder, Network) else "float32"
        for name in ("encoder", "decoder"):
            sizes = _sizes(name, getattr(self, name))
            vars(self)[name] = self._options[name] = sizes
        checks.choice("Bridge", "method", self.method, METHODS)
        checks.choice("Bridge", "activation", self.activation, ACTIVATIONS)
        if self.method == "copy" and self.activation != "tanh":
            raise ConfigError(
                f"Bridge: activation is {shown(self.activation)}, and method='copy' changes nothing; "
                "expected method='dense', or no activation"
            )
        super()._complete()

    def _made_as(self) -> MadeAs:
        """How it was made; float32 goes without saying."""
        made = super()._made_as()
        more = {name: one for name, one in made.more.items() if (name, one) != ("dtype", "float32")}
        return replace(made, more=more)

    def input_symbols(self) -> list[Symbol]:
        """Return all final states side by side, a value of rows."""
        return [functions.Input("x", size=_total(self.encoder), axis=ROW)]

    def build(self, x: Symbol) -> Symbol:
        """Return all initial states side by side."""
        final = _parted(x, self.encoder)
        make = self._dense if self.method == "dense" else self._copied
        return functions.concat(
            *(one for name, widths in self.decoder.items() for one in make(name, widths, final))
        )

    def _dense(self, name: str, widths: Sequence[int], final: Mapping[str, list[Symbol]]) -> list[Symbol]:
        read = final.get(name) or [one for states in final.values() for one in states]
        joined = functions.concat(*read)
        return [Dense(joined.width, width, self.activation)(joined) for width in widths]

    def _copied(self, name: str, widths: Sequence[int], final: Mapping[str, list[Symbol]]) -> list[Symbol]:
        mend = "expected method='dense', which takes any sizes"
        if name not in final:
            raise ConfigError(
                f"Bridge: the encoder has no state {shown(name)} to copy (its states: "
                f"{', '.join(map(repr, final))}); {mend}"
            )
        given = [one.width for one in final[name]]
        if len(given) % len(widths):
            raise ConfigError(
                f"Bridge: the encoder has {len(given)} states {shown(name)} (layers * directions), the "
                f"decoder {len(widths)} layers; expected num_layers={len(given)} or a divisor of it for the "
                f"decoder, or {mend.removeprefix('expected ')}"
            )
        each = len(given) // len(widths)
        groups = [final[name][start : start + each] for start in range(0, len(given), each)]
        for layer, (group, width) in enumerate(zip(groups, widths, strict=True)):
            have = sum(one.width for one in group)
            if have != width:
                raise ConfigError(
                    f"Bridge: state {shown(name)} of layer {layer} has {width} features in the decoder, and "
                    f"{have} in the encoder ({' + '.join(str(one.width) for one in group)}); expected "
                    f"hidden_size={have} for the decoder, or {mend.removeprefix('expected ')}"
                )
        return [functions.concat(*group) for group in groups]

    def __call__(self, x: Any, *more: Any, **arguments: Any) -> Any:
        """The initial states by name, of what the encoder returned; for a value of rows, a value of rows.

        Raises ShapeError for what a layer with other states returned, and for another sequence.
        """
        if not isinstance(x, Symbol) or x.axis == ROW:
            return super().__call__(x, *more, **arguments)
        if x.op != "layer" or not x.layer.state_shapes:
            raise ShapeError(
                f"{shown(self)} is called with {shown(x)}, which has no final states; expected what the "
                "encoder returned, or ost.concat of its final states"
            )
        given = _state_sizes(x.layer)
        if given != self.encoder:
            raise ShapeError(
                f"{shown(self)} is called with what {shown(x.layer)} returned, whose states have the sizes "
                f"{given}; expected {self.encoder}: make the bridge with this layer as its encoder"
            )
        final = functions.concat(*(one for states in functions.final_states(x).values() for one in states))
        return _parted(super().__call__(final, *more, **arguments), self.decoder)


def _sizes(name: str, given: Any) -> Sizes:
    """The widths of states by name, of a layer or of a dict."""
    if isinstance(given, Network):
        sizes = _state_sizes(given)
        if isinstance(given, Decoder):
            sizes.pop(FEED, None)
        if not sizes:
            raise ConfigError(
                f"Bridge: {name} is {shown(given)}, which has no states; expected a layer with states"
            )
        return sizes
    expected = "expected a layer, or the widths of states by name, such as {'h': [12, 12]}"
    if not isinstance(given, Mapping) or not given:
        raise ConfigError(f"Bridge: {name} is {shown(given)}; {expected}")
    found: Sizes = {}
    for state, widths in given.items():
        if not isinstance(state, str) or not isinstance(widths, (list, tuple)) or not widths:
            raise ConfigError(f"Bridge: {name} has {shown(widths)} for the state {shown(state)}; {expected}")
        found[state] = [checks.whole("Bridge", f"{name}[{state!r}]", one, at_least=1) for one in widths]
    return found


def _state_sizes(layer: Network) -> Sizes:
    return {name: [math.prod(shape[1:])] * shape[0] for name, shape in layer.state_shapes.items()}


def _total(sizes: Sizes) -> int:
    return sum(sum(widths) for widths in sizes.values())


def _parted(x: Symbol, sizes: Sizes) -> dict[str, list[Symbol]]:
    """The states that lie side by side in `x`."""
    found: dict[str, list[Symbol]] = {}
    start = 0
    for name, widths in sizes.items():
        found[name] = []
        for width in widths:
            found[name].append(functions.slice(x, start, start + width))
            start += width
    return found
