"""One attempt of a training: workers start, run their function, and all end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ostinato import ConfigError
from ostinato_ray.errors import WorkerError, WorkerTraceback
from ostinato_ray.library import library
from ostinato_ray.meeting import Meeting
from ostinato_ray.worker import CHECKPOINT, Outcome, Worker, WorkerProcess

# Seconds. A worker that aborts the others raises its error directly afterwards; killed workers end in less.
_UNTIL_RAISED: Final = 10.0
_UNTIL_ENDED: Final = 10.0


class Lost(Exception):
    """A worker, its node or the meeting was lost."""


@dataclass(frozen=True)
class Job:
    """What every attempt does: the pickled function, and the checked arguments of `fit`."""

    function: bytes
    workers: int
    at_least: int
    folder: str | None
    resume: bool
    cpus: int
    wait: float
    options: Mapping[str, Any]
    mark: str


class Attempt:
    """The actors of one attempt."""

    def __init__(self, job: Job, restart: int, marked: bool) -> None:
        self._job, self._restart = job, restart
        self.marked = marked
        """Whether the folder has the mark of this job."""
        self._ray = library()
        self._actors: list[Any] = []
        self._nodes: list[str] = []

    def result(self) -> Any:
        """What the function returned on rank 0.

        Raises Lost, the error of a worker with its traceback as the cause, and ConfigError if too few workers
        start, or for a folder that cannot be used. All actors have ended then.
        """
        try:
            self._start()
            return self._run(self._resumed())
        finally:
            self._end()

    def _start(self) -> None:
        """Start the workers, or those for which the cluster has resources."""
        job = self._job
        options = {**job.options, "num_cpus": job.cpus, "max_restarts": 0}
        remote = self._ray.remote(WorkerProcess).options(**options)
        started = {}
        for _ in range(job.workers):
            actor = remote.remote()
            self._actors.append(actor)
            started[actor.ready.remote()] = actor
        ready, waiting = self._ray.wait(list(started), num_returns=job.workers, timeout=job.wait)
        # in the order in which they were made
        there = [reference for reference in started if reference in set(ready)]
        self._nodes = [self._get(reference, "a worker") for reference in there]
        if len(there) < job.at_least:
            raise ConfigError(
                f"ostinato_ray.fit: {job.at_least} workers with {job.cpus} CPUs each are needed, but after "
                f"{job.wait:g} seconds only {len(there)} have started; the cluster has "
                f"{self._ray.cluster_resources().get('CPU', 0):g} CPUs; add nodes, or give fewer workers, a "
                "smaller at_least, or a longer wait"
            )
        for reference in waiting:
            self._ray.kill(started[reference])
        self._actors = [started[reference] for reference in there]

    def _resumed(self) -> str | bool:
        """The path of the checkpoint, or False."""
        job = self._job
        if job.folder is None:
            return False
        if not self.marked:
            self._get(self._actors[0].mark.remote(job.folder, job.mark, job.resume), "rank 0")
            self.marked = True
        asked = [actor.has_checkpoint.remote(job.folder, job.mark) for actor in self._actors]
        found = [self._get(reference, f"rank {rank}") for rank, reference in enumerate(asked)]
        return f"{job.folder}/{CHECKPOINT}" if found[0] else False

    def _run(self, resume: str | bool) -> Any:
        job, size = self._job, len(self._actors)
        meeting = self._ray.remote(Meeting).options(num_cpus=0, max_restarts=0).remote(size)
        self._actors.append(meeting)
        running = {
            actor.run.remote(
                job.function, Worker(rank, size, self._restart, job.folder, resume), meeting, job.cpus
            ): rank
            for rank, actor in enumerate(self._actors[:size])
        }
        aborted = meeting.aborted.remote()
        value = b""
        while running:
            ready, _ = self._ray.wait([*running, aborted])
            if ready == [aborted]:
                message = self._get(aborted, "the meeting of the workers")
                self._raise_of(running, size)
                raise WorkerError(f"the workers were ended: {message}")
            for reference in ready:
                if reference not in running:
                    continue
                rank = running.pop(reference)
                outcome = self._outcome(reference, rank, size)
                if rank == 0:
                    value = outcome.pickled or b""
                meeting.leave.remote(rank)
        return self._ray.cloudpickle.loads(value)

    def _raise_of(self, running: dict[Any, int], size: int) -> None:
        """Raises the error of the worker that ended the others, if it comes."""
        while running:
            ready, _ = self._ray.wait(list(running), timeout=_UNTIL_RAISED)
            if not ready:
                return
            self._outcome(ready[0], running.pop(ready[0]), size)

    def _outcome(self, reference: Any, rank: int, size: int) -> Outcome:
        """How a worker ended. Raises its error, and Lost."""
        where = f"rank {rank} of {size} on the machine {self._nodes[rank]!r}"
        outcome: Outcome = self._get(reference, where)
        if outcome.how == "lost":
            raise Lost(outcome.summary)
        if outcome.how == "raised":
            error: BaseException | None = None
            if outcome.pickled is not None:
                error = self._ray.cloudpickle.loads(outcome.pickled)
            if error is None or not isinstance(error, Exception):
                error = WorkerError(f"{where} raised {outcome.summary}")
            raise error from WorkerTraceback(f"{where}:\n{outcome.text}")
        return outcome

    def _get(self, reference: Any, where: str) -> Any:
        """What a call returned. Raises the error of the function, or Lost."""
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except errors.RayTaskError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, Exception):
                raise cause from WorkerTraceback(f"{where}:\n{error}")
            raise
        except errors.RayError as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise Lost(f"{where} was lost: {lines[0]}") from error

    def _end(self) -> None:
        """Kill all actors, and wait until they have ended, so that the next attempt finds their resources."""
        pings = []
        for actor in self._actors:
            self._ray.kill(actor)
            if hasattr(actor, "ready"):
                pings.append(actor.ready.remote())
        if pings:
            self._ray.wait(pings, num_returns=len(pings), timeout=_UNTIL_ENDED)
