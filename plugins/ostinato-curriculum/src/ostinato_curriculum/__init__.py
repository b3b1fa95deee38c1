"""Curricula for ostinato, one per file; the hook below registers their names."""

from __future__ import annotations

from ostinato import StrategySpec, hookimpl
from ostinato_curriculum.length import LengthCurriculum

__all__ = ["LengthCurriculum"]


@hookimpl
def ostinato_strategies() -> list[StrategySpec]:
    """The strategies of this package."""
    return [StrategySpec.of(LengthCurriculum)]
