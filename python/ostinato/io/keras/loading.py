"""`load_keras`: the weights of a model of Keras 3 in a network of the same layers."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ostinato import checks
from ostinato.errors import DTypeError, a_type, shown
from ostinato.io.keras.arrays import ours
from ostinato.io.keras.file import KerasFile, KerasLayer, with_file
from ostinato.io.keras.matching import OF_LOSS, matched
from ostinato.io.keras.network import Place, places
from ostinato.io.keras.options import WITHOUT_EFFECT
from ostinato.network.network import Network


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


def load_keras(
    net: Network, path: str | os.PathLike[str], *, layers: Sequence[str] | None = None
) -> KerasWeights:
    """Copies the weights of a model of Keras 3 into a network that was made with the same layers.

    The layers with weights must agree: SimpleRNN with RNN, LSTM, GRU with GRU (`reset_after=False` with
    `reset="before"`), Bidirectional, Dense and Embedding; their sizes, biases, activations and number too.
    Of a file `.keras`, each layer also reads the layers with weights that its place in the network reads. A
    network of `num_layers` is as many layers of Keras. A softmax or sigmoid of the last layer may be missing
    in the network, whose losses take logits.

    Args:
        net: a Sequential, a Graph or a layer.
        path: of a file `.keras`, or of a file `.weights.h5`, which has no options and no order of layers of
            different kinds: these are not compared. Layers of one kind are in the order of `model.layers`.
        layers: names of all layers of the file with weights, in the order of `net.parameters()`, where more
            than one order fits: equal layers that read the same layers.

    Raises OSError; FormatError for what is no file of Keras 3, or has layers that no network here has;
    ConfigError for a file of another architecture, with both architectures, for equal layers that read the
    same layers without `layers`, for `layers` that do not fit, for a layer that Keras does not have, and if
    h5py is not installed; DTypeError for an argument of another type.
    If it raises, the network is as it was.
    """
    if not isinstance(net, Network):
        raise DTypeError(f"load_keras: net is {a_type(net)}; expected a Network")
    where = checks.path("load_keras: path", path)
    if layers is not None and (
        isinstance(layers, str)
        or not isinstance(layers, Sequence)
        or not all(isinstance(one, str) for one in layers)
    ):
        raise DTypeError(f"load_keras: layers is {shown(layers)}; expected a list of names, or None")
    expected = places(net)
    mapping: dict[str, Any] = {}
    used: dict[str, str] = {}
    notes: list[str] = []

    def read(file: KerasFile) -> KerasFile:
        for place, one in zip(expected, matched(expected, file, layers), strict=True):
            for names, arrays in zip(place.names, one.read(), strict=True):
                mapping.update(zip(names, ours(place.layer.kind, arrays), strict=True))
                used.update(dict.fromkeys(names, one.name))
            notes.extend(_notes(place, one))
        net.load_state_dict(mapping)
        return file

    file = with_file(where, read)
    if not file.connected:
        notes.append("the file has no options: activations and a last step alone are not compared")
    computed = [f"{name} ({kind})" for name, kind in file.plain.items() if kind not in WITHOUT_EFFECT]
    if computed:
        notes.append(f"{', '.join(computed)}: no weights, so the network must compute the same by itself")
        warnings.warn(f"load_keras: {where}: {notes[-1]}", stacklevel=2)
    return KerasWeights(where, used, tuple(file.plain), tuple(notes))


def _notes(place: Place, one: KerasLayer) -> list[str]:
    """What the file does in addition to the layer."""
    made = [f"{one.name} {note}" for note in one.notes]
    if place.layer.activation == "linear" and one.layer.activation in OF_LOSS:
        made.append(f"{one.name} has the activation {one.layer.activation}; the network returns logits")
    return made
