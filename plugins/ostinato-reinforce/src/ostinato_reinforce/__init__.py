"""Estimators for ostinato that learn from rewards, one per file; the hook below registers their names."""

from __future__ import annotations

from ostinato import StrategySpec, hookimpl
from ostinato_reinforce.minimum_risk import MinimumRisk
from ostinato_reinforce.reinforce import Reinforce
from ostinato_reinforce.rewards import edit, exact

__all__ = ["MinimumRisk", "Reinforce", "edit", "exact"]


@hookimpl
def ostinato_strategies() -> list[StrategySpec]:
    """The strategies of this package."""
    return [StrategySpec.of(Reinforce), StrategySpec.of(MinimumRisk)]
