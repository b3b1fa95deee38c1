"""`save` and `load_network`: one network, one file."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

# Layers register their kinds when they are imported.
import ostinato.layers  # noqa: F401
from ostinato import _core
from ostinato.errors import ConfigError, DTypeError, FormatError, ShapeError, TraceError, a_type, shown
from ostinato.io.other_files import explained
from ostinato.io.training_part import without_training
from ostinato.io.tree import CHECKPOINT, read_tree
from ostinato.io.versions import warn_of_others
from ostinato.network.check import DTYPES
from ostinato.network.metadata import METADATA_KEY, read_metadata
from ostinato.network.model_file import FORMAT_VERSION, GRAPH_KEY, KEY, MODEL_KEYS, path_text
from ostinato.network.network import Network
from ostinato.network.programs import Programs
from ostinato.network.record import Record, parse


def save(net: Network, path: str | os.PathLike[str], *, metadata: Mapping[str, Any] | None = None) -> None:
    """`net.save(path)`: writes a model file, completely or not at all.

    metadata: as in `Network.save`. Raises OSError, DTypeError, ConfigError.
    """
    if not isinstance(net, Network):
        raise DTypeError(f"net is {a_type(net)}; expected a Network")
    net.save(path, metadata=metadata)


def load_network(path: str | os.PathLike[str]) -> Network:
    """The network in a model file or a checkpoint, with the same structure, names and parameters.

    Of an estimator's file it is the network alone: `ostinato.load` returns the estimator. No plugin
    is imported. A PluginWarning says if the equations of an installed or registered cell differ from those of
    the file, which the network computes.

    Raises OSError when the file cannot be read, FormatError for a file that differs from what `save` writes.
    """
    return load_with_training(path)[0]


def load_with_training(path: str | os.PathLike[str]) -> tuple[Network, dict[str, Any] | None]:
    """The network, as of `load_network`, and the training that the file of an estimator may hold."""
    try:
        metadata, tensors = _core.load_model(path_text(path))
    except FormatError as error:
        raise explained(path_text(path), error) from None
    if CHECKPOINT in metadata and KEY in metadata:
        tensors = _parameters(read_tree(path, metadata.pop(CHECKPOINT), tensors), path)
    tensors, training = without_training(path, metadata, tensors)
    if not {KEY} <= set(metadata) <= set(MODEL_KEYS):
        raise FormatError(
            f"{path}: the metadata keys are {sorted(metadata)}; expected {shown(KEY)}, so this is no model"
        )
    try:
        net = _read(metadata[KEY], metadata.get(GRAPH_KEY), tensors)
        if METADATA_KEY in metadata:
            vars(net)["_metadata"] = read_metadata(metadata[METADATA_KEY])
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    except (ShapeError, DTypeError, ConfigError, TraceError, RecursionError) as error:
        # Each part is valid, but they do not fit together.
        raise FormatError(f"{path}: the description contradicts itself: {error}") from error
    warn_of_others(net)
    return net, training


def _parameters(tree: dict[str, Any], path: Any) -> dict[str, Any]:
    """The parameters of a checkpoint. Raises FormatError if there are none."""
    found = tree.get("parameters")
    if not isinstance(found, dict) or not all(isinstance(one, np.ndarray) for one in found.values()):
        raise FormatError(f"{path}: the checkpoint has no parameters")
    return found


def _read(text: str, graph: str | None, tensors: dict[str, Any]) -> Network:
    record = Record(parse(text), "model")
    version = record.whole("format_version")
    if not 1 <= version <= FORMAT_VERSION:
        raise FormatError(
            f"format_version is {version}; this release reads 1 to {FORMAT_VERSION}. A newer one wrote it"
        )
    if version == 1 and graph is not None:
        raise FormatError("format_version is 1, but the graph is there")
    release = record.text("ostinato")
    dtype = record.text("dtype")
    if dtype not in DTYPES:
        raise record.error(f"the dtype {shown(dtype)}")
    elements = sum(math.prod(tensor.shape) for tensor in tensors.values())
    programs = Programs(dtype, record.items("programs"), elements)
    net: Network = programs.network(record.inner("network"))
    vars(net)["_release"] = release
    if record.has("noise_calls"):
        net.noise_calls = record.whole("noise_calls")
    if record.has("frozen"):
        frozen = record.items("frozen")
        net._set_frozen(frozen)
        if not frozen or list(net.frozen) != frozen:
            raise record.error("frozen parameters that are none, repeated or in another order")
    record.done()
    for name, tensor in tensors.items():
        if tensor.dtype.name != dtype:
            raise FormatError(f"tensor {shown(name)} has dtype {tensor.dtype}; expected {dtype}")
    net.load_state_dict(tensors)
    net.plans()  # a program that cannot be planned means a damaged file: an error now, not at the first run
    if version > 1 and graph != (None if net._graph.in_python else net.graph().to_json()):
        raise FormatError(
            "the graph is missing" if graph is None else "the graph of the file is not that of its layers"
        )
    return net
