"""Ranks as threads of this process: a communicator for tests, whose ranks may fail like processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ostinato.parallel import Bytes, Communicator

R = TypeVar("R")


class Aborted(BaseException):
    """Another rank has failed."""


class Meeting:
    """What the ranks share."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.barrier = threading.Barrier(size, timeout=20)
        self.parts: list[Any] = [None] * size
        self.calls: list[str] = []


class Rank(Communicator):
    """One rank of a meeting."""

    def __init__(self, meeting: Meeting, rank: int) -> None:
        self.rank, self.size, self._meeting = rank, meeting.size, meeting

    def allgather(self, data: Bytes) -> Sequence[Bytes]:
        self._meeting.parts[self.rank] = data
        self._meet()
        found = [one.copy() for one in self._meeting.parts]
        self._meet()
        return found

    def broadcast(self, data: Bytes | None) -> Bytes:
        if data is not None:
            self._meeting.parts[0] = data
        self._meet()
        found: Bytes = self._meeting.parts[0].copy()
        self._meet()
        return found

    def _meet(self) -> None:
        try:
            self._meeting.barrier.wait()
        except threading.BrokenBarrierError:
            raise Aborted from None

    def abort(self, message: str) -> None:
        self._meeting.calls.append(message)
        self._meeting.barrier.abort()


def on_ranks(size: int, work: Callable[[Rank], R]) -> list[R | BaseException]:
    """What `work(communicator)` returns or raises on each rank."""
    meeting = Meeting(size)
    found: list[Any] = [None] * size

    def one(rank: int) -> None:
        try:
            found[rank] = work(Rank(meeting, rank))
        except BaseException as error:
            found[rank] = error

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
