"""The workers of one attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ostinato import Communicator
from ostinato.parallel import Bytes
from ostinato_ray.errors import WorkerError
from ostinato_ray.library import library


class RayCommunicator(Communicator):
    """Worker `rank` of `size`, which exchanges messages through the actor `meeting`."""

    def __init__(self, meeting: Any, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
        self.meeting_lost = False
        self._meeting = meeting
        self._ray = library()
        self._calls = 0

    def allgather(self, data: Bytes) -> Sequence[Bytes]:
        """The data of every worker."""
        return self._met(data, first_only=False)

    def broadcast(self, data: Bytes | None) -> Bytes:
        """The data of rank 0."""
        return self._met(np.zeros(0, np.uint8) if data is None else data, first_only=True)[0]

    def abort(self, message: str) -> None:
        """End all workers: the caller of `fit` does it. Returns, so that this worker raises its error."""
        self._get(self._meeting.abort.remote(message))

    def _met(self, data: Bytes, *, first_only: bool) -> list[Bytes]:
        number, self._calls = self._calls, self._calls + 1
        found = self._get(self._meeting.meet.remote(number, self.rank, data, first_only))
        # what Ray returns may not be written to
        return [np.array(one) for one in found]

    def _get(self, reference: Any) -> Any:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            self.meeting_lost = True
            raise WorkerError(f"rank {self.rank} cannot reach the other workers: {error}") from error
