"""Writing a model file; `ostinato.io` reads it.

The file is a safetensors container whose metadata is strict, versioned JSON.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from ostinato import _core, checks
from ostinato.network.description import GraphData
from ostinato.network.facts import NetworkFacts
from ostinato.network.graph import Graph
from ostinato.network.metadata import METADATA_KEY, metadata_text
from ostinato.network.programs import Programs
from ostinato.network.tree import json_text

KEY: Final = "ostinato.model"
"""The metadata key that holds the description."""

GRAPH_KEY: Final = "ostinato.graph"
"""The metadata key of the graph, from which the engine alone runs the model.

It is there from version 2 on, unless a step is Python code.
"""

MODEL_KEYS: Final = (KEY, GRAPH_KEY, METADATA_KEY)
"""All metadata keys of a model file."""

FORMAT_VERSION: Final = 2
"""Counts up with every change that an older reader would misunderstand; old files stay readable."""


class FileContent(NetworkFacts, Protocol):
    """What a model file holds of a network."""

    _graph: Graph

    @property
    def noise_calls(self) -> int:
        """How many calls have drawn noise."""

    @property
    def metadata(self) -> dict[str, Any]:
        """Values of the caller's own."""

    def graph(self) -> GraphData:
        """The network as data."""

    def _record(self, programs: Programs) -> dict[str, Any]:
        """The configuration as JSON values."""


def write_model(
    net: FileContent,
    path: str | os.PathLike[str],
    more: Mapping[str, Any] | None = None,
    texts: Mapping[str, str] | None = None,
    tensors: Iterable[tuple[str, Any]] = (),
) -> None:
    """Writes `net` to a temporary file, then renames it to `path`: the file is complete or unchanged.

    more: further values in addition to `net.metadata`; texts and tensors: of another part of the file.
    Raises OSError, DTypeError for a path that is none, ConfigError for settings that no file holds, and for a
    path that ends as that of a folder does or is a link to nothing.
    """
    described = {**describe(net, more), **(texts or {})}
    _core.save_model(checks.file_name("path", path), described, [*net.parameters().items(), *tensors])


def describe(net: FileContent, more: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The metadata of a model file: everything about `net` but its parameters, as texts by key.

    more: further values in addition to `net.metadata`.
    """
    programs = Programs(net.dtype.name, tables=net._graph.ties.places())
    network = net._record(programs)
    description = {
        "format_version": FORMAT_VERSION,
        "ostinato": _core.__version__,
        "dtype": net.dtype.name,
        "network": network,
        "programs": programs.texts,
        **({"noise_calls": net.noise_calls} if net.noise_calls else {}),
        **({"frozen": list(net.frozen)} if net.frozen else {}),
    }
    text = json_text(description, repr(net))
    metadata = {KEY: text}
    if not net._graph.in_python:
        metadata[GRAPH_KEY] = net.graph().to_json()
    if net.metadata or more:
        metadata[METADATA_KEY] = metadata_text({**net.metadata, **(more or {})})
    return metadata


def path_text(path: Any) -> str:
    """A path as text. Raises DTypeError for anything else, ConfigError for what no file can be called."""
    return os.fspath(Path(checks.path("path", path)))
