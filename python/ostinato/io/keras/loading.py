"""`load_keras`: the weights of a model of Keras 3 in a network of the same layers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ostinato import checks
from ostinato.errors import ConfigError, DTypeError, a_type
from ostinato.io.keras.arrays import ours
from ostinato.io.keras.file import KerasFile, Stored, opened
from ostinato.io.keras.network import Place, places
from ostinato.network.network import Network

OF_LOSS: Final = ("softmax", "sigmoid")
"""Activations of a last layer that are part of a loss here."""


@dataclass(frozen=True)
class KerasWeights:
    """What was read: `print` shows it.

    used: the name in the file of the layer of each parameter. without_weights: names of the other layers of
    the file, which are not compared. notes: what the file does that the weights do not say.
    """

    path: str
    used: dict[str, str]
    without_weights: tuple[str, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{self.path}: {len(self.used)} parameters of {len(set(self.used.values()))} layers"]
        lines += [f"  {layer} -> {name}" for name, layer in self.used.items()]
        if self.without_weights:
            lines.append(f"  not compared, without weights: {', '.join(self.without_weights)}")
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])


def load_keras(net: Network, path: str | os.PathLike[str]) -> KerasWeights:
    """Copies the weights of a model of Keras 3 into a network that was made with the same layers.

    The layers with weights must agree: SimpleRNN with RNN, LSTM, GRU with GRU (`reset_after=False` with
    `reset="before"`), Bidirectional, Dense and Embedding; their sizes, biases, activations and number too. A
    network of `num_layers` is as many layers of Keras. A softmax or sigmoid of the last layer may be missing
    in the network, whose losses take logits.

    Args:
        net: a Sequential, a Graph or a layer.
        path: of a file `.keras`, or of a file `.weights.h5`, which has no options and no order of layers of
            different kinds: these are not compared. Layers of one kind are in the order of `model.layers`.

    Raises OSError; FormatError for what is no file of Keras 3, or has layers that no network here has;
    ConfigError for a file of another architecture, with both architectures, for a layer that Keras does not
    have, and if h5py is not installed. If it raises, the network is as it was.
    """
    if not isinstance(net, Network):
        raise DTypeError(f"load_keras: net is {a_type(net)}; expected a Network")
    place = checks.path("load_keras: path", path)
    expected = list(places(net))
    with opened(place) as file:
        pairs = _pairs(expected, file)
        mapping: dict[str, Any] = {}
        used = {}
        for one, stored in pairs:
            for names, arrays in zip(one.names, stored.read(), strict=True):
                mapping.update(zip(names, ours(one.layer.kind, arrays), strict=True))
                used.update(dict.fromkeys(names, stored.name))
        net.load_state_dict(mapping)
        notes = [note for one, stored in pairs for note in _notes(one, stored)]
        return KerasWeights(place, used, tuple(file.plain), tuple(notes))


def _pairs(expected: Sequence[Place], file: KerasFile) -> list[tuple[Place, Stored]]:
    """The layers of the network, each with that of the file. Raises ConfigError."""
    found = list(file.layers) if file.ordered else _in_order(expected, file)
    if len(found) != len(expected) or not all(
        _fits(place, stored, place is expected[-1]) for place, stored in zip(expected, found, strict=True)
    ):
        raise _other(expected, file)
    return list(zip(expected, found, strict=True))


def _notes(place: Place, stored: Stored) -> list[str]:
    """What the file does in addition to the layer."""
    if place.layer.activation == "linear" and stored.layer.activation in OF_LOSS:
        return [f"{stored.name} has the activation {stored.layer.activation}; the network returns logits"]
    return [f"{stored.name} returns its last step alone"] if stored.last else []


def _in_order(expected: Sequence[Place], file: KerasFile) -> list[Stored]:
    """The layers of a file that has an order only within each class, in the order of the network."""
    waiting = list(file.layers)
    chosen = []
    for place in expected:
        heads = {one.queue: one for one in reversed(waiting)}.values()
        fitting = [one for one in heads if _fits(place, one, place is expected[-1])]
        if len(fitting) > 1:
            names = " and ".join(one.name for one in fitting)
            raise ConfigError(
                f"{names} fit {place.layer}, and the file has no order of them; save the whole model: "
                "model.save('model.keras')"
            )
        if not fitting:
            raise _other(expected, file)
        waiting.remove(fitting[0])
        chosen += fitting
    return [*chosen, *waiting]


def _fits(place: Place, stored: Stored, is_last: bool) -> bool:
    if is_last and stored.layer.activation in OF_LOSS and place.layer.activation == "linear":
        return place.layer.fits(replace(stored.layer, activation="linear"))
    return place.layer.fits(stored.layer)


def _other(expected: Sequence[Place], file: KerasFile) -> ConfigError:
    theirs = ", ".join(f"{one.name}: {one.layer}" for one in file.layers) or "no layers with weights"
    order = "" if file.ordered else ", by kind,"
    here = ", ".join(str(one.layer) for one in expected) or "no layers with weights"
    return ConfigError(f"the file has{order} {theirs}; the network has {here}; expected the same layers")
