"""The built-in layers as a plugin: they enter the registry by the same hook as anybody's."""

from __future__ import annotations

import importlib
import pkgutil

from ostinato import layers
from ostinato.network.network import Network
from ostinato.specs import LayerSpec, hookimpl


@hookimpl
def ostinato_layers() -> list[LayerSpec]:
    """Return every layer of ostinato/layers that has examples: what is made of options alone."""
    found = []
    for file in sorted(one.name for one in pkgutil.iter_modules(layers.__path__)):
        for one in vars(importlib.import_module(f"ostinato.layers.{file}")).values():
            if isinstance(one, type) and issubclass(one, Network) and one.__module__.endswith(f".{file}"):
                if "examples" in vars(one):
                    found.append(LayerSpec(one.kind, one))
    return found
