"""Who gave what a layer was made of: kept in the model file, beside the programs that were made of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ostinato.network.graph import Unit
from ostinato.plugins.entry import BUILTIN, Provider
from ostinato.plugins.registry import registry
from ostinato.regularizer import Regularizer


def providers_of(
    regularizers: Iterable[Regularizer], units: Sequence[Sequence[Unit]]
) -> tuple[tuple[str, Provider], ...]:
    """The providers of regularizers and initializers that plugins gave, by "kind namespace/name", sorted.

    Raises UnknownName or AmbiguousName for an initializer.
    """
    found: dict[str, Provider] = {}
    for one in regularizers:
        if one.provider is not None and one.provider.id != BUILTIN:
            found[f"regularizer {one.provider.namespace}/{one.name}"] = one.provider
    inits = {param.init for layer in units for unit in layer for param in unit.params.values()}
    for init in inits:
        if isinstance(init, str):
            entry = registry.resolve("initializer", init)
            if entry.provider.id != BUILTIN:
                found[f"initializer {entry.full}"] = entry.provider
    return tuple(sorted(found.items(), key=lambda pair: pair[0]))
