"""The ranks of an MPI communicator."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ostinato import Communicator, ConfigError
from ostinato.parallel import Bytes

# Seconds. A rank that waits for others looks again after pauses. MPI itself would keep a processor busy that
# another rank may need, and would not see Ctrl-C. In a transfer, to which all ranks have come, a pause would
# delay the others, because MPI sends only while it is called.
_BUSY_WAITING: Final = 100e-6
_BUSY_SENDING: Final = 20e-3
_FIRST_PAUSE: Final = 20e-6
_LONGEST_PAUSE: Final = 200e-6


class MPICommunicator(Communicator):
    """The ranks of `comm`, a communicator of mpi4py; by default all that mpiexec started.

    All ranks of `comm` make the first one together, because it makes a duplicate of `comm`; later ones use
    the same duplicate. Raises ConfigError where there is no MPI library.
    """

    def __init__(self, comm: Any = None) -> None:
        self._mpi = mpi = library()
        self._own = _own_of(mpi, mpi.COMM_WORLD if comm is None else comm)
        self._comm = self._own.comm
        self.rank: int = self._comm.Get_rank()
        self.size: int = self._comm.Get_size()

    def allgather(self, data: Bytes) -> Sequence[Bytes]:
        """The data of every rank."""
        own = np.array([data.size], np.int64)
        sizes = np.zeros(self.size, np.int64)
        self._wait(self._comm.Iallgather(own, sizes), _BUSY_WAITING)
        ends = np.cumsum(sizes)
        whole = np.empty(int(ends[-1]), np.uint8)
        counts = [int(one) for one in sizes]
        starts = [int(end - size) for end, size in zip(ends, sizes, strict=True)]
        parts = [whole, (counts, starts), self._mpi.BYTE]
        self._wait(self._comm.Iallgatherv([data, self._mpi.BYTE], parts), _BUSY_SENDING)
        return [whole[start : start + count] for start, count in zip(starts, counts, strict=True)]

    def broadcast(self, data: Bytes | None) -> Bytes:
        """The data of rank 0."""
        size = np.array([0 if data is None else data.size], np.int64)
        self._wait(self._comm.Ibcast(size), _BUSY_WAITING)
        whole = np.empty(int(size[0]), np.uint8) if data is None else np.array(data, np.uint8)
        self._wait(self._comm.Ibcast([whole, self._mpi.BYTE]), _BUSY_SENDING)
        return whole

    def abort(self, message: str) -> None:
        """End all ranks with MPI_Abort; this one too."""
        print(f"{message}; all ranks end", file=sys.stderr, flush=True)
        self._comm.Abort(1)

    def sharing(self, processors: frozenset[int]) -> int:
        """How many ranks of this machine may use the same processors as this one, counting it.

        All ranks call it together the first time; then it returns the same.
        """
        if self._own.sharing is None:
            machine = self._comm.Split_type(self._mpi.COMM_TYPE_SHARED)
            found: list[frozenset[int]] = machine.allgather(processors)
            machine.Free()
            self._own.sharing = found.count(processors)
        return self._own.sharing

    def _wait(self, request: Any, busy: float) -> None:
        end = time.perf_counter() + busy
        pause = _FIRST_PAUSE
        while not request.Test():
            if time.perf_counter() < end:
                os.sched_yield()
            else:
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)


@dataclass
class _Own:
    """A duplicate of a communicator, which has no messages of other programs, and facts about its ranks.

    sharing: how many ranks of this machine use the same processors, None before it was counted.
    """

    comm: Any
    sharing: int | None = None


_keys: list[int] = []


def _own_of(mpi: Any, comm: Any) -> _Own:
    """The only duplicate of a communicator: MPI has few numbers for them, about 2000 in MPICH."""
    if not _keys:
        _keys.append(mpi.Comm.Create_keyval())
    # An attribute of `comm` ends with it; another communicator may get its address.
    found: _Own | None = comm.Get_attr(_keys[0])
    if found is None:
        found = _Own(comm.Dup())
        comm.Set_attr(_keys[0], found)
    return found


def library() -> Any:
    """`mpi4py.MPI`, which starts MPI when it is imported first. Raises ConfigError."""
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ConfigError(
            f"strategy 'mpi': MPI cannot be started: {error}; install an MPI library, such as with "
            "pip install mpich, and mpi4py"
        ) from error
    return MPI
