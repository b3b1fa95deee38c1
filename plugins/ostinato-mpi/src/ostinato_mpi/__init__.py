"""MPI for ostinato: `Trainer(strategies=["mpi"])` trains on all ranks of `mpiexec`."""

from __future__ import annotations

from ostinato import StrategySpec, hookimpl
from ostinato_mpi.communicator import MPICommunicator
from ostinato_mpi.strategy import mpi

__all__ = ["MPICommunicator", "mpi"]


@hookimpl
def ostinato_strategies() -> list[StrategySpec]:
    """The strategy of this package."""
    return [StrategySpec("mpi", mpi, role="execution", examples=({}, {"shards": 3}))]
