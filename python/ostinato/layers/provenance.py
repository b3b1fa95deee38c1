"""The providers of a layer's cell and regularizers: stored in the model file, with the programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ostinato.network.graph import Unit
from ostinato.options import Configured
from ostinato.plugins.entry import BUILTIN, Provider
from ostinato.plugins.registry import registry


def providers_of(
    things: Iterable[Configured], units: Sequence[Sequence[Unit]]
) -> tuple[tuple[str, Provider], ...]:
    """The providers of those `things` and initializers that plugins gave, by "kind namespace/name", sorted.

    things: regularizers, and what a composed cell is made of.

    Raises UnknownName or AmbiguousName for an initializer.
    """
    found: dict[str, Provider] = {}
    for one in things:
        if one.provider is not None and one.provider.id != BUILTIN:
            found[f"{one.kind} {one.provider.namespace}/{one.name}"] = one.provider
    params = [pair for layer in units for unit in layer for pair in unit.params.items()]
    for name, init in ((name, param.init) for name, param in params):
        if isinstance(init, str):
            entry = registry.resolve("initializer", init, argument=f"initializer of {name}")
            if entry.provider.id != BUILTIN:
                found[f"initializer {entry.full}"] = entry.provider
    return tuple(sorted(found.items(), key=lambda pair: pair[0]))
