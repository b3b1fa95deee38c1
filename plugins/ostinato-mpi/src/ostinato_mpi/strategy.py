"""The strategy "mpi": the data-parallel strategy of ostinato on the ranks of MPI."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

import ostinato as ost
from ostinato import ConfigError, DataParallel
from ostinato.errors import shown
from ostinato_mpi.communicator import MPICommunicator

# As in `ost.set_num_threads`.
_MOST_THREADS: Final = 1024
_printed: list[str] = []


def mpi(
    *, shards: int = 4, check_every: int = 100, threads: int | None = None, comm: Any = None
) -> DataParallel:
    """Trains on all ranks that mpiexec started: `mpiexec -n 4 python -m mpi4py train.py`.

    shards, check_every: as in `ostinato.DataParallel`. threads: of each rank, None for the processors of the
    machine divided by its ranks. comm: a communicator of mpi4py, None for all ranks. One rank works too, and
    prints so. The threads of None are set when the ranks first meet, in `fit`. Raises ConfigError: without an
    MPI library, for other options, for more ranks than shards.
    """
    if threads is not None and (isinstance(threads, bool) or threads not in range(1, _MOST_THREADS + 1)):
        raise ConfigError(
            f"strategy 'mpi': threads is {shown(threads)}; expected an integer from 1 to {_MOST_THREADS}, "
            "or None"
        )
    if comm is not None and not hasattr(comm, "Dup"):
        raise ConfigError(f"strategy 'mpi': comm is {shown(comm)}; expected a communicator of mpi4py")
    communicator = MPICommunicator(comm, _share_processors if threads is None else None)
    made = DataParallel(communicator, shards=shards, check_every=check_every)
    if threads is not None:
        ost.set_num_threads(threads)
    if communicator.size == 1 and not _printed:
        _printed.append("one rank")
        print(
            "strategy 'mpi': 1 rank; for more: mpiexec -n 4 python -m mpi4py train.py",
            file=sys.stderr,
            flush=True,
        )
    return made


def _share_processors(communicator: MPICommunicator) -> None:
    """Gives each rank its part of the machine's processors."""
    if communicator.size > 1:
        processors = frozenset(os.sched_getaffinity(0))
        ost.set_num_threads(max(1, len(processors) // communicator.sharing(processors)))
