"""Parts of training runs for ostinato, one per file; the hooks below register their names."""

from __future__ import annotations

from ostinato import OptimizerSpec, ScheduleSpec, StrategySpec, hookimpl
from ostinato_zoo_training.accumulation import Accumulation
from ostinato_zoo_training.gradient_noise import GradientNoise
from ostinato_zoo_training.lion import Lion
from ostinato_zoo_training.one_cycle import OneCycle
from ostinato_zoo_training.reinforce import Reinforce
from ostinato_zoo_training.sam import SAM
from ostinato_zoo_training.self_paced import SelfPaced
from ostinato_zoo_training.two_processes import TwoProcesses

__all__ = ["GradientNoise"]


@hookimpl
def ostinato_optimizers() -> list[OptimizerSpec]:
    """The optimizers of this package."""
    return [OptimizerSpec.of(Lion)]


@hookimpl
def ostinato_schedules() -> list[ScheduleSpec]:
    """The schedules of this package."""
    return [ScheduleSpec.of(OneCycle)]


@hookimpl
def ostinato_strategies() -> list[StrategySpec]:
    """The strategies of this package."""
    strategies = (Accumulation, Reinforce, SAM, SelfPaced, TwoProcesses)
    return [StrategySpec.of(strategy) for strategy in strategies]
