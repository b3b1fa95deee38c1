"""Ray for ostinato: `ostinato_ray.fit(train, workers=2)` trains one network on several workers."""

from __future__ import annotations

from ostinato import StrategySpec, hookimpl
from ostinato_ray.communicator import RayCommunicator
from ostinato_ray.errors import WorkerError, WorkerTraceback
from ostinato_ray.fit import fit
from ostinato_ray.strategy import ray
from ostinato_ray.worker import Worker

__all__ = ["RayCommunicator", "Worker", "WorkerError", "WorkerTraceback", "fit", "ray"]


@hookimpl
def ostinato_strategies() -> list[StrategySpec]:
    """The strategy of this package."""
    return [StrategySpec("ray", ray, role="execution", examples=({}, {"shards": 3}))]
