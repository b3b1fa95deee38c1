"""Trainings on workers of Ray, which start again when one is lost."""

from __future__ import annotations

import math
import sys
import uuid
from collections.abc import Callable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeVar

from ostinato import ConfigError, DTypeError
from ostinato.errors import described, shown
from ostinato_ray.attempt import Attempt, Job, Lost
from ostinato_ray.errors import WorkerError
from ostinato_ray.library import library
from ostinato_ray.worker import Worker

V = TypeVar("V")


def fit(
    train: Callable[[Worker], V],
    *,
    workers: int,
    folder: str | PathLike[str] | None = None,
    restarts: int = 0,
    at_least: int | None = None,
    resume: bool = False,
    cpus: int = 1,
    wait: float = 60.0,
    options: Mapping[str, Any] | None = None,
) -> V:
    """Call `train(worker)` on each of several workers of Ray; return what it returned on rank 0.

    The function makes a trainer with the strategy "ray". It is pickled, so the workers need the modules that
    it imports. Without a connection to Ray, `ray.init()` makes one.

    workers: how many. folder: for checkpoints, on storage that all machines share; the function writes
    `worker.checkpoint`. restarts: how often all workers start again, from the newest checkpoint, if one of
    them or its node is lost. at_least: how many workers are enough at a start if no more have started after
    `wait` seconds; by default `workers`. resume: continue the training whose checkpoint is in the folder.
    cpus: of each worker, and its threads. options: of Ray, for the actor of each worker, such as resources.

    Raises the error of a worker, with a WorkerTraceback as its cause; WorkerError if a worker is lost and no
    restart remains, or if it waits for one that has returned; ConfigError and DTypeError for wrong arguments,
    without Ray, and if too few workers start.
    """
    job = _job(train, workers, folder, restarts, at_least, resume, cpus, wait, options)
    ray = library()
    if not ray.is_initialized():
        ray.init()
    marked = False
    for restart in range(restarts + 1):
        attempt = Attempt(job, restart, marked)
        try:
            result: V = attempt.result()
            return result
        except Lost as error:
            marked = attempt.marked
            if restart == restarts:
                hint = "" if restarts else "; give restarts= and folder= to start again from a checkpoint"
                raise WorkerError(f"{error}; restarts: {restarts}{hint}") from error.__cause__
            print(
                f"ostinato_ray.fit: {error}; all workers start again ({restart + 1} of {restarts})",
                file=sys.stderr,
                flush=True,
            )
    raise AssertionError("the last attempt returns or raises")


def _job(
    train: Any,
    workers: Any,
    folder: Any,
    restarts: Any,
    at_least: Any,
    resume: Any,
    cpus: Any,
    wait: Any,
    options: Any,
) -> Job:
    """The arguments, checked. Raises ConfigError and DTypeError."""
    if not callable(train):
        raise DTypeError(f"ostinato_ray.fit: train is {shown(train)}; expected a function of a worker")
    _whole("workers", workers, 1)
    _whole("restarts", restarts, 0)
    _whole("cpus", cpus, 1)
    if at_least is not None and _whole("at_least", at_least, 1) > workers:
        raise ConfigError(
            f"ostinato_ray.fit: at_least is {at_least}; expected at most {workers}, the number of workers"
        )
    if not isinstance(resume, bool):
        raise DTypeError(f"ostinato_ray.fit: resume is {shown(resume)}; expected True or False")
    if isinstance(wait, bool) or not isinstance(wait, (int, float)):
        raise DTypeError(f"ostinato_ray.fit: wait is {shown(wait)}; expected a number of seconds")
    if not 0 < wait < math.inf:
        raise ConfigError(f"ostinato_ray.fit: wait is {shown(wait)}; expected seconds above 0")
    if folder is None and (restarts or resume):
        asked = f"restarts={restarts}" if restarts else "resume=True"
        raise ConfigError(
            f"ostinato_ray.fit: {asked} needs the folder of the checkpoints; give folder=, on storage that "
            "all machines share"
        )
    if options is not None and not isinstance(options, Mapping):
        raise DTypeError(f"ostinato_ray.fit: options is {shown(options)}; expected a dict of options of Ray")
    for name, instead in (("num_cpus", "give cpus="), ("max_restarts", "give restarts=")):
        if name in (options or {}):
            raise ConfigError(f"ostinato_ray.fit: options has {name!r}; {instead} instead")
    try:
        function = library().cloudpickle.dumps(train)
    except Exception as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"ostinato_ray.fit: train cannot be pickled: {described(error)}; make what cannot be pickled, "
            "such as files, locks and trainers, inside of the function"
        ) from error
    needed = workers if at_least is None else at_least
    mark = uuid.uuid4().hex
    return Job(function, workers, needed, _path(folder), resume, cpus, float(wait), dict(options or {}), mark)


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise DTypeError(f"ostinato_ray.fit: {name} is {shown(value)}; expected an integer from {least}")
    if value < least:
        raise ConfigError(f"ostinato_ray.fit: {name} is {value}; expected an integer from {least}")
    return value


def _path(folder: Any) -> str | None:
    """The folder as an absolute path; workers may have another current folder."""
    if folder is None:
        return None
    try:
        return str(Path(fspath(folder)).absolute())
    except TypeError:
        raise DTypeError(f"ostinato_ray.fit: folder is {shown(folder)}; expected a path") from None
