"""Feedings for ostinato, one per file; the hook below registers their names."""

from __future__ import annotations

from ostinato import StrategySpec, hookimpl
from ostinato_sampling.free_running import FreeRunning
from ostinato_sampling.scheduled import ScheduledSampling

__all__ = ["FreeRunning", "ScheduledSampling"]


@hookimpl
def ostinato_strategies() -> list[StrategySpec]:
    """The strategies of this package."""
    return [StrategySpec.of(ScheduledSampling), StrategySpec.of(FreeRunning)]
