"""The built-ins as a plugin: they are registered through the same hooks as other plugins."""

from __future__ import annotations

from ostinato.cell import Cell
from ostinato.discover import leaves
from ostinato.initializers import Initializer
from ostinato.losses import Loss
from ostinato.metrics import Metric
from ostinato.optimizers import Optimizer
from ostinato.regularizer import Regularizer
from ostinato.schedules import Schedule
from ostinato.scorer import Scorer
from ostinato.specs import (
    CellSpec,
    InitializerSpec,
    LossSpec,
    MetricSpec,
    OptimizerSpec,
    RegularizerSpec,
    ScheduleSpec,
    ScorerSpec,
    StrategySpec,
    hookimpl,
)
from ostinato.strategy import Strategy


@hookimpl
def ostinato_cells() -> list[CellSpec]:
    """Return every cell of ostinato/cells."""
    return [CellSpec(name, one) for name, one in leaves("ostinato.cells", Cell).items()]


@hookimpl
def ostinato_regularizers() -> list[RegularizerSpec]:
    """Return every regularizer of ostinato/regularizers."""
    found = leaves("ostinato.regularizers", Regularizer)
    return [RegularizerSpec(name, one) for name, one in found.items()]


@hookimpl
def ostinato_scorers() -> list[ScorerSpec]:
    """Return every scorer of ostinato/scorers."""
    return [ScorerSpec(name, one) for name, one in leaves("ostinato.scorers", Scorer).items()]


@hookimpl
def ostinato_losses() -> list[LossSpec]:
    """Return every loss of ostinato/losses."""
    return [LossSpec(name, one) for name, one in leaves("ostinato.losses", Loss).items()]


@hookimpl
def ostinato_optimizers() -> list[OptimizerSpec]:
    """Return every optimizer of ostinato/optimizers."""
    return [OptimizerSpec(name, one) for name, one in leaves("ostinato.optimizers", Optimizer).items()]


@hookimpl
def ostinato_initializers() -> list[InitializerSpec]:
    """Return every initializer of ostinato/initializers."""
    return [InitializerSpec(name, one) for name, one in leaves("ostinato.initializers", Initializer).items()]


@hookimpl
def ostinato_schedules() -> list[ScheduleSpec]:
    """Return every schedule of ostinato/schedules."""
    return [ScheduleSpec(name, one) for name, one in leaves("ostinato.schedules", Schedule).items()]


@hookimpl
def ostinato_strategies() -> list[StrategySpec]:
    """Return every strategy of ostinato/strategies."""
    return [StrategySpec.of(one) for one in leaves("ostinato.strategies", Strategy).values()]


@hookimpl
def ostinato_metrics() -> list[MetricSpec]:
    """Return every metric of ostinato/metrics."""
    return [MetricSpec(name, one) for name, one in leaves("ostinato.metrics", Metric).items()]
