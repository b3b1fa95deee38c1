"""What an engine brings to train on several processes: numbered processes that exchange bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Bytes: TypeAlias = NDArray[np.uint8]
"""A contiguous array (n,) of bytes."""


class Communicator(ABC):
    """Processes that run the same program; each is a rank from 0 to `size` - 1.

    An engine such as MPI or Ray derives from it, and `DataParallel(communicator)` does the rest. `rank` is
    the number of this process, and rank 0 is the chief, which writes files. Every rank makes the same calls
    in the same order. A call waits for the other ranks; if one of them has ended or cannot be reached, it
    raises an error or ends this process, in bounded time.
    """

    rank: int
    size: int

    @abstractmethod
    def allgather(self, data: Bytes) -> Sequence[Bytes]:
        """The data of every rank, in the order of the ranks; each may have another length.

        The arrays returned may be written to, and are not used again by the communicator.
        """

    @abstractmethod
    def broadcast(self, data: Bytes | None) -> Bytes:
        """The data of rank 0; the other ranks give None."""

    @abstractmethod
    def abort(self, message: str) -> None:
        """End all ranks, because this one failed; `message` says why. Ranks that wait must not wait forever.

        It may end this process, or return: then the failure is raised.
        """


class OneProcess(Communicator):
    """The communicator of a process that is alone."""

    rank = 0
    size = 1

    def allgather(self, data: Bytes) -> Sequence[Bytes]:
        """The data alone, copied."""
        return [data.copy()]

    def broadcast(self, data: Bytes | None) -> Bytes:
        """The data."""
        assert data is not None, "rank 0 gives the data"
        return data

    def abort(self, message: str) -> None:
        """Return: there is no other rank."""
