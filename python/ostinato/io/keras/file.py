"""Files of Keras 3: `.weights.h5`, and `.keras`, a zip archive of such a file and a description in JSON."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np

from ostinato.errors import ConfigError, FormatError, OstinatoError, shown
from ostinato.io.keras.activations import in_file
from ostinato.io.keras.layer import KINDS, RECURRENT, Layer
from ostinato.io.keras.options import notes
from ostinato.network.record import parse
from ostinato.sequences.arrays import Array

R = TypeVar("R")

GATES: Final = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}
GROUPS: Final = {
    **{"simple_rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU", "dense": "Dense", "embedding": "Embedding"},
    **{"bidirectional": "Bidirectional", "time_distributed": "TimeDistributed"},
}
"""Kinds by the names of groups, which Keras makes of the names of classes."""
DIRECTIONS: Final = ("forward_layer", "backward_layer")
LONGEST_CONFIG: Final = 64_000_000
"""In bytes."""


@dataclass
class KerasLayer:
    """A layer of a file.

    name: the name in Keras. arrays: for each direction, in the order of Keras. notes: what it does that the
    weights do not say. queue: in a file of weights alone, layers of one queue are in the order of the model.
    before: in a file with a description, the names of the layers with weights whose outputs it reads.
    """

    layer: Layer
    name: str
    arrays: list[list[Any]]
    notes: list[str]
    queue: str = ""
    before: frozenset[str] = frozenset()

    def read(self) -> list[list[Array]]:
        """The numbers. Raises FormatError for arrays without floats."""
        made = [[np.asarray(one[()]) for one in arrays] for arrays in self.arrays]
        for array in (one for arrays in made for one in arrays):
            if array.dtype.kind != "f":
                raise FormatError(f"layer {shown(self.name)} has numbers of {array.dtype}; expected floats")
        return made


@dataclass
class KerasFile:
    """The layers of a file.

    connected: whether the file says which layers each of them reads. plain: the classes of layers without
    weights, by their names.
    """

    layers: list[KerasLayer]
    connected: bool
    plain: dict[str, str]


def with_file(path: str, use: Callable[[KerasFile], R]) -> R:
    """`use(layers of a file)`, which can read their numbers until it returns.

    Raises OSError; FormatError for what is no file of Keras 3; ConfigError if h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise ConfigError("load_keras needs h5py: pip install 'ostinato[keras]'") from error
    with open(path, "rb") as file:
        start = file.read(4)
    try:
        if start == b"PK\x03\x04":
            with zipfile.ZipFile(path) as archive:
                config = _config(archive)
                with archive.open("model.weights.h5") as weights, h5py.File(weights, "r") as root:
                    return use(_described(root, config))
        else:
            with h5py.File(path, "r") as root:
                return use(_weights_alone(root))
    except OstinatoError as error:
        raise type(error)(f"{path}: {error}") from None
    except Exception as error:  # h5py raises many kinds for damaged files
        if isinstance(error, OSError) and not os.access(path, os.R_OK):
            raise
        raise FormatError(f"{path}: this is no file of Keras 3, or it is damaged: {error}") from error


def _config(archive: zipfile.ZipFile) -> Mapping[str, Any]:
    names = archive.namelist()
    if "config.json" not in names or "model.weights.h5" not in names:
        raise FormatError(
            f"the archive has {', '.join(names[:5])}; expected config.json and model.weights.h5"
        )
    if archive.getinfo("config.json").file_size > LONGEST_CONFIG:
        raise FormatError(f"config.json is longer than {LONGEST_CONFIG} bytes")
    config: dict[str, Any] = parse(archive.read("config.json").decode("utf-8"))
    layers = config["config"]["layers"] if isinstance(config, dict) else None
    if config["class_name"] not in ("Sequential", "Functional") or not isinstance(layers, list):
        raise FormatError(
            f"the model is a {shown(config['class_name'])}; expected a Sequential or a Functional model"
        )
    return config


def _described(root: Any, config: Mapping[str, Any]) -> KerasFile:
    """The layers of the description, with their options.

    Raises FormatError if the description and the weights have different layers.
    """
    layers = config["config"]["layers"]
    found: dict[str, KerasLayer] = {}
    plain: dict[str, str] = {}
    count: dict[str, int] = {}
    groups = _groups(root)
    for one in layers:
        kind, options = str(one["class_name"]), one["config"]
        if kind == "InputLayer" and config["class_name"] == "Sequential":
            continue  # Keras keeps it outside the list that it writes
        base = _snake(kind)
        number = count[base] = count.get(base, -1) + 1
        group = groups.pop(f"{base}_{number}" if number else base, None)
        name = str(one.get("name", options.get("name")))
        if group is None or not _has_weights(group):
            if kind in (*KINDS, *GROUPS.values()):
                raise FormatError(f"layer {shown(name)} of the kind {shown(kind)} has no weights in the file")
            plain |= {} if kind == "InputLayer" else {name: kind}
            continue
        if name in found:
            raise FormatError(f"two layers have the name {shown(name)}")
        found[name] = _read(group, one, name)
    for group, item in groups.items():
        if _has_weights(item):
            raise FormatError(f"the file has weights of {shown(group)}, which its description does not name")
    if config["class_name"] == "Sequential":
        for before, one in zip(found, list(found.values())[1:], strict=False):
            one.before = frozenset({before})
    else:
        connect(layers, found)
    return KerasFile(list(found.values()), True, plain)


def _class_of(group: str) -> str:
    """The class of a layer by the name of its group, which is `spatial_dropout1d_2` for SpatialDropout1D."""
    return "".join(part.title() for part in group.split("_") if not part.isdigit())


def connect(layers: Sequence[Mapping[str, Any]], found: Mapping[str, KerasLayer]) -> None:
    """Sets `before` of the layers of a Functional model, of the nodes of its description.

    A node is one call of a layer; layers without weights are passed through.
    """
    calls = {str(one["name"]): one["inbound_nodes"] for one in layers}
    read: dict[tuple[str, int], frozenset[str]] = {}

    def sources(node: Any) -> frozenset[str]:
        """The layers with weights that the arguments of a node come from."""
        made: frozenset[str] = frozenset()
        for name, number in _history(node):
            if name in found:
                made |= {name}
            elif (name, number) in read:
                made |= read[name, number]
            elif calls[name]:
                read[name, number] = sources(calls[name][number])
                made |= read[name, number]
        return made

    for name, one in found.items():
        one.before = frozenset().union(*(sources(node) for node in calls[name])) - {name}


def _history(part: Any) -> Iterator[tuple[str, int]]:
    """The layers and calls of all tensors in the arguments of a node."""
    if isinstance(part, dict):
        if "keras_history" in part:
            name, number, _ = part["keras_history"]
            yield str(name), int(number)
            return
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from _history(one)


def _weights_alone(root: Any) -> KerasFile:
    found: list[KerasLayer] = []
    plain: dict[str, str] = {}
    for group, item in sorted(_groups(root).items(), key=lambda one: _number(one[0])):
        name = str(item["vars"].attrs.get("name", group)) if "vars" in item else group
        if not _has_weights(item):
            plain |= {} if group.startswith("input_layer") else {name: _class_of(group)}
            continue
        base, _ = _number(group)
        described = {"class_name": GROUPS.get(base, base), "config": {}}
        found.append(replace(_read(item, described, name), queue=base))
    return KerasFile(found, False, plain)


def _groups(root: Any) -> dict[str, Any]:
    """The groups of layers by name. Raises FormatError for files of Keras 2."""
    if "layers" not in root:
        if "model_weights" in root or "layer_names" in root.attrs:
            raise FormatError(
                "this is a file of Keras 2; load the model there, and save it with Keras 3: "
                "model.save('model.keras')"
            )
        raise FormatError(f"the file has {', '.join(list(root)[:5]) or 'nothing'}; expected layers")
    return {name: _inside(root["layers"], name) for name in root["layers"]}


def _inside(group: Any, name: str) -> Any:
    """A member of a group. Raises FormatError for one that is elsewhere: a link could name any file."""
    import h5py

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise FormatError(f"{group.name}/{name} is a link to another place")
    item = group[name]
    if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
        raise FormatError(f"{item.name} has its numbers in another file")
    return item


def _has_weights(group: Any) -> bool:
    """Whether there are arrays, apart from the states of random numbers."""
    return any(
        _has_weights(item) if hasattr(item, "keys") else True
        for name in group
        if name != "seed_generator"
        for item in (_inside(group, name),)
    )


def _read(group: Any, described: Mapping[str, Any], name: str) -> KerasLayer:
    """A layer with weights. Raises FormatError for a kind or an option that networks here do not have.

    described: its class and options; a file of weights alone has no options.
    """
    place = f"layer {shown(name)}"
    kind, options = _class(place, described), described["config"]
    found = notes(place, options)
    if kind == "TimeDistributed":  # as every Dense here is
        inside = options.get("layer", {"class_name": "Dense", "config": {}})
        if inside["class_name"] != "Dense":
            raise FormatError(
                f"{place} is a TimeDistributed of {shown(inside['class_name'])}; expected Dense"
            )
        return _read(_inside(group, "layer"), inside, name)
    if kind == "Bidirectional":
        arrays = [_vars(_inside(_inside(group, one), "cell"), place) for one in DIRECTIONS]
        ways = _ways(options, arrays)
    elif kind in RECURRENT:
        arrays, ways = [_vars(_inside(group, "cell"), place)], [described]
    elif kind in KINDS:
        arrays, ways = [_vars(group, place)], [described]
    else:
        arrays, ways = [], [described]
    for one in ways:
        inner = _class(place, one)
        if inner not in KINDS or (len(arrays) == 2 and inner not in RECURRENT):
            raise FormatError(
                f"{place} is of the kind {shown(inner)}; expected {', '.join(KINDS)} or Bidirectional"
            )
    layers = [
        _layer(place, str(way["class_name"]), one, way["config"])
        for way, one in zip(ways, arrays, strict=True)
    ]
    if len(layers) == 2:
        if layers[0] != layers[1]:
            raise FormatError(
                f"{place} has {layers[0]} forwards and {layers[1]} backwards; expected the same"
            )
        for number, way in enumerate(ways):
            if way["config"]:
                found += notes(place, way["config"], backwards=number == 1)
    made = replace(layers[0], bidirectional=len(layers) == 2)
    return KerasLayer(made, name, arrays, list(dict.fromkeys(found)))


def _class(place: str, described: Mapping[str, Any]) -> str:
    """The class of a layer. Raises FormatError for a class of the user, whatever its name."""
    module = str(described.get("module") or "keras")
    if module.split(".")[0] != "keras" or described.get("registered_name"):
        raise FormatError(
            f"{place} is of the class {shown(described['class_name'])} of {shown(module)}; "
            "expected a class of Keras"
        )
    return str(described["class_name"])


def _ways(options: Mapping[str, Any], arrays: list[list[Any]]) -> list[Mapping[str, Any]]:
    """The descriptions of both layers of a Bidirectional: the second is the first, unless it has its own."""
    if "layer" not in options:
        gates = arrays[0][0].shape[-1] // max(arrays[0][1].shape[0], 1)
        kind = next((one for one, count in GATES.items() if count == gates), f"a layer of {gates} gates")
        return [{"class_name": kind, "config": {}}] * 2
    first = options["layer"]
    copied = {**first["config"], "go_backwards": True}
    return [first, options.get("backward_layer") or {**first, "config": copied}]


def _vars(group: Any, place: str) -> list[Any]:
    """The arrays of a layer or of its cell, in order."""
    inside = _inside(group, "vars")
    if list(inside) != [str(number) for number in range(len(inside))] or len(inside) > 3:
        raise FormatError(f"{place} has the arrays {', '.join(list(inside)[:9])}; expected at most 0, 1, 2")
    return [_inside(inside, one) for one in inside]


def _layer(place: str, kind: str, arrays: list[Any], options: Mapping[str, Any]) -> Layer:
    """The layer with these arrays. Raises FormatError for arrays or options that do not fit its kind."""
    shapes = [tuple(one.shape) for one in arrays]
    if kind == "Embedding":
        if len(shapes) != 1 or len(shapes[0]) != 2:
            raise FormatError(f"{place}, an Embedding, has arrays of the shapes {shapes}")
        return Layer(kind, *shapes[0])
    first = 1 if kind == "Dense" else 2  # the arrays before the bias
    if len(shapes) not in (first, first + 1) or any(len(one) != 2 for one in shapes[:first]):
        raise FormatError(f"{place}, of the kind {kind}, has arrays of the shapes {shapes}")
    inputs, units = shapes[0]
    gates = GATES.get(kind, 1)
    if kind in RECURRENT:
        units = shapes[1][0]
    expected = [(inputs, gates * units), (units, gates * units)][:first]
    bias = shapes[first:]
    two = bias == [(2, gates * units)] and kind == "GRU"
    if shapes[:first] != expected or not (two or bias in ([], [(gates * units,)])):
        raise FormatError(
            f"{place}, of the kind {kind}, has arrays of the shapes {shapes}; expected {expected}"
        )
    return Layer(kind, inputs, units, bool(bias), **_options(place, kind, options, bias, two))


def _options(place: str, kind: str, options: Mapping[str, Any], bias: list[Any], two: bool) -> dict[str, Any]:
    """The options that change what the layer computes. Raises FormatError for those that no network has."""
    made: dict[str, Any] = {}
    if kind in ("Dense", "SimpleRNN") and "activation" in options:
        made["activation"] = in_file(options["activation"])
    if kind == "GRU":
        made["reset_after"] = two if bias else options.get("reset_after")
    if kind in ("LSTM", "GRU"):
        for name, usual in (("activation", "tanh"), ("recurrent_activation", "sigmoid")):
            if options.get(name, usual) != usual:
                raise FormatError(f"{place} has {name}={shown(options[name])}; expected {shown(usual)}")
    return made


def _snake(name: str) -> str:
    """The name of a group, as Keras makes it of a class: "SimpleRNN" is "simple_rnn"."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _number(group: str) -> tuple[str, int]:
    """The kind and the number of a group: of "lstm_2", ("lstm", 2)."""
    found = re.fullmatch(r"(.+?)_(\d{1,6})", group)
    return (found[1], int(found[2])) if found else (group, 0)
