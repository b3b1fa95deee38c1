"""Attention for ostinato: scorers and a layer, one per file; the hooks below register their names."""

from __future__ import annotations

from ostinato import LayerSpec, ScorerSpec, hookimpl
from ostinato_attention.local import Local
from ostinato_attention.location import Location
from ostinato_attention.multi_head import MultiHead
from ostinato_attention.pooling import Pooling

__all__ = ["Local", "Location", "MultiHead", "Pooling"]


@hookimpl
def ostinato_scorers() -> list[ScorerSpec]:
    """The scorers of this package."""
    return [ScorerSpec.of(scorer) for scorer in (Location, Local, MultiHead)]


@hookimpl
def ostinato_layers() -> list[LayerSpec]:
    """The layers of this package."""
    return [LayerSpec.of(Pooling)]
