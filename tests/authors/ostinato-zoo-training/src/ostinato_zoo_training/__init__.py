"""Parts of training runs for ostinato, one per file; the hooks below register their names."""

from __future__ import annotations

from ostinato import CallbackSpec, OptimizerSpec, ScheduleSpec, StrategySpec, hookimpl
from ostinato_zoo_training.accumulation import Accumulation
from ostinato_zoo_training.adafactor import Adafactor
from ostinato_zoo_training.gradient_noise import GradientNoise
from ostinato_zoo_training.lamb import LAMB
from ostinato_zoo_training.lion import Lion
from ostinato_zoo_training.lookahead import LookaheadAdam
from ostinato_zoo_training.one_cycle import OneCycle
from ostinato_zoo_training.reinforce import Reinforce
from ostinato_zoo_training.sam import SAM
from ostinato_zoo_training.self_paced import SelfPaced
from ostinato_zoo_training.two_processes import TwoProcesses

__all__ = ["GradientNoise"]


@hookimpl
def ostinato_optimizers() -> list[OptimizerSpec]:
    """The optimizers of this package."""
    return [OptimizerSpec.of(optimizer) for optimizer in (Lion, LAMB, Adafactor, LookaheadAdam)]


@hookimpl
def ostinato_callbacks() -> list[CallbackSpec]:
    """The callbacks of this package."""
    return [CallbackSpec.of(GradientNoise)]


@hookimpl
def ostinato_schedules() -> list[ScheduleSpec]:
    """The schedules of this package."""
    return [ScheduleSpec.of(OneCycle)]


@hookimpl
def ostinato_strategies() -> list[StrategySpec]:
    """The strategies of this package."""
    strategies = (Accumulation, Reinforce, SAM, SelfPaced, TwoProcesses)
    return [StrategySpec.of(strategy) for strategy in strategies]
