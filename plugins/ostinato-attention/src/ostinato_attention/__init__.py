"""Attention scorers for ostinato, one per file; the hook below registers their names."""

from __future__ import annotations

from ostinato import ScorerSpec, hookimpl
from ostinato_attention.local import Local
from ostinato_attention.location import Location
from ostinato_attention.multi_head import MultiHead

__all__ = ["Local", "Location", "MultiHead"]


@hookimpl
def ostinato_scorers() -> list[ScorerSpec]:
    """The scorers of this package."""
    return [ScorerSpec.of(scorer) for scorer in (Location, Local, MultiHead)]
