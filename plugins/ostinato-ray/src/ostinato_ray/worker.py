"""A worker: what its function is given, and the actor that runs it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import ostinato as ost
from ostinato import ConfigError
from ostinato.errors import described
from ostinato_ray import strategy
from ostinato_ray.communicator import RayCommunicator
from ostinato_ray.library import library

CHECKPOINT: Final = "newest"
_MARK: Final = ".ostinato-ray"
# Seconds until a file that one machine has written is seen on another: network file systems have caches.
_UNTIL_SEEN: Final = 10.0


@dataclass(frozen=True)
class Worker:
    """What the function of a training gets.

    rank, size: the number of this worker, from 0, and how many there are. restart: how often the workers have
    started again. resume: the path of the newest checkpoint for `fit(..., resume=worker.resume)`, or False.
    """

    rank: int
    size: int
    restart: int = 0
    folder: str | None = None
    resume: str | bool = False

    @property
    def checkpoint(self) -> str:
        """The path for `ost.Checkpoints`. Raises ConfigError if `fit` has no folder."""
        if self.folder is None:
            raise ConfigError("worker.checkpoint: ostinato_ray.fit was called without a folder; give folder=")
        return str(Path(self.folder) / CHECKPOINT)


@dataclass(frozen=True)
class Outcome:
    """How the function of a worker ended: a pickled value or error, its traceback and a summary as text."""

    how: Literal["returned", "raised", "lost"]
    pickled: bytes | None = None
    text: str = ""
    summary: str = ""


class WorkerProcess:
    """The actor of a worker."""

    def ready(self) -> str:
        """The name of its machine, which errors contain."""
        import socket

        return socket.gethostname()

    def mark(self, folder: str, mark: str, resume: bool) -> None:
        """Leave a mark in the folder, by which every worker knows it.

        Raises ConfigError for a folder that cannot be written, and for one with a checkpoint unless `resume`.
        """
        path = Path(folder)
        if not resume and (path / CHECKPOINT).exists():
            raise ConfigError(
                f"ostinato_ray.fit: folder {folder!r} has a checkpoint of an earlier training; continue it "
                "with resume=True, or give another folder"
            )
        try:
            path.mkdir(parents=True, exist_ok=True)
            (path / _MARK).write_text(mark)
        except OSError as error:
            raise ConfigError(f"ostinato_ray.fit: folder: {described(error)}") from error

    def has_checkpoint(self, folder: str, mark: str) -> bool:
        """Whether the folder has a checkpoint. Raises ConfigError for a folder without the mark."""
        path = Path(folder)
        end = time.monotonic() + _UNTIL_SEEN
        while not _has(path / _MARK, mark):
            if time.monotonic() > end:
                raise ConfigError(
                    f"ostinato_ray.fit: folder {folder!r} is not the same folder on the machine "
                    f"{self.ready()!r} as on that of the first worker; give a folder on storage that all "
                    "machines share"
                )
            time.sleep(0.1)
        return (path / CHECKPOINT).exists()

    def run(self, function: bytes, worker: Worker, meeting: Any, threads: int) -> Outcome:
        """Call the function with the worker."""
        pickle = library().cloudpickle
        communicator = RayCommunicator(meeting, worker.rank, worker.size)
        strategy.workers.append(communicator)
        try:
            ost.set_num_threads(threads)
            value = _loaded(function)(worker)
            return Outcome("returned", _sent(value) if worker.rank == 0 else None)
        except BaseException as error:
            text = traceback.format_exc()
            how: Literal["raised", "lost"] = "lost" if communicator.meeting_lost else "raised"
            try:
                pickled = pickle.dumps(error)
                pickle.loads(pickled)
            except Exception:  # the error of a user may do anything
                pickled = None
            return Outcome(how, pickled, text, described(error))
        finally:
            strategy.workers.pop()


def _has(path: Path, text: str) -> bool:
    try:
        return path.read_text() == text
    except OSError:
        return False


def _loaded(function: bytes) -> Callable[[Worker], Any]:
    try:
        found: Callable[[Worker], Any] = library().cloudpickle.loads(function)
    except Exception as error:
        raise ConfigError(
            f"ostinato_ray.fit: a worker cannot load train: {described(error)}; install the modules that it "
            "needs on all machines, or give them with options={'runtime_env': ...}"
        ) from error
    return found


def _sent(value: Any) -> bytes:
    try:
        data: bytes = library().cloudpickle.dumps(value)
    except Exception as error:
        raise ConfigError(
            f"ostinato_ray.fit: what train returned cannot be pickled: {described(error)}; return arrays or "
            "numbers, and save a network with net.save"
        ) from error
    return data
