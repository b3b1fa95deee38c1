"""The ranks of an MPI communicator."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
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
# For mpiexec to read the output of a rank, also on a busy machine.
_TO_READ: Final = 0.5


class MPICommunicator(Communicator):
    """The ranks of `comm`, a communicator of mpi4py; by default all that mpiexec started.

    One rank alone may make it: no rank waits for others before the first exchange. That makes a duplicate of
    `comm`, which later ones use too, and calls `at_first(self)` on all ranks. Raises ConfigError where there
    is no MPI library.
    """

    def __init__(self, comm: Any = None, at_first: Callable[[MPICommunicator], None] | None = None) -> None:
        self._mpi = mpi = library()
        self._given = mpi.COMM_WORLD if comm is None else comm
        self._at_first = at_first
        self._own: _Own | None = None
        self.rank: int = self._given.Get_rank()
        self.size: int = self._given.Get_size()

    def allgather(self, data: Bytes) -> Sequence[Bytes]:
        """The data of every rank."""
        comm = self._together().comm
        own = np.array([data.size], np.int64)
        sizes = np.zeros(self.size, np.int64)
        self._wait(comm.Iallgather(own, sizes), _BUSY_WAITING)
        ends = np.cumsum(sizes)
        whole = np.empty(int(ends[-1]), np.uint8)
        counts = [int(one) for one in sizes]
        starts = [int(end - size) for end, size in zip(ends, sizes, strict=True)]
        parts = [whole, (counts, starts), self._mpi.BYTE]
        self._wait(comm.Iallgatherv([data, self._mpi.BYTE], parts), _BUSY_SENDING)
        return [whole[start : start + count] for start, count in zip(starts, counts, strict=True)]

    def broadcast(self, data: Bytes | None) -> Bytes:
        """The data of rank 0."""
        comm = self._together().comm
        size = np.array([0 if data is None else data.size], np.int64)
        self._wait(comm.Ibcast(size), _BUSY_WAITING)
        whole = np.empty(int(size[0]), np.uint8) if data is None else np.array(data, np.uint8)
        self._wait(comm.Ibcast([whole, self._mpi.BYTE]), _BUSY_SENDING)
        return whole

    def abort(self, message: str) -> None:
        """End all ranks with MPI_Abort; this one too."""
        print(f"{message}; all ranks end", file=sys.stderr, flush=True)
        # mpiexec kills the ranks as soon as it knows, and the output that it has not read by then is lost
        time.sleep(_TO_READ)
        self._given.Abort(1)

    def sharing(self, processors: frozenset[int]) -> int:
        """How many ranks of this machine may use the same processors as this one, counting it.

        All ranks call it together the first time; then it returns the same.
        """
        own = self._together()
        if own.sharing is None:
            machine = own.comm.Split_type(self._mpi.COMM_TYPE_SHARED)
            found: list[frozenset[int]] = machine.allgather(processors)
            machine.Free()
            own.sharing = found.count(processors)
        return own.sharing

    def _together(self) -> _Own:
        """The duplicate; all ranks make the first call together."""
        if self._own is None:
            self._own = self._duplicate()
            if self._at_first is not None:
                self._at_first(self)
        return self._own

    def _duplicate(self) -> _Own:
        """The only duplicate of the given one: MPI has few numbers for them, about 2000 in MPICH."""
        if not _keys:
            _keys.append(self._mpi.Comm.Create_keyval())
        # An attribute of a communicator ends with it; another one may get its address.
        found: _Own | None = self._given.Get_attr(_keys[0])
        if found is None:
            made, request = self._given.Idup()
            self._wait(request, _BUSY_WAITING)
            found = _Own(made)
            self._given.Set_attr(_keys[0], found)
        return found

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
